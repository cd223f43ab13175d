// SPDX-License-Identifier: GPL-3.0-or-later
// What a run shows on a terminal while it goes on.
#pragma once

#include "core/base/time.h"
#include "tools/load/options.h"
#include "tools/load/stats.h"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace mailrace::tools {

/// Where it is shown.
struct LoadLiveShape {
  size_t columns = 80;  // of the terminal
  bool is_utf8 = true;  // whether it can draw blocks
};

/// How far a run is, how fast, and how it was in the last minute.
class LoadLiveView {
 public:
  explicit LoadLiveView(const LoadOptions& options) : options_(options) {}

  /// Forgets what was. number   1 for the first run
  void begin_run(uint32_t number);
  /// recent     what was counted in the last `interval`
  /// elapsed    since the start of the run
  void add(const LoadStats& recent, core::Duration interval, core::Duration elapsed);

  /// The same count of lines each time, without their ends, none wider than the terminal.
  std::vector<std::string> lines(const LoadLiveShape& shape) const;

 private:
  struct Progress {
    double done = 0.0;  // 0.0 to 1.0
    double left_s = 0.0;
  };

  Progress progress() const;
  std::string progress_line(const LoadLiveShape& shape) const;
  std::string rate_line() const;
  std::string history_line(const LoadLiveShape& shape) const;
  std::string latency_line() const;

  LoadOptions options_;
  uint32_t run_ = 1;
  core::Duration elapsed_{};
  core::Duration interval_{};
  LoadStats recent_;
  uint64_t messages_ = 0;  // those of the warm-up included
  uint64_t measured_ = 0;  // messages
  uint64_t errors_ = 0;
  std::deque<double> history_;  // messages/s, the last one last
};

}  // namespace mailrace::tools
