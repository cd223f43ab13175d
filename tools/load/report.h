// SPDX-License-Identifier: GPL-3.0-or-later
// What a load run found, as text and as JSON.
#pragma once

#include "core/base/time.h"
#include "tools/load/knee.h"
#include "tools/load/options.h"
#include "tools/load/series.h"
#include "tools/load/stats.h"

#include <cstdint>
#include <optional>
#include <span>
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

/// What a run did behind the end of its last step, where nothing is begun any more: of few
/// connections, the fewer the later. It counts, but not for rates.
struct LoadTail {
  core::Duration length{};
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t handshakes = 0;
  core::Duration cpu{};
};

struct LoadReport {
  LoadStats stats;
  LoadTail tail;  // part of `stats`, and of `elapsed`
  std::vector<LoadSecond> seconds;
  core::Duration elapsed;       // from the end of the warm-up to the last acknowledgement
  core::Duration cpu;           // of this process, user and system, with the warm-up
  double busy = 0.0;            // of a CPU, by each worker on average, warm-up and tail left out
  std::string generator_limit;  // why it was the limit; empty if it was not
  std::optional<core::Duration> server_cpu;  // of --server-pid, behind the warm-up
  std::vector<LoadRampStep> ramp;            // empty without --ramp

  /// The time that rates are of: to the tail.
  core::Duration rated() const noexcept { return {elapsed.ns - tail.length.ns}; }
  /// 0.0 if it took no time.
  double messages_per_second() const noexcept;
  double handshakes_per_second() const noexcept;
  double megabytes_per_second() const noexcept;  // of mail data, 10^6 octets
  double cpu_ms_per_message() const noexcept;
  /// Nothing if it is not known.
  std::optional<double> server_cpu_ms_per_message() const noexcept;
};

/// Of one figure in several runs.
struct LoadSpread {
  double median = 0.0;  // of an even count the mean of the two in the middle
  double min = 0.0;
  double max = 0.0;
};
/// values   at least one
LoadSpread spread_of(std::vector<double> values);

/// One line of what happened since the last one, for a terminal; without its end.
///
/// recent   counts of this interval only
/// interval its length
/// second   since the start
std::string live_line(const LoadStats& recent, core::Duration interval, int64_t second);

/// "250 messages/s", "100 to 500 messages/s". Requires: options.is_open_loop().
std::string rates_text(const LoadOptions& options);

/// A few lines for people.
std::string report_text(const LoadReport& report, const LoadOptions& options);

/// What several runs have in common and in what they differ: a line for each figure.
std::string repeats_text(std::span<const LoadReport> reports);

/// One JSON object and a line end. Latencies in milliseconds; replies by code; errors by kind.
std::string report_json(const LoadReport& report, const LoadOptions& options);

/// The same of several runs: "repeats" has one such object for each, "spread" least and most, the
/// figures outside are medians, and messages, errors and the like all together.
std::string repeats_json(std::span<const LoadReport> reports, const LoadOptions& options);

}  // namespace mailrace::tools
