// SPDX-License-Identifier: GPL-3.0-or-later
// The open loop of one worker: which of its messages are due and wait for a connection.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"
#include "tools/load/schedule.h"
#include "tools/load/stats.h"

#include <cstdint>
#include <optional>

namespace mailrace::tools {

/// Messages that wait are two places in one schedule and their distance, so any number of them
/// costs no memory. What waits too long is counted as unsent, with the time that it waited.
class LoadPacer {
 public:
  /// messages      how many may become due, in all
  /// backlog_max   how many may wait; when there are more, the oldest is given up
  /// stats         where they are counted; borrowed
  LoadPacer(uint64_t messages, LoadStats& stats,
            uint64_t backlog_max = core::kLoadBacklogMax) noexcept
      : left_(messages), backlog_max_(backlog_max), stats_(stats) {}

  /// From here on messages are due by `schedule`. Requires: none waits.
  ///
  /// is_measured   whether they are counted
  void begin(const LoadSchedule& schedule, bool is_measured) noexcept;

  /// Takes in what is due at `now` or before. Requires: begin() was called.
  void advance(core::Instant now) noexcept;

  /// Takes the message that waits the longest, and says when it was due; nothing if none waits.
  std::optional<core::Instant> take() noexcept;

  /// Gives up all that waits at `now`.
  void give_up(core::Instant now) noexcept;
  /// And nothing becomes due any more.
  void end(core::Instant now) noexcept;

  bool has_waiting() const noexcept { return waiting_ > 0; }
  /// No message waits, and none will be due any more.
  bool is_exhausted() const noexcept { return left_ == 0 && waiting_ == 0; }
  /// When the next one is due; nothing if none will be. Requires: begin() was called.
  std::optional<core::Instant> next_due() const noexcept;

 private:
  void give_up_one(core::Instant now) noexcept;

  uint64_t left_;
  uint64_t backlog_max_;
  LoadStats& stats_;
  bool is_measured_ = false;
  std::optional<LoadSchedule> due_;    // at the next message that is not due yet
  std::optional<LoadSchedule> taken_;  // at the one that waits the longest
  uint64_t waiting_ = 0;               // from `taken_` to `due_`
};

}  // namespace mailrace::tools
