// SPDX-License-Identifier: GPL-3.0-or-later
// A ramp of rates: what became of each, and up to where the server kept up.
#pragma once

#include "core/base/time.h"
#include "tools/load/rate.h"
#include "tools/load/stats.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mailrace::tools {

/// One rate, for the time of its step.
struct LoadRampStep {
  LoadRate rate;                  // that was asked for
  uint64_t scheduled = 0;         // messages that became due
  uint64_t messages = 0;          // acknowledged meanwhile
  uint64_t ended_on_purpose = 0;  // by --abort, or for want of a good recipient
  uint64_t unsent = 0;
  double achieved = 0.0;  // messages per second
  uint64_t p50_ns = 0;    // of latency
  uint64_t p99_ns = 0;
  uint64_t p999_ns = 0;
  std::string generator_limit;  // as LoadReport::generator_limit
};

/// stats     of the step, of all threads
/// length    of the step
LoadRampStep ramp_step(LoadRate rate, const LoadStats& stats, core::Duration length,
                       uint32_t threads);

/// A step holds if kLoadKneePercentMin of what became due was acknowledged meanwhile, or ended on
/// purpose, and its p99 is at most kLoadKneeLatencyFactor times the least p99 of all steps, or
/// kLoadKneeLatencyMs if that is more. So neither a first step with cold caches nor a short
/// disturbance is a knee.
struct LoadKnee {
  enum class Verdict : uint8_t {
    none,   // the last step held: no knee in this ramp
    found,  // it is at `rate`: the highest that held
    below,  // no step held
  };
  Verdict verdict = Verdict::none;
  LoadRate rate{};
};

/// As in reports: "found".
const char* name_of(LoadKnee::Verdict verdict) noexcept;

/// steps   in order, at least one
LoadKnee find_knee(std::span<const LoadRampStep> steps);

}  // namespace mailrace::tools
