// SPDX-License-Identifier: GPL-3.0-or-later
// A block of lines that is drawn over itself, so each of them must fit.
#include "tools/load/live_view.h"

#include "core/base/limits.h"
#include "core/base/utf8.h"
#include "tools/lib/formatted.h"
#include "tools/load/report.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace mailrace::tools {
namespace {

constexpr size_t kBarColumnsMax = 40;
constexpr std::string_view kBlocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                        "\u2585", "\u2586", "\u2587", "\u2588"};
constexpr std::string_view kLetters[] = {"_", ".", "-", "=", "+", "*", "%", "#"};
constexpr size_t kHeights = std::size(kBlocks);
static_assert(std::size(kLetters) == kHeights);

double seconds_of(core::Duration time) { return double(time.ns) / 1e9; }

double per_second(double count, core::Duration time) {
  return time.ns > 0 ? count * 1e9 / double(time.ns) : 0.0;
}

double milliseconds_at(const core::Histogram& times_ns, uint32_t per_mille) {
  return double(times_ns.percentile(per_mille)) / 1e6;
}

// 0: until the messages are sent
core::Duration whole_time(const LoadOptions& options) {
  const core::Duration step = options.step_time();
  if (step.ns == 0) return {};
  const uint32_t steps = options.ramp.is_asked_for() ? options.ramp.count() : 1;
  return {options.warmup.ns + step.ns * int64_t{steps}};
}

std::string cut(std::string line, size_t columns) {
  size_t end = 0;
  for (size_t column = 0; column < columns && end < line.size(); ++column) {
    end += std::max<size_t>(core::utf8_character_bytes(std::string_view(line).substr(end)), 1);
  }
  line.resize(std::min(end, line.size()));
  return line;
}

std::string bar(double done, size_t columns, bool is_utf8) {
  const auto full = size_t(std::lround(done * double(columns)));
  std::string text;
  for (size_t column = 0; column < columns; ++column) {
    if (is_utf8) {
      text += column < full ? "\u2588" : "\u2591";
    } else {
      text += column < full ? '#' : '.';
    }
  }
  return text;
}

}  // namespace

void LoadLiveView::begin_run(uint32_t number) {
  const LoadOptions options = options_;
  *this = LoadLiveView(options);
  run_ = number;
}

void LoadLiveView::add(const LoadStats& recent, core::Duration interval, core::Duration elapsed) {
  recent_ = recent;
  interval_ = interval;
  elapsed_ = elapsed;
  const uint64_t messages = recent.messages + recent.warmup_messages;
  messages_ += messages;
  measured_ += recent.messages;
  errors_ += recent.error_count();
  history_.push_back(per_second(double(messages), interval));
  if (history_.size() > core::kLoadLiveSecondsMax) history_.pop_front();
}

// By time or by messages, whichever will be over first.
LoadLiveView::Progress LoadLiveView::progress() const {
  Progress progress{.left_s = INFINITY};
  const core::Duration length = whole_time(options_);
  if (length.ns > 0) {
    progress.done = std::min(seconds_of(elapsed_) / seconds_of(length), 1.0);
    progress.left_s = std::max(seconds_of(length) - seconds_of(elapsed_), 0.0);
  }
  if (options_.messages > 0 && messages_ > 0) {
    const double done = std::min(double(messages_) / double(options_.messages), 1.0);
    if (done >= progress.done) {
      progress = {done, seconds_of(elapsed_) * (1.0 - done) / done};
    }
  }
  return progress;
}

std::string LoadLiveView::progress_line(const LoadLiveShape& shape) const {
  const Progress now = progress();
  std::string times = formatted("%3.0f %%  %.0f s", 100 * now.done, seconds_of(elapsed_));
  if (std::isfinite(now.left_s)) times += formatted(", %.0f s left", std::ceil(now.left_s));
  if (elapsed_ <= options_.warmup && options_.warmup.ns > 0) times += ", warming up";
  const size_t room = shape.columns > times.size() + 2 ? shape.columns - times.size() - 2 : 0;
  return bar(now.done, std::min(room, kBarColumnsMax), shape.is_utf8) + "  " + times;
}

std::string LoadLiveView::rate_line() const {
  const double now = history_.empty() ? 0.0 : history_.back();
  std::string line = formatted("now      %9.0f messages/s", now);
  if (measured_ == 0) return line;
  const core::Duration measured{elapsed_.ns - options_.warmup.ns};
  return line + formatted("  %8.1f MB/s   mean %.0f messages/s",
                          per_second(double(recent_.bytes) / 1e6, interval_),
                          per_second(double(measured_), measured));
}

std::string LoadLiveView::history_line(const LoadLiveShape& shape) const {
  const std::string head = "minute   ";
  const size_t room = shape.columns > head.size() ? shape.columns - head.size() : 0;
  const size_t count = std::min(room, history_.size());
  const double most = history_.empty() ? 0.0 : std::ranges::max(history_);
  std::string line = head;
  for (size_t index = history_.size() - count; index < history_.size(); ++index) {
    const double part = most > 0 ? history_[index] / most : 0.0;
    const auto height = std::min(size_t(part * double(kHeights)), kHeights - 1);
    line += (shape.is_utf8 ? kBlocks : kLetters)[height];
  }
  if (count > 0) line += formatted("  most %.0f", most);
  return line;
}

std::string LoadLiveView::latency_line() const {
  const core::Histogram& times_ns = recent_.latency_ns;
  if (times_ns.count() == 0) return "latency  none yet in this second";
  return formatted("latency  p50 %.3f ms  p90 %.3f ms  p99 %.3f ms  max %.3f ms",
                   milliseconds_at(times_ns, 500), milliseconds_at(times_ns, 900),
                   milliseconds_at(times_ns, 990), milliseconds_at(times_ns, 1000));
}

std::vector<std::string> LoadLiveView::lines(const LoadLiveShape& shape) const {
  std::string title = formatted("%u connections to ", options_.connections) + options_.target;
  if (options_.is_open_loop()) title += ", " + rates_text(options_);
  if (options_.repeat > 1) title += formatted(", run %u of %u", run_, options_.repeat);
  std::string errors = formatted("errors   %llu", static_cast<unsigned long long>(errors_));
  std::vector<std::string> lines = {
      title, progress_line(shape), rate_line(), history_line(shape), latency_line(), errors};
  for (std::string& line : lines) line = cut(std::move(line), shape.columns);
  return lines;
}

}  // namespace mailrace::tools
