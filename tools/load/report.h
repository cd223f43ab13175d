// SPDX-License-Identifier: GPL-3.0-or-later
// What a load run found, as text and as JSON.
#pragma once

#include "core/base/time.h"
#include "tools/load/options.h"
#include "tools/load/series.h"
#include "tools/load/stats.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mailrace::tools {

/// The quantiles that are reported of latencies and phases.
struct LoadQuantile {
  const char* name;
  const char* json_name;
  uint32_t per_mille;
};
inline constexpr LoadQuantile kLoadQuantiles[] = {{"p50", "p50", 500},
                                                  {"p90", "p90", 900},
                                                  {"p99", "p99", 990},
                                                  {"p99.9", "p99_9", 999},
                                                  {"max", "max", 1000}};

struct LoadReport {
  LoadStats stats;
  std::vector<LoadSecond> seconds;
  core::Duration elapsed;  // from the end of the warm-up to the last acknowledgement
  core::Duration cpu;      // of this process, user and system, with the warm-up

  double messages_per_second() const noexcept;
  double megabytes_per_second() const noexcept;  // of mail data, 10^6 octets
  double cpu_ms_per_message() const noexcept;
};

/// One line of what happened since the last one, for a terminal; without its end.
///
/// recent   counts of this interval only
/// interval its length
/// second   since the start
std::string live_line(const LoadStats& recent, core::Duration interval, int64_t second);

/// A few lines for people.
std::string report_text(const LoadReport& report);

/// One JSON object and a line end. Latencies in milliseconds; replies by code; errors by kind.
std::string report_json(const LoadReport& report, const LoadOptions& options);

}  // namespace mailrace::tools
