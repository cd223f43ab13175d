// SPDX-License-Identifier: GPL-3.0-or-later
// Addition of what threads counted.
#include "tools/load/stats.h"

#include <algorithm>

namespace mailrace::tools {

void LoadStats::merge(const LoadStats& other) {
  messages += other.messages;
  warmup_messages += other.warmup_messages;
  bytes += other.bytes;
  connections += other.connections;
  handshakes += other.handshakes;
  resumed += other.resumed;
  last_reply = std::max(last_reply, other.last_reply);
  for (size_t code = 0; code < replies.size(); ++code) replies[code] += other.replies[code];
  for (size_t error = 0; error < errors.size(); ++error) errors[error] += other.errors[error];
  if (first_error.empty()) first_error = other.first_error;
  latency_ns.merge(other.latency_ns);
  handshake_ns.merge(other.handshake_ns);
}

}  // namespace mailrace::tools
