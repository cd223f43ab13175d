// SPDX-License-Identifier: GPL-3.0-or-later
// The calling thread only starts the others, looks once a second and adds up.
#include "tools/load/measure.h"

#include "net/system_clock.h"
#include "tools/load/load_group.h"
#include "tools/load/series.h"

#include <time.h>

#include <algorithm>

namespace mailrace::tools {
namespace {

core::Duration process_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return {int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

LoadTimeline timeline_of(const LoadOptions& options, core::Instant start) {
  LoadTimeline timeline{.start = start, .measured_from = start + options.warmup};
  if (options.duration.ns > 0) {
    timeline.step = options.duration;
  } else if (options.messages == 0) {
    timeline.step = core::seconds(core::kLoadDurationDefaultS);
  }
  return timeline;
}

// Adds up what workers counted, in the ways that it is reported.
class LoadSums {
 public:
  /// Returns all that was counted since the last call, of whatever slice.
  LoadStats take(LoadGroup& group) {
    LoadStats recent;
    for (const LoadSliceStats& part : group.take()) {
      recent.merge(part.stats);
      series_.add(part.slice, part.stats);
    }
    stats_.merge(recent);
    return recent;
  }

  const LoadStats& stats() const noexcept { return stats_; }
  const LoadSeries& series() const noexcept { return series_; }

 private:
  LoadStats stats_;
  LoadSeries series_;
};

}  // namespace

core::Result<LoadReport> measure_load(const LoadOptions& options, const std::atomic<bool>& stopping,
                                      const LoadProgress& progress) {
  const LoadPlan plan(options);
  net::SystemClock clock;
  const LoadTimeline timeline = timeline_of(options, clock.now());
  const core::Duration cpu_start = process_cpu_time();
  LoadGroup group(plan, timeline, stopping);
  group.start();

  LoadSums sums;
  core::Instant last = timeline.start;
  for (int64_t second = 1;; ++second) {
    const bool ended = group.wait(timeline.start + core::seconds(second) - clock.now());
    const core::Instant now = clock.now();
    const LoadStats recent = sums.take(group);
    if (ended) break;
    if (progress) progress(recent, now - last, second);
    last = now;
  }
  if (auto joined = group.join(); !joined) return tl::unexpected(joined.error());
  sums.take(group);
  LoadReport report;
  report.stats = sums.stats();
  report.seconds = sums.series().seconds();
  report.cpu = {process_cpu_time().ns - cpu_start.ns};
  const core::Instant end = report.stats.messages > 0 ? report.stats.last_reply : clock.now();
  report.elapsed = std::max(end - timeline.measured_from, core::Duration{});
  return report;
}

}  // namespace mailrace::tools
