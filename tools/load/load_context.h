// SPDX-License-Identifier: GPL-3.0-or-later
// What the connections of one worker share. Belongs to its thread.
#pragma once

#include "core/base/time.h"
#include "net/ring.h"
#include "tools/load/id_writer.h"
#include "tools/load/pacer.h"
#include "tools/load/plan.h"
#include "tools/load/stats.h"
#include "tools/load/tls_client.h"

#include <cstdint>
#include <deque>
#include <vector>

namespace mailrace::tools {

struct LoadContext {
  const LoadPlan& plan;
  net::Ring& ring;
  uint16_t buffer_group;
  LoadStats& stats;
  LoadTls* tls = nullptr;    // nullptr: no TLS
  uint64_t messages_left;    // that may still be begun
  uint64_t next_number;      // of a message, in its id
  uint64_t next_connection;  // its number
  core::Instant deadline;    // no message is begun behind it
  core::Instant now{};       // of this tick
  bool measuring = false;    // the warm-up is over
  bool stopping = false;     // no message is begun any more
  bool timed_out = false;    // somebody waited in vain: the run ends here and now
  uint32_t open_count = 0;   // connections that are not idle
  std::vector<LoadAcknowledged> acknowledged{};  // since the last tick; if somebody wants to know

  LoadPacer* pacer = nullptr;      // nullptr: a closed loop
  std::deque<uint32_t> resting{};  // slots without a message, those first that rest the longest

  bool may_begin() const noexcept {
    const bool has_more = pacer != nullptr ? !pacer->is_exhausted() : messages_left > 0;
    return !stopping && has_more && now < deadline;
  }
};

}  // namespace mailrace::tools
