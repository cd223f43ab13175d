// SPDX-License-Identifier: GPL-3.0-or-later
// Two signs: it came too late, or it had no time left.
#include "tools/load/generator_limit.h"

#include "core/base/limits.h"
#include "tools/lib/formatted.h"

namespace mailrace::tools {

double busy_share(core::Duration cpu, core::Duration elapsed, uint32_t threads) noexcept {
  return elapsed.ns > 0 ? double(cpu.ns) / double(elapsed.ns) / double(threads) : 0.0;
}

std::string generator_limit(const core::Histogram& late_ns, double busy, core::Duration elapsed) {
  const core::Duration late{int64_t(late_ns.percentile(990))};
  if (late > core::milliseconds(core::kLoadLatenessMaxMs)) {
    return formatted("messages were begun late although a connection was free, p99 %.3f ms",
                     double(late.ns) / 1e6);
  }
  const bool is_judged = elapsed >= core::seconds(core::kLoadBusyTimeMinS);
  if (is_judged && busy * 100 >= double(core::kLoadBusyPercentMax)) {
    return formatted("its threads used %.0f %% of a CPU each", busy * 100);
  }
  return "";
}

}  // namespace mailrace::tools
