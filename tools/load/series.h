// SPDX-License-Identifier: GPL-3.0-or-later
// What a load run counted second by second.
#pragma once

#include "core/base/histogram.h"
#include "core/base/limits.h"
#include "core/base/time.h"
#include "tools/load/stats.h"
#include "tools/load/timeline.h"

#include <cstdint>
#include <vector>

namespace mailrace::tools {

/// One second of a run, or several where it was long. Times are relative to the end of the warm-up.
struct LoadSecond {
  core::Duration start{};
  core::Duration end{};
  bool is_warmup = false;  // latencies are not counted then
  uint64_t messages = 0;   // acknowledged
  uint64_t bytes = 0;      // of their mail data; 0 in the warm-up
  uint64_t errors = 0;
  uint64_t scheduled = 0;  // became due, in an open loop
  uint64_t p50_ns = 0;     // of latency
  uint64_t p90_ns = 0;
  uint64_t p99_ns = 0;
  uint64_t max_ns = 0;
};

/// Puts slices of all threads together. Bounded: when there are more than `seconds_max` rows, each
/// row becomes twice as long (2 s, 4 s, ...) and neighbours are put together; a row never holds
/// seconds of the warm-up beside others.
class LoadSeries {
 public:
  /// seconds_max   rows that are kept; at least 2
  explicit LoadSeries(size_t seconds_max = core::kLoadSecondsMax) : seconds_max_(seconds_max) {}

  /// Slices may come in any order, and in several parts.
  void add(const LoadSlice& slice, const LoadStats& stats);

  /// In order of time.
  std::vector<LoadSecond> seconds() const;

 private:
  struct Row {
    int64_t number;  // in units of the rows' length; negative in the warm-up
    LoadSecond second;
    core::Histogram latency_ns;

    void merge(const Row& other);
  };

  void put(const Row& row);
  void halve();

  size_t seconds_max_;
  core::Duration length_ = core::seconds(1);
  std::vector<Row> rows_;  // by number
};

}  // namespace mailrace::tools
