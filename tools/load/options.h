// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that can be said to `mailrace load`.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"

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
  uint64_t message_bytes = 4096;
  uint64_t messages_per_connection = 0;  // then QUIT and connect again; 0: never
  bool pipelining = true;                // where the server offers it
  std::string rcpt = "load@example.test";
  std::string mail_from = "load@example.test";  // "<>": the null reverse-path
  LoadTlsOptions tls;
  uint32_t threads = 1;
  bool json = false;
  bool quiet = false;
  core::Duration reply_timeout = core::seconds(core::kLoadReplyTimeoutS);

  /// No thread is without a connection.
  uint32_t worker_count() const noexcept { return std::min(threads, connections); }
};

}  // namespace mailrace::tools
