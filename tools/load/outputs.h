// SPDX-License-Identifier: GPL-3.0-or-later
// What a load run shows and writes besides its result: lines or a view on stderr, --csv, --html.
#pragma once

#include "tools/load/live_terminal.h"
#include "tools/load/live_view.h"
#include "tools/load/measure.h"
#include "tools/load/options.h"
#include "tools/load/series_csv.h"
#include "tools/spool/output.h"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace mailrace::tools {

/// Of all runs of the process; not copied or moved, as `progress()` points here.
class LoadOutputs {
 public:
  /// options   outlive this
  explicit LoadOutputs(const LoadOptions& options) : options_(options), view_(options) {}
  LoadOutputs(const LoadOutputs&) = delete;
  LoadOutputs& operator=(const LoadOutputs&) = delete;

  /// Creates or empties the files. returns   nothing, or why not: one line that names the flag
  tl::expected<void, std::string> open();

  /// What measure_load() is to call. number   of the run, 1 for the first
  LoadProgress begin_run(uint32_t number);
  void end_run(const LoadReport& report);

  /// Writes what is written at the end. returns   as open()
  tl::expected<void, std::string> finish(std::span<const LoadReport> reports);

 private:
  void on_second(const LoadStats& recent, core::Duration interval, int64_t second);

  const LoadOptions& options_;
  LoadLiveView view_;
  std::optional<LiveTerminal> terminal_;
  std::optional<Output> csv_file_;
  std::optional<LoadCsv> csv_;
  std::optional<Output> html_;
};

}  // namespace mailrace::tools
