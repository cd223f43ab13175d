// SPDX-License-Identifier: GPL-3.0-or-later
// The calling thread only starts the others, looks once a second and adds up.
#include "tools/load/measure.h"

#include "net/system_clock.h"
#include "tools/load/generator_limit.h"
#include "tools/load/load_group.h"
#include "tools/load/process_cpu.h"
#include "tools/load/series.h"

#include <time.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

core::Duration process_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return {int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

LoadTimeline timeline_of(const LoadOptions& options, core::Instant start) {
  LoadTimeline timeline{.start = start, .measured_from = start + options.warmup};
  if (options.ramp.is_asked_for()) timeline.step_count = options.ramp.count();
  if (options.step_time().ns > 0) timeline.step = options.step_time();
  return timeline;
}

// To the last acknowledgement. In an open loop the time until the next message would have been due
// belongs to it as well, up to the end of all steps.
core::Duration elapsed_of(const LoadStats& stats, const LoadOptions& options,
                          const LoadTimeline& timeline, core::Instant now) {
  core::Instant end = stats.messages > 0 ? stats.last_reply : now;
  const core::Instant deadline = timeline.deadline();
  if (options.is_open_loop() && deadline <= now) end = std::max(end, deadline);
  return std::max(end - timeline.measured_from, core::Duration{});
}

// A run that was not over by then has none.
core::Duration tail_length(const LoadTimeline& timeline, core::Duration elapsed) {
  const core::Instant deadline = timeline.deadline();
  return std::max(timeline.measured_from + elapsed - deadline, core::Duration{});
}

// Adds up what workers counted, in the ways that it is reported.
class LoadSums {
 public:
  /// ramp_steps   0: there is no ramp
  /// all_steps    how long they take, from the end of the warm-up on
  LoadSums(uint32_t ramp_steps, core::Duration all_steps, const LoadProgress& progress)
      : progress_(progress), all_steps_(all_steps), steps_(ramp_steps) {}

  /// Returns all that was counted since the last call, of whatever slice.
  LoadStats take(LoadGroup& group) {
    LoadStats recent;
    for (const LoadSliceStats& part : group.take()) {
      recent.merge(part.stats);
      if (progress_.on_slice) progress_.on_slice(part.slice, part.stats);
      const bool is_of_step = !part.slice.is_warmup() && part.slice.step < steps_.size();
      if (is_of_step) steps_[part.slice.step].merge(part.stats);
      if (part.slice.start >= all_steps_) add_to_tail(part.stats);
      series_.add(part.slice, part.stats);
    }
    stats_.merge(recent);
    return recent;
  }

  const LoadStats& stats() const noexcept { return stats_; }
  const LoadTail& tail() const noexcept { return tail_; }
  const LoadSeries& series() const noexcept { return series_; }
  const std::vector<LoadStats>& steps() const noexcept { return steps_; }

 private:
  void add_to_tail(const LoadStats& stats) {
    tail_.messages += stats.messages;
    tail_.bytes += stats.bytes;
    tail_.handshakes += stats.handshakes;
    tail_.cpu.ns += stats.cpu.ns;
  }

  const LoadProgress& progress_;
  core::Duration all_steps_;
  LoadStats stats_;
  LoadTail tail_;
  LoadSeries series_;
  std::vector<LoadStats> steps_;
};

// The CPU time of the server, from the end of the warm-up on.
class ServerCpu {
 public:
  explicit ServerCpu(uint32_t pid) : pid_(pid_t(pid)) {}

  void begin() {
    const auto cpu = read();
    is_known_ = cpu.has_value();
    begun_ = cpu.value_or(core::Duration{});
  }
  std::optional<core::Duration> used() const {
    const auto cpu = read();
    if (!is_known_ || !cpu) return std::nullopt;
    return core::Duration{cpu->ns - begun_.ns};
  }

 private:
  std::optional<core::Duration> read() const {
    return pid_ > 0 ? family_cpu_time(pid_) : std::nullopt;
  }

  pid_t pid_;
  bool is_known_ = false;
  core::Duration begun_{};
};

std::vector<LoadRampStep> ramp_of(const LoadOptions& options, const LoadTimeline& timeline,
                                  const std::vector<LoadStats>& steps) {
  std::vector<LoadRampStep> ramp;
  for (uint32_t index = 0; index < steps.size(); ++index) {
    ramp.push_back(
        ramp_step(options.rate_of(index), steps[index], timeline.step, options.worker_count()));
  }
  return ramp;
}

// Of a ramp that of its first step that has one: its last steps may be there to find the limit.
std::string limit_of(const LoadReport& report) {
  for (const LoadRampStep& step : report.ramp) {
    if (step.generator_limit.empty()) continue;
    return "at " + format_rate(step.rate) + " messages/s " + step.generator_limit;
  }
  if (!report.ramp.empty()) return "";
  return generator_limit(report.stats.late_ns, report.busy, report.rated());
}

}  // namespace

core::Result<LoadReport> measure_load(const LoadOptions& options, const std::atomic<bool>& stopping,
                                      const LoadProgress& progress) {
  const LoadPlan plan(options);
  net::SystemClock clock;
  const LoadTimeline timeline = timeline_of(options, clock.now());
  const core::Duration cpu_start = process_cpu_time();
  LoadGroup group(plan, timeline, stopping);
  group.start();

  LoadSums sums(options.ramp.is_asked_for() ? timeline.step_count : 0,
                timeline.deadline() - timeline.measured_from, progress);
  ServerCpu server_cpu(options.server_pid);
  bool is_warm = false;
  core::Instant last = timeline.start;
  for (int64_t second = 1;;) {
    core::Instant wake = timeline.start + core::seconds(second);
    if (!is_warm) wake = std::min(wake, timeline.measured_from);
    const bool ended = group.wait(wake - clock.now());
    const core::Instant now = clock.now();
    if (!is_warm && now >= timeline.measured_from) {
      server_cpu.begin();
      is_warm = true;
    }
    if (ended) break;
    if (now < timeline.start + core::seconds(second)) continue;
    const LoadStats recent = sums.take(group);
    if (progress.on_second) progress.on_second(recent, now - last, second);
    last = now;
    ++second;
  }
  if (auto joined = group.join(); !joined) return tl::unexpected(joined.error());
  sums.take(group);
  LoadReport report;
  report.server_cpu = server_cpu.used();
  report.stats = sums.stats();
  report.seconds = sums.series().seconds();
  report.cpu = {process_cpu_time().ns - cpu_start.ns};
  report.elapsed = elapsed_of(report.stats, options, timeline, clock.now());
  report.tail = sums.tail();
  report.tail.length = tail_length(timeline, report.elapsed);
  const core::Duration rated_cpu{report.stats.cpu.ns - report.tail.cpu.ns};
  report.busy = busy_share(rated_cpu, report.rated(), options.worker_count());
  report.ramp = ramp_of(options, timeline, sums.steps());
  report.generator_limit = limit_of(report);
  return report;
}

}  // namespace mailrace::tools
