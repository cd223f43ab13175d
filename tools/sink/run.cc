// SPDX-License-Identifier: GPL-3.0-or-later
// The main thread waits for signals, and ten times a second takes what the workers have for it.
#include "tools/sink/run.h"

#include "net/ring_failure.h"
#include "net/system_clock.h"
#include "tools/lib/descriptor_limit.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/flags.h"
#include "tools/sink/flags.h"
#include "tools/sink/listen.h"
#include "tools/sink/report.h"
#include "tools/sink/worker.h"

#include <signal.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 100'000'000};

int complain(const std::string& what, int exit_code) {
  std::fprintf(stderr, "mailrace sink: %s\n", what.c_str());
  return exit_code;
}

core::Duration process_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return {int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

// SIGINT and SIGTERM wait for wait(), in this thread and those that it starts. Once it is gone the
// next one ends the process where it stands.
class EndSignals {
 public:
  EndSignals() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGINT);
    ::sigaddset(&set_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  ~EndSignals() { ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

  /// Waits for `time`, or until there is one. returns  whether there was
  bool wait(const timespec& time) { return ::sigtimedwait(&set_, nullptr, &time) > 0; }

 private:
  sigset_t set_;
};

// The workers of a run and their threads.
class SinkGroup {
 public:
  SinkGroup(const SinkPlan& plan, SinkListeners& listeners) {
    for (uint32_t index = 0; index < plan.options.workers; ++index) {
      workers_.push_back(
          std::make_unique<SinkWorker>(plan, signals_, index, listeners.take(index)));
    }
    running_ = plan.options.workers;
    for (const auto& worker : workers_) {
      threads_.emplace_back([this, &worker] { run(*worker); });
    }
  }
  SinkGroup(const SinkGroup&) = delete;
  SinkGroup& operator=(const SinkGroup&) = delete;
  ~SinkGroup() {
    stop();
    join();
  }

  void stop() { signals_.stopping.store(true, std::memory_order_relaxed); }
  bool is_running() const { return running_.load(std::memory_order_acquire) > 0; }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  void take(SinkStats& stats, std::vector<MailRecord>& records) {
    for (const auto& worker : workers_) worker->mailbox().take(stats, records);
  }
  /// Why a worker could not be set up; empty: all were. Requires: join().
  const std::string& failure() const { return failure_; }

 private:
  void run(SinkWorker& worker) {
    if (const auto result = worker.run(); !result) {
      const std::lock_guard lock(mutex_);
      failure_ = std::string(result.error().where) + ": " + std::strerror(result.error().sys_errno);
      stop();
    }
    running_.fetch_sub(1, std::memory_order_release);
  }

  SinkSignals signals_;
  std::vector<std::unique_ptr<SinkWorker>> workers_;
  std::vector<std::thread> threads_;
  std::atomic<uint32_t> running_{0};
  std::mutex mutex_;
  std::string failure_;
};

// What becomes of the records of mails that arrived: lines of a file, and memory for --verify.
class Arrivals {
 public:
  explicit Arrivals(const SinkOptions& options) : options_(options), file_(nullptr, &std::fclose) {}

  /// returns   empty, or one line on what failed
  std::string open() {
    if (options_.ids.empty()) return {};
    file_.reset(std::fopen(options_.ids.c_str(), "we"));
    return file_ != nullptr ? std::string() : failed();
  }

  /// Takes `records` and clears it. returns   as above
  std::string add(std::vector<MailRecord>& records) {
    for (const MailRecord& record : records) {
      if (file_ != nullptr) std::fprintf(file_.get(), "%s\n", format_record(record).c_str());
      if (options_.verify.empty() || !record.has_id) continue;
      if (kept_.size() == core::kMailRecordsMax) {
        return "--verify: more than " + std::to_string(core::kMailRecordsMax) + " mails arrived";
      }
      kept_.push_back(record);
    }
    records.clear();
    if (file_ == nullptr) return {};
    return std::ferror(file_.get()) == 0 && std::fflush(file_.get()) == 0 ? std::string()
                                                                          : failed();
  }

  std::vector<MailRecord> take() { return std::move(kept_); }

 private:
  std::string failed() const { return "--ids: " + options_.ids + ": " + std::strerror(errno); }

  const SinkOptions& options_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::vector<MailRecord> kept_;
};

// Takes mail until the end. returns   empty, or one line on what failed
std::string take_mail(const SinkPlan& plan, SinkGroup& group, Arrivals& arrivals,
                      EndSignals& signals, SinkStats& total) {
  const SinkOptions& options = plan.options;
  net::SystemClock clock;
  const core::Instant start = clock.now();
  std::vector<MailRecord> records;
  SinkStats recent;
  core::Instant last_line = start;
  std::string failure;
  while (true) {
    const bool was_running = group.is_running();  // before the last records are taken
    group.take(recent, records);
    if (failure.empty()) failure = arrivals.add(records);
    records.clear();
    const core::Instant now = clock.now();
    if (now - last_line >= core::seconds(1) || !was_running) {
      if (was_running && !options.json && !options.quiet) {
        const int64_t second = (now - start).ns / core::seconds(1).ns;
        std::fprintf(stderr, "%s\n", sink_live_line(recent, now - last_line, second).c_str());
      }
      total.merge(recent);
      recent = SinkStats{};
      last_line = now;
    }
    if (!was_running) return failure;
    const bool is_over = options.duration.ns > 0 && now - start >= options.duration;
    if (signals.wait(kLook) || is_over || !failure.empty()) group.stop();
  }
}

// Matches, and says what was found. returns   the exit status
int match(const SinkOptions& options, std::vector<MailRecord> arrived, SinkReport& report) {
  auto acknowledged = read_records("--verify", options.verify);
  if (!acknowledged) return complain(acknowledged.error(), kExitUsage);
  report.match = match_mails(std::move(*acknowledged), std::move(arrived));
  return report.match->is_good() ? kExitOk : kExitFailure;
}

int match_files(const SinkOptions& options) {
  auto arrived = read_records("--received", options.received);
  if (!arrived) return complain(arrived.error(), kExitUsage);
  SinkReport report;
  if (const int status = match(options, std::move(*arrived), report); !report.match) return status;
  const std::string text =
      options.json ? match_json(*report.match) + "\n" : match_text(*report.match);
  std::fputs(text.c_str(), stdout);
  return report.match->is_good() ? kExitOk : kExitFailure;
}

int run_sink(const SinkPlan& plan) {
  const SinkOptions& options = plan.options;
  raise_descriptor_limit();
  if (const std::string reason = net::ring_unavailable(core::kSinkConnectionsPerWorkerMax);
      !reason.empty()) {
    return complain(reason, kExitUsage);
  }
  SinkListeners listeners;
  if (const auto failure = listeners.open(options.listen, options.workers); !failure.empty()) {
    return complain(failure, kExitUsage);
  }
  Arrivals arrivals(options);
  if (const auto failure = arrivals.open(); !failure.empty()) return complain(failure, kExitUsage);
  SinkReport report;
  std::string failure;
  {
    EndSignals signals;
    SinkGroup group(plan, listeners);
    for (const std::string& place : listeners.places()) {
      std::fprintf(stderr, "mailrace sink: listening on %s\n", place.c_str());
    }
    failure = take_mail(plan, group, arrivals, signals, report.stats);
    group.join();
    if (!group.failure().empty()) return complain(group.failure(), kExitUsage);
  }
  report.cpu = process_cpu_time();
  int status = failure.empty() ? kExitOk : complain(failure, kExitFailure);
  if (status == kExitOk && !options.verify.empty())
    status = match(options, arrivals.take(), report);
  const std::string text =
      options.json ? sink_report_json(report, options) : sink_report_text(report, options);
  std::fputs(text.c_str(), stdout);
  return status;
}

}  // namespace

int main_sink(int argc, char** argv) {
  SinkOptions options;
  const std::vector<Flag> flags = sink_flags(options);
  const ParseOutcome outcome = parse_flags(
      "sink", "takes mail by SMTP or LMTP, keeps nothing, and fails as told", flags, argc, argv);
  if (!outcome.proceed) return outcome.exit_code;
  if (const auto conflict = sink_flags_conflict(options); !conflict.empty()) {
    return complain(conflict, kExitUsage);
  }
  if (!options.received.empty()) return match_files(options);
  const auto plan = SinkPlan::make(options);
  if (!plan) return complain(plan.error(), kExitUsage);
  return run_sink(*plan);
}

}  // namespace mailrace::tools
