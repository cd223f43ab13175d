// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that can be said to `mailrace load`.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"
#include "tools/load/rate.h"
#include "tools/load/schedule.h"

#include <algorithm>
#include <cstdint>
#include <string>

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
  LoadRamp ramp;  // instead of `rate`; each step as long as `duration`
  uint64_t seed = 42;
  bool allow_generator_limit = false;  // no failure
  uint32_t repeat = 1;                 // the whole of it
  uint32_t server_pid = 0;             // whose CPU time is looked at; 0: nobody's
  uint64_t message_bytes = 4096;
  uint64_t messages_per_connection = 0;  // then QUIT and connect again; 0: never
  bool pipelining = true;                // where the server offers it
  std::string rcpt = "load@example.test";
  std::string mail_from = "load@example.test";  // "<>": the null reverse-path
  LoadTlsOptions tls;
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
