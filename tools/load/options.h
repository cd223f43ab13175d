// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that can be said to `mailrace load`.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"
#include "tools/load/address_range.h"
#include "tools/load/id_writer.h"
#include "tools/load/mail.h"
#include "tools/load/proxy_client.h"
#include "tools/load/rate.h"
#include "tools/load/schedule.h"
#include "tools/load/spread.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

enum class LoadTlsMode : uint8_t { off, starttls, implicit };
enum class LoadTlsVersion : uint8_t { tls12, tls13 };
enum class LoadTlsGroup : uint8_t { x25519, p256, x25519mlkem768 };

struct LoadTlsOptions {
  LoadTlsMode mode = LoadTlsMode::off;
  LoadTlsVersion version = LoadTlsVersion::tls13;
  LoadTlsGroup group = LoadTlsGroup::x25519;
  uint32_t resume_percent = 0;  // of the connections, once a session is there to be resumed
  std::string server_name;      // empty: none is said
};

struct LoadOptions {
  std::string target = "127.0.0.1:2525";
  uint32_t connections = 50;  // all threads together
  uint64_t messages = 0;      // all threads together; 0: no end but `duration`
  core::Duration warmup{};    // before what is measured; connections are opened in its first half
  core::Duration duration{};  // 0: no end but `messages`, or kLoadDurationDefaultS without either
  LoadRate rate;              // all threads together; none: a closed loop
  LoadArrivals arrivals = LoadArrivals::constant;
  LoadRamp ramp;                       // instead of `rate`; each step as long as `duration`
  bool allow_generator_limit = false;  // no failure
  uint32_t repeat = 1;                 // the whole of it
  uint32_t server_pid = 0;             // whose CPU time is looked at; 0: nobody's
  LoadSize message_bytes;
  std::string mail_folder;  // its mails instead of made-up ones; empty: none
  std::shared_ptr<const std::vector<std::string>> mails;  // what was read from there
  LoadCount messages_per_connection;                      // then QUIT and connect again; 0: never
  bool pipelining = true;                                 // where the server offers it
  LoadFraming framing = LoadFraming::data;
  uint64_t bdat_chunk_bytes = 64 << 10;
  std::string rcpt = "load@example.test";  // the first %d in it is a number
  LoadCount recipients = 1;
  std::string bad_rcpt = "nobody@refused.invalid";
  uint32_t bad_recipients_percent = 0;          // of RCPT commands: to bad_rcpt
  uint32_t abort_percent = 0;                   // of transactions: by RSET or by closing, in turn
  uint32_t slow_percent = 0;                    // of connections: mail data at slow_rate
  uint64_t slow_rate = 1024;                    // octets per second
  std::string mail_from = "load@example.test";  // "<>": the null reverse-path
  LoadTlsOptions tls;
  ProxyVersion proxy = ProxyVersion::off;
  AddressRange proxy_clients = *parse_address_range("10.0.0.0/8");
  std::optional<AddressRange> source;  // none: as the kernel likes
  uint64_t seed = 42;                  // of everything that is drawn
  std::string ids;                     // file for those of acknowledged messages; empty: none
  LoadIdWriter* id_writer = nullptr;   // the one that is open; outlives the run
  std::string scenario;                // the file that some of this is from
  uint32_t threads = 1;
  std::string csv;  // files; empty: none
  std::string html;
  bool json = false;
  bool quiet = false;
  core::Duration reply_timeout = core::seconds(core::kLoadReplyTimeoutS);

  bool is_open_loop() const noexcept { return rate.thousandths > 0 || ramp.is_asked_for(); }
  /// Requires: is_open_loop(). step   of the ramp
  LoadRate rate_of(uint32_t step) const noexcept {
    return ramp.is_asked_for() ? ramp.rate(step) : rate;
  }
  /// How long a step is, or all that is measured without a ramp; 0: until `messages` are sent.
  core::Duration step_time() const noexcept {
    if (duration.ns > 0) return duration;
    if (ramp.is_asked_for()) return core::seconds(core::kLoadRampStepDefaultS);
    return core::seconds(messages > 0 ? 0 : core::kLoadDurationDefaultS);
  }
  /// No thread is without a connection.
  uint32_t worker_count() const noexcept { return std::min(threads, connections); }
};

}  // namespace mailrace::tools
