// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace load --csv`: a line for each second, written while the run goes on.
#pragma once

#include "core/base/time.h"
#include "tools/load/stats.h"
#include "tools/load/timeline.h"
#include "tools/spool/output.h"

#include <cstdint>
#include <map>
#include <string>

namespace mailrace::tools {

/// Every count is in exactly one line, and each line goes to the kernel when it is whole, half a
/// second after its time at the earliest: a run that is killed leaves what it had. What a thread
/// hands over later still is in the next line. Times are in ms.
class LoadCsv {
 public:
  /// Writes the header line.
  ///
  /// target         outlives this; a failure shows in its error()
  /// is_open_loop   otherwise nothing becomes due, and that column is empty
  LoadCsv(Output& target, bool is_open_loop);

  /// All that is counted from here on belongs to run `number`, 1 for the first one.
  void begin_run(uint32_t number) { run_ = number; }
  /// Slices may come in several parts.
  void add(const LoadSlice& slice, const LoadStats& stats);
  /// Writes what is whole. now   relative to the end of the warm-up
  void write_whole(core::Duration now);
  /// Writes all that is left; the last line ends at `now`, if that is before its own end.
  void end_run(core::Duration now);

 private:
  struct Row {
    core::Duration end{INT64_MIN};
    LoadStats stats;
  };

  void write(core::Duration start, const Row& row);

  Output& target_;
  bool is_open_loop_;
  uint32_t run_ = 1;
  std::map<core::Duration, Row> rows_;  // by start
  core::Duration written_{INT64_MIN};   // up to here
};

}  // namespace mailrace::tools
