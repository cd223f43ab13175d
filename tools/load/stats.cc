// SPDX-License-Identifier: GPL-3.0-or-later
// Addition of what threads counted.
#include "tools/load/stats.h"

#include <algorithm>

namespace mailrace::tools {

const char* name_of(LoadError error) noexcept {
  static constexpr const char* kNames[kLoadErrorCount] = {
      "connect", "closed", "unexpected_reply", "malformed_reply", "timeout", "tls"};
  return kNames[size_t(error)];
}

const char* name_of(LoadPhase phase) noexcept {
  static constexpr const char* kNames[kLoadPhaseCount] = {"connect", "banner", "ehlo", "tls",
                                                          "mail",    "rcpt",   "data", "message"};
  return kNames[size_t(phase)];
}

// A terminal obeys control characters, whoever they are from.
void LoadStats::count_error(LoadError error, std::string text) {
  ++errors[size_t(error)];
  if (!first_error.empty()) return;
  const auto is_control = [](char octet) { return uint8_t(octet) < ' ' || octet == '\x7f'; };
  std::ranges::replace_if(text, is_control, '?');
  first_error = std::move(text);
}

void LoadStats::merge(const LoadStats& other) {
  messages += other.messages;
  warmup_messages += other.warmup_messages;
  bytes += other.bytes;
  connections += other.connections;
  aborted += other.aborted;
  refused_recipients += other.refused_recipients;
  without_recipients += other.without_recipients;
  handshakes += other.handshakes;
  resumed += other.resumed;
  last_reply = std::max(last_reply, other.last_reply);
  for (size_t code = 0; code < replies.size(); ++code) replies[code] += other.replies[code];
  for (size_t error = 0; error < errors.size(); ++error) errors[error] += other.errors[error];
  if (first_error.empty()) first_error = other.first_error;
  scheduled += other.scheduled;
  unsent += other.unsent;
  cpu.ns += other.cpu.ns;
  late_ns.merge(other.late_ns);
  latency_ns.merge(other.latency_ns);
  for (size_t phase = 0; phase < kLoadPhaseCount; ++phase) {
    phases_ns[phase].merge(other.phases_ns[phase]);
  }
}

}  // namespace mailrace::tools
