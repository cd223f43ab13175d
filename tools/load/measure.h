// SPDX-License-Identifier: GPL-3.0-or-later
// One measurement: threads, their pinning, what they counted.
#pragma once

#include "core/base/result.h"
#include "tools/load/options.h"
#include "tools/load/report.h"
#include "tools/load/timeline.h"

#include <atomic>
#include <functional>

namespace mailrace::tools {

/// What is called while a run goes on, by the thread that measures; each may be empty.
struct LoadProgress {
  /// All that is counted, as threads hand it over: a slice comes in parts.
  std::function<void(const LoadSlice&, const LoadStats&)> on_slice;
  /// About once a second: counts since the last call, the time since then, seconds since the start.
  std::function<void(const LoadStats&, core::Duration, int64_t)> on_second;
};

/// Sends what the options say, from `options.threads` threads of its own.
///
/// options    as load_flags() lets them through
/// stopping   set from anywhere to end early
/// progress   whom to tell
/// fails      io: a thread could not set up its ring
core::Result<LoadReport> measure_load(const LoadOptions& options, const std::atomic<bool>& stopping,
                                      const LoadProgress& progress);

}  // namespace mailrace::tools
