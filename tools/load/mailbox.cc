// SPDX-License-Identifier: GPL-3.0-or-later
// The lock is held for a copy of some histograms, by each side a few times a second.
#include "tools/load/mailbox.h"

#include "core/base/limits.h"

namespace mailrace::tools {

// Those of the second that it takes to be fetched: two for each step, one of them cut.
static_assert(core::kLoadSlicesWaitingMax >= 2 * 1000 / core::kLoadRampStepMinMs);

void LoadMailbox::put(const LoadSlice& slice, LoadStats& stats) {
  {
    const std::lock_guard lock(mutex_);
    const bool is_new = waiting_.empty() || waiting_.back().slice != slice;
    if (is_new && waiting_.size() < core::kLoadSlicesWaitingMax) {
      waiting_.push_back({slice, stats});
    } else {
      waiting_.back().stats.merge(stats);
    }
  }
  stats = LoadStats{};
}

std::vector<LoadSliceStats> LoadMailbox::take() {
  std::vector<LoadSliceStats> taken;
  const std::lock_guard lock(mutex_);
  taken.swap(waiting_);
  return taken;
}

}  // namespace mailrace::tools
