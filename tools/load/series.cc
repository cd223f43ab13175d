// SPDX-License-Identifier: GPL-3.0-or-later
// Rows are looked for from the end, where nearly all of them are.
#include "tools/load/series.h"

#include <algorithm>

namespace mailrace::tools {
namespace {

int64_t floor_divided(int64_t value, int64_t divisor) noexcept {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

}  // namespace

void LoadSeries::Row::merge(const Row& other) {
  second.start = std::min(second.start, other.second.start);
  second.end = std::max(second.end, other.second.end);
  second.messages += other.second.messages;
  second.bytes += other.second.bytes;
  second.errors += other.second.errors;
  second.scheduled += other.second.scheduled;
  latency_ns.merge(other.latency_ns);
}

void LoadSeries::add(const LoadSlice& slice, const LoadStats& stats) {
  Row row{.number = floor_divided(slice.start.ns, length_.ns),
          .second = {.start = slice.start,
                     .end = slice.end,
                     .is_warmup = slice.is_warmup(),
                     .messages = stats.messages + stats.warmup_messages,
                     .bytes = stats.bytes,
                     .errors = stats.error_count(),
                     .scheduled = stats.scheduled},
          .latency_ns = stats.latency_ns};
  put(row);
  if (rows_.size() > seconds_max_) halve();
}

void LoadSeries::put(const Row& row) {
  auto behind = rows_.end();
  while (behind != rows_.begin() && std::prev(behind)->number > row.number) --behind;
  if (behind != rows_.begin() && std::prev(behind)->number == row.number) {
    return std::prev(behind)->merge(row);
  }
  rows_.insert(behind, row);
}

void LoadSeries::halve() {
  length_.ns *= 2;
  std::vector<Row> rows;
  rows.swap(rows_);
  for (Row& row : rows) {
    row.number = floor_divided(row.number, 2);
    put(row);
  }
}

std::vector<LoadSecond> LoadSeries::seconds() const {
  std::vector<LoadSecond> seconds;
  for (const Row& row : rows_) {
    LoadSecond& second = seconds.emplace_back(row.second);
    second.p50_ns = row.latency_ns.percentile(500);
    second.p90_ns = row.latency_ns.percentile(900);
    second.p99_ns = row.latency_ns.percentile(990);
    second.max_ns = row.latency_ns.max();
  }
  return seconds;
}

}  // namespace mailrace::tools
