// SPDX-License-Identifier: GPL-3.0-or-later
// Files are opened before the run: nobody wants to hear of a typing mistake an hour later.
#include "tools/load/outputs.h"

#include "net/system_clock.h"
#include "tools/load/machine.h"
#include "tools/load/report.h"
#include "tools/load/report_html.h"

#include <cstdio>
#include <cstring>

namespace mailrace::tools {
namespace {

using Outcome = tl::expected<void, std::string>;

Outcome failed(const char* flag, const std::string& path, int error) {
  return tl::unexpected(std::string("--") + flag + ": " + path + ": " + std::strerror(error));
}

Outcome create(std::optional<Output>& file, const char* flag, const std::string& path) {
  file.emplace(Output::create(path));
  if (file->error() != 0) return failed(flag, path, file->error());
  return {};
}

}  // namespace

Outcome LoadOutputs::open() {
  if (!options_.csv.empty()) {
    if (auto created = create(csv_file_, "csv", options_.csv); !created) return created;
    csv_.emplace(*csv_file_, options_.is_open_loop());
  }
  if (!options_.html.empty()) {
    if (auto created = create(html_, "html", options_.html); !created) return created;
  }
  if (!options_.json && !options_.quiet && LiveTerminal::is_there()) terminal_.emplace();
  return {};
}

LoadProgress LoadOutputs::begin_run(uint32_t number) {
  LoadProgress progress;
  view_.begin_run(number);
  if (terminal_) terminal_->leave();
  if (csv_) {
    csv_->begin_run(number);
    progress.on_slice = [this](const LoadSlice& slice, const LoadStats& stats) {
      csv_->add(slice, stats);
    };
  }
  progress.on_second = [this](const LoadStats& recent, core::Duration interval, int64_t second) {
    on_second(recent, interval, second);
  };
  return progress;
}

void LoadOutputs::on_second(const LoadStats& recent, core::Duration interval, int64_t second) {
  const core::Duration elapsed = core::seconds(second);
  if (csv_) csv_->write_whole({elapsed.ns - options_.warmup.ns});
  if (terminal_) {
    view_.add(recent, interval, elapsed);
    terminal_->draw(view_.lines({terminal_->columns(), LiveTerminal::is_utf8()}));
  } else if (!options_.json && !options_.quiet) {
    std::fprintf(stderr, "%s\n", live_line(recent, interval, second).c_str());
  }
}

void LoadOutputs::end_run(const LoadReport& report) {
  if (csv_) csv_->end_run(report.elapsed);
}

Outcome LoadOutputs::finish(std::span<const LoadReport> reports) {
  if (html_) {
    html_->write(report_html(reports, options_, this_machine(), net::SystemClock().wall_now()));
    html_->close();
    if (html_->error() != 0) return failed("html", options_.html, html_->error());
  }
  if (csv_file_) {
    csv_file_->close();
    if (csv_file_->error() != 0) return failed("csv", options_.csv, csv_file_->error());
  }
  return {};
}

}  // namespace mailrace::tools
