// SPDX-License-Identifier: GPL-3.0-or-later
// Addition of what workers counted.
#include "tools/sink/stats.h"

#include <algorithm>

namespace mailrace::tools {

void SinkStats::merge(const SinkStats& other) noexcept {
  messages += other.messages;
  bytes += other.bytes;
  connections += other.connections;
  dropped += other.dropped;
  without_id += other.without_id;
  altered += other.altered;
  for (size_t stage = 0; stage < kFaultStageCount; ++stage) {
    for (size_t kind = 0; kind < kFaultKindCount; ++kind) {
      faults[stage][kind] += other.faults[stage][kind];
    }
  }
  first_connection = std::min(first_connection, other.first_connection);
  last_message = std::max(last_message, other.last_message);
}

}  // namespace mailrace::tools
