// SPDX-License-Identifier: GPL-3.0-or-later
// What one worker counted, on its way to the thread that reports.
#pragma once

#include "tools/load/stats.h"
#include "tools/load/timeline.h"

#include <mutex>
#include <vector>

namespace mailrace::tools {

/// What was counted in a slice, or in a part of one.
struct LoadSliceStats {
  LoadSlice slice;
  LoadStats stats;
};

/// Counts from the worker's thread to the reporting one, a few times a second. At most
/// kLoadSlicesWaitingMax slices wait; if nobody takes them, the last one gets what comes behind it.
class LoadMailbox {
 public:
  /// Adds `stats` to what waits here for `slice`, and clears it. The worker's thread; a slice never
  /// comes before an earlier one.
  void put(const LoadSlice& slice, LoadStats& stats);
  /// Takes what waits here. Any thread.
  std::vector<LoadSliceStats> take();

 private:
  std::mutex mutex_;
  std::vector<LoadSliceStats> waiting_;
};

}  // namespace mailrace::tools
