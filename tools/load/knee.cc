// SPDX-License-Identifier: GPL-3.0-or-later
// Looked for from above: a disturbance below a rate that held is none of the server's limits.
#include "tools/load/knee.h"

#include "core/base/limits.h"
#include "tools/load/generator_limit.h"

#include <algorithm>

namespace mailrace::tools {

LoadRampStep ramp_step(LoadRate rate, const LoadStats& stats, core::Duration length,
                       uint32_t threads) {
  LoadRampStep step;
  step.rate = rate;
  step.scheduled = stats.scheduled;
  step.messages = stats.messages;
  step.ended_on_purpose = stats.aborted + stats.without_recipients;
  step.unsent = stats.unsent;
  step.achieved = double(stats.messages) * 1e9 / double(length.ns);
  step.p50_ns = stats.latency_ns.percentile(500);
  step.p99_ns = stats.latency_ns.percentile(990);
  step.p999_ns = stats.latency_ns.percentile(999);
  step.generator_limit =
      generator_limit(stats.late_ns, busy_share(stats.cpu, length, threads), length);
  return step;
}

const char* name_of(LoadKnee::Verdict verdict) noexcept {
  static constexpr const char* kNames[] = {"none", "found", "below"};
  return kNames[size_t(verdict)];
}

LoadKnee find_knee(std::span<const LoadRampStep> steps) {
  uint64_t least_p99_ns = UINT64_MAX;
  for (const LoadRampStep& step : steps) {
    if (step.messages > 0) least_p99_ns = std::min(least_p99_ns, step.p99_ns);
  }
  const auto floor_ns = uint64_t(core::milliseconds(core::kLoadKneeLatencyMs).ns);
  const uint64_t factor = core::kLoadKneeLatencyFactor;
  const uint64_t most_ns =
      least_p99_ns > UINT64_MAX / factor ? UINT64_MAX : std::max(least_p99_ns * factor, floor_ns);
  const auto holds = [most_ns](const LoadRampStep& step) {
    const uint64_t done = step.messages + step.ended_on_purpose;
    // One that the run never came to holds nothing.
    return step.scheduled > 0 && done * 100 >= step.scheduled * core::kLoadKneePercentMin &&
           step.p99_ns <= most_ns;
  };
  for (size_t index = steps.size(); index-- > 0;) {
    if (!holds(steps[index])) continue;
    const bool is_last = index + 1 == steps.size();
    return {is_last ? LoadKnee::Verdict::none : LoadKnee::Verdict::found, steps[index].rate};
  }
  return {LoadKnee::Verdict::below, {}};
}

}  // namespace mailrace::tools
