// SPDX-License-Identifier: GPL-3.0-or-later
// Seconds are counted from the end of the warm-up in both directions, and from the start of steps.
#include "tools/load/timeline.h"

#include <algorithm>

namespace mailrace::tools {
namespace {

constexpr core::Duration kSecond = core::seconds(1);

}  // namespace

core::Instant LoadTimeline::deadline() const noexcept {
  const int64_t left_ns = INT64_MAX - measured_from.ns;
  if (step.ns > left_ns / int64_t{step_count}) return {INT64_MAX};
  return measured_from + core::Duration{step.ns * int64_t{step_count}};
}

LoadSlice LoadTimeline::slice_at(core::Instant now) const noexcept {
  const core::Duration at = now - measured_from;
  if (at.ns < 0) {
    const int64_t back = (-at.ns + kSecond.ns - 1) / kSecond.ns;  // seconds, of which 1 is the last
    const core::Duration begun{-back * kSecond.ns};
    return {std::max(begun, start - measured_from), {begun.ns + kSecond.ns}, 0};
  }
  const bool is_over = now >= deadline();
  const auto index = is_over ? int64_t{step_count} : at.ns / step.ns;
  const int64_t base = step.ns == INT64_MAX ? 0 : index * step.ns;
  const int64_t begun = base + (at.ns - base) / kSecond.ns * kSecond.ns;
  const int64_t whole = begun + kSecond.ns;
  const bool is_cut = !is_over && step.ns < INT64_MAX && whole > base + step.ns;
  return {{begun}, {is_cut ? base + step.ns : whole}, uint32_t(index)};
}

}  // namespace mailrace::tools
