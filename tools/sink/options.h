// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that can be said to `mailrace sink`.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mailrace::tools {

enum class SinkProtocol : uint8_t { smtp, lmtp };

struct SinkOptions {
  std::vector<std::string> listen{"127.0.0.1:2525"};  // parse_sink_address()
  SinkProtocol protocol = SinkProtocol::smtp;
  uint32_t workers = 1;
  std::string hostname = "sink.mailrace.invalid";
  uint64_t message_bytes_max = core::kMessageBytesDefault;
  uint32_t recipients_max = core::kRecipientsDefault;
  uint64_t messages = 0;      // then it ends; 0: never
  core::Duration duration{};  // the same; 0: never
  std::string ids;            // a file; empty: none
  std::string verify;         // a file; empty: none
  std::string received;       // a file: match it, and take no mail; empty: none
  // Rules of faults, see faults.h.
  std::vector<std::string> delays;
  std::vector<std::string> replies;
  std::vector<std::string> resets;
  std::vector<std::string> closes;
  uint64_t seed = 1;
  bool json = false;
  bool quiet = false;
};

}  // namespace mailrace::tools
