// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/load/series_csv.h"

#include "tools/lib/formatted.h"

#include <algorithm>

namespace mailrace::tools {
namespace {

constexpr core::Duration kNever{INT64_MIN};
constexpr core::Duration kPatience = core::milliseconds(500);

std::string seconds_text(core::Duration time) { return formatted("%.3f", double(time.ns) / 1e9); }

// Empty if there is none: a latency of 0 would be one.
std::string milliseconds_text(const core::Histogram& times_ns, uint32_t per_mille) {
  if (times_ns.count() == 0) return {};
  return formatted("%.6f", double(times_ns.percentile(per_mille)) / 1e6);
}

}  // namespace

LoadCsv::LoadCsv(Output& target, bool is_open_loop) : target_(target), is_open_loop_(is_open_loop) {
  target_.write("run,start,end,warmup,messages,bytes,errors,scheduled,p50,p90,p99,max\n");
  target_.flush();
}

void LoadCsv::add(const LoadSlice& slice, const LoadStats& stats) {
  const core::Duration start = std::max(slice.start, written_);
  Row& row = rows_[start];
  row.end = std::max({row.end, slice.end, start});
  row.stats.merge(stats);
}

void LoadCsv::write_whole(core::Duration now) {
  while (!rows_.empty() && rows_.begin()->second.end.ns <= now.ns - kPatience.ns) {
    write(rows_.begin()->first, rows_.begin()->second);
    rows_.erase(rows_.begin());
  }
  target_.flush();
}

void LoadCsv::end_run(core::Duration now) {
  for (auto& [start, row] : rows_) {
    row.end = std::clamp(now, start, row.end);
    write(start, row);
  }
  rows_.clear();
  written_ = kNever;
  target_.flush();
}

void LoadCsv::write(core::Duration start, const Row& row) {
  const LoadStats& stats = row.stats;
  std::string line = std::to_string(run_) + ',' + seconds_text(start) + ',' + seconds_text(row.end);
  line += start.ns < 0 ? ",1," : ",0,";
  line += std::to_string(stats.messages + stats.warmup_messages) + ',' +
          std::to_string(stats.bytes) + ',' + std::to_string(stats.error_count()) + ',';
  if (is_open_loop_) line += std::to_string(stats.scheduled);
  for (const uint32_t per_mille : {500u, 900u, 990u, 1000u}) {
    line += ',' + milliseconds_text(stats.latency_ns, per_mille);
  }
  target_.write(line + '\n');
  written_ = std::max(written_, row.end);
}

}  // namespace mailrace::tools
