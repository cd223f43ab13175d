// SPDX-License-Identifier: GPL-3.0-or-later
// Threads share nothing but a plan that none changes and a flag.
#include "tools/load/load_group.h"

#include "net/worker_group.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace mailrace::tools {
namespace {

void pin(std::thread& thread, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(size_t(cpu), &cpus);
  ::pthread_setaffinity_np(thread.native_handle(), sizeof cpus, &cpus);
}

uint64_t share_of(uint64_t total, uint32_t parts, uint32_t index) {
  return total / parts + (index < total % parts ? 1 : 0);
}

}  // namespace

LoadGroup::LoadGroup(const LoadPlan& plan, const LoadTimeline& timeline,
                     const std::atomic<bool>& stopping) {
  const LoadOptions& options = plan.options;
  const uint32_t count = options.worker_count();
  for (uint32_t index = 0; index < count; ++index) {
    LoadShare share;
    share.part = {index, count};
    share.connections = uint32_t(share_of(options.connections, count, index));
    share.messages = options.messages > 0 ? share_of(options.messages, count, index) : UINT64_MAX;
    share.timeline = timeline;
    workers_.push_back(std::make_unique<LoadWorker>(plan, share, stopping));
  }
}

void LoadGroup::start() {
  const std::vector<int> cpus = net::allowed_cpus();
  running_ = uint32_t(workers_.size());
  for (size_t index = 0; index < workers_.size(); ++index) {
    threads_.emplace_back([this, index] { run(*workers_[index]); });
    if (workers_.size() <= cpus.size()) pin(threads_.back(), cpus[index]);
  }
}

bool LoadGroup::wait(core::Duration time) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, std::chrono::nanoseconds(time.ns), [this] { return running_ == 0; });
}

core::Result<void> LoadGroup::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return result_;
}

std::vector<LoadSliceStats> LoadGroup::take() {
  std::vector<LoadSliceStats> taken;
  for (const auto& worker : workers_) {
    auto from_one = worker->mailbox().take();
    std::ranges::move(from_one, std::back_inserter(taken));
  }
  return taken;
}

void LoadGroup::run(LoadWorker& worker) {
  const auto result = worker.run();
  const std::lock_guard lock(mutex_);
  if (!result) result_ = result;
  if (--running_ == 0) ended_.notify_one();
}

}  // namespace mailrace::tools
