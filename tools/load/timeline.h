// SPDX-License-Identifier: GPL-3.0-or-later
// When a load run does what: warm-up, then steps of one length; and the seconds it is counted in.
#pragma once

#include "core/base/time.h"

#include <cstdint>

namespace mailrace::tools {

/// A part of a run that is counted by itself: a second, or what is left of one before the warm-up
/// or a step ends. Times are relative to the end of the warm-up, and negative within it.
struct LoadSlice {
  core::Duration start{};
  core::Duration end{};
  uint32_t step = 0;  // 0 in the warm-up, too; the count of steps behind the last one

  bool is_warmup() const noexcept { return start.ns < 0; }
  bool operator==(const LoadSlice&) const = default;
};

/// The same for all threads of a run, so that their slices are the same.
struct LoadTimeline {
  core::Instant start{};           // of the run
  core::Instant measured_from{};   // behind the warm-up
  core::Duration step{INT64_MAX};  // length of each; INT64_MAX: one step without end
  uint32_t step_count = 1;

  /// Behind the last step; INT64_MAX if it has no end. No message is begun from here on.
  core::Instant deadline() const noexcept;

  /// The slice that `now` is in. Behind the deadline seconds go on, for what is still under way.
  LoadSlice slice_at(core::Instant now) const noexcept;
};

}  // namespace mailrace::tools
