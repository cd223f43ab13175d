// SPDX-License-Identifier: GPL-3.0-or-later
// The workers of one load run and their threads.
#pragma once

#include "core/base/result.h"
#include "tools/load/load_worker.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace mailrace::tools {

/// Belongs to the thread that reports.
class LoadGroup {
 public:
  /// Shares connections and messages out among as many workers as the options say.
  ///
  /// plan       must outlive this, as must `stopping`
  /// timeline   of all workers
  /// stopping   as for LoadWorker
  LoadGroup(const LoadPlan& plan, const LoadTimeline& timeline, const std::atomic<bool>& stopping);

  /// Starts the threads, each on a CPU of its own if there are enough.
  void start();

  /// Waits for the end of all workers, but not longer than for `time`. Returns whether they ended.
  bool wait(core::Duration time);

  /// Requires: wait() said that they ended.
  /// fails   as LoadWorker::run()
  core::Result<void> join();

  /// What the workers counted since the last call.
  std::vector<LoadSliceStats> take();

 private:
  void run(LoadWorker& worker);

  std::vector<std::unique_ptr<LoadWorker>> workers_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable ended_;
  uint32_t running_ = 0;
  core::Result<void> result_;
};

}  // namespace mailrace::tools
