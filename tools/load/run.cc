// SPDX-License-Identifier: GPL-3.0-or-later
// The main thread only starts, prints once a second and adds up.
#include "tools/load/run.h"

#include "net/ring_failure.h"
#include "net/system_clock.h"
#include "net/worker_group.h"
#include "tools/lib/descriptor_limit.h"
#include "tools/lib/exit_codes.h"
#include "tools/load/flags.h"
#include "tools/load/load_worker.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // it is set by a signal handler

void request_stop(int) { stop_requested.store(true, std::memory_order_relaxed); }

// The second signal ends the process where it stands.
void end_early_at_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

core::Duration process_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return {int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

void pin(std::thread& thread, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(size_t(cpu), &cpus);
  ::pthread_setaffinity_np(thread.native_handle(), sizeof cpus, &cpus);
}

uint64_t share_of(uint64_t total, uint32_t parts, uint32_t index) {
  return total / parts + (index < total % parts ? 1 : 0);
}

core::Instant deadline_of(const LoadOptions& options, core::Instant measured_from) {
  if (options.duration.ns > 0) return measured_from + options.duration;
  if (options.messages > 0) return {INT64_MAX};
  return measured_from + core::seconds(core::kLoadDurationDefaultS);
}

// The workers of one run and their threads.
class LoadGroup {
 public:
  LoadGroup(const LoadPlan& plan, core::Instant start, const std::atomic<bool>& stopping) {
    const LoadOptions& options = plan.options;
    const uint32_t count = std::min(options.threads, options.connections);
    for (uint32_t index = 0; index < count; ++index) {
      LoadShare share;
      share.index = index;
      share.connections = uint32_t(share_of(options.connections, count, index));
      share.messages = options.messages > 0 ? share_of(options.messages, count, index) : UINT64_MAX;
      share.start = start;
      share.measured_from = start + options.warmup;
      share.deadline = deadline_of(options, share.measured_from);
      workers_.push_back(std::make_unique<LoadWorker>(plan, share, stopping));
    }
  }

  void start() {
    const std::vector<int> cpus = net::allowed_cpus();
    running_ = uint32_t(workers_.size());
    for (size_t index = 0; index < workers_.size(); ++index) {
      threads_.emplace_back([this, index] { run(*workers_[index]); });
      if (workers_.size() <= cpus.size()) pin(threads_.back(), cpus[index]);
    }
  }

  /// Waits for the end of all workers, but not longer than for `time`. Returns whether they ended.
  bool wait(core::Duration time) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, std::chrono::nanoseconds(time.ns),
                           [this] { return running_ == 0; });
  }

  /// Requires: wait() said that they ended.
  core::Result<void> join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return result_;
  }

  LoadStats take() {
    LoadStats stats;
    for (const auto& worker : workers_) worker->mailbox().take(stats);
    return stats;
  }

 private:
  void run(LoadWorker& worker) {
    const auto result = worker.run();
    const std::lock_guard lock(mutex_);
    if (!result) result_ = result;
    if (--running_ == 0) ended_.notify_one();
  }

  std::vector<std::unique_ptr<LoadWorker>> workers_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable ended_;
  uint32_t running_ = 0;
  core::Result<void> result_;
};

int complain(const std::string& what, int exit_code) {
  std::fprintf(stderr, "mailrace load: %s\n", what.c_str());
  return exit_code;
}

}  // namespace

core::Result<LoadReport> measure_load(const LoadOptions& options, const std::atomic<bool>& stopping,
                                      const LoadProgress& progress) {
  const LoadPlan plan(options);
  net::SystemClock clock;
  const core::Instant start = clock.now();
  const core::Duration cpu_start = process_cpu_time();
  LoadGroup group(plan, start, stopping);
  group.start();

  LoadReport report;
  core::Instant last = start;
  for (int64_t second = 1;; ++second) {
    const bool ended = group.wait(start + core::seconds(second) - clock.now());
    const core::Instant now = clock.now();
    const LoadStats recent = group.take();
    report.stats.merge(recent);
    if (ended) break;
    if (progress) progress(recent, now - last, second);
    last = now;
  }
  if (auto joined = group.join(); !joined) return tl::unexpected(joined.error());
  report.stats.merge(group.take());
  report.cpu = {process_cpu_time().ns - cpu_start.ns};
  const core::Instant end = report.stats.messages > 0 ? report.stats.last_reply : clock.now();
  report.elapsed = std::max(end - (start + options.warmup), core::Duration{});
  return report;
}

int run_load(const LoadOptions& options) {
  if (const std::string reason = net::ring_unavailable(0); !reason.empty()) {
    return complain(reason, kExitUsage);
  }
  raise_descriptor_limit();
  end_early_at_signals();
  LoadProgress progress;
  if (!options.json && !options.quiet) {
    progress = [](const LoadStats& recent, core::Duration interval, int64_t second) {
      std::fprintf(stderr, "%s\n", live_line(recent, interval, second).c_str());
    };
  }
  const auto report = measure_load(options, stop_requested, progress);
  if (!report) {
    return complain(
        std::string(report.error().where) + ": " + std::strerror(report.error().sys_errno),
        kExitUsage);
  }
  const std::string text = options.json ? report_json(*report, options) : report_text(*report);
  std::fputs(text.c_str(), stdout);
  return report->stats.error_count() == 0 ? kExitOk : kExitFailure;
}

int main_load(int argc, char** argv) {
  LoadOptions options;
  const std::vector<Flag> flags = load_flags(options);
  const ParseOutcome outcome = parse_flags(
      "load", "sends mail as fast as a server takes it, and measures", flags, argc, argv);
  if (!outcome.proceed) return outcome.exit_code;
  return run_load(options);
}

}  // namespace mailrace::tools
