// SPDX-License-Identifier: GPL-3.0-or-later
// What a sink counts; one set per worker, added up for the report.
#pragma once

#include "core/base/time.h"
#include "tools/sink/faults.h"

#include <array>
#include <cstdint>

namespace mailrace::tools {

/// How often each kind of fault was done, by stage.
using FaultCounts = std::array<std::array<uint64_t, kFaultKindCount>, kFaultStageCount>;

struct SinkStats {
  uint64_t messages = 0;     // that were answered with 250; of LMTP by one recipient at least
  uint64_t bytes = 0;        // of mail data of these
  uint64_t connections = 0;  // that were accepted
  uint64_t dropped = 0;      // of these: no room for more, silent for too long, or too many errors
  // With --ids or --verify only:
  uint64_t without_id = 0;  // messages
  uint64_t altered = 0;     // messages whose octets are not those that their id names
  FaultCounts faults{};
  core::Instant first_connection{INT64_MAX};
  core::Instant last_message{};

  void count_fault(FaultStage stage, FaultKind kind) noexcept {
    ++faults[size_t(stage)][size_t(kind)];
  }
  void merge(const SinkStats& other) noexcept;
};

}  // namespace mailrace::tools
