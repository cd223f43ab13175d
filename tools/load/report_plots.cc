// SPDX-License-Identifier: GPL-3.0-or-later
// From what was counted to points. Times are in milliseconds.
#include "tools/load/report_plots.h"

#include "tools/lib/formatted.h"
#include "tools/load/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mailrace::tools {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
// What is shorter has no rate: one message more or less would make it double or nothing.
constexpr core::Duration kPlottedMin = core::milliseconds(200);
// With more than this from median to maximum everything else would lie on a linear axis's base.
constexpr double kSteepness = 20.0;
constexpr int kBinsPerDecade = 20;
constexpr const char* kTimeTitle = "seconds since the end of the warm-up";

double seconds_of(core::Duration time) { return double(time.ns) / 1e9; }
double milliseconds(uint64_t ns) { return double(ns) / 1e6; }

double length_of(const LoadSecond& second) {
  return std::max(seconds_of(second.end) - seconds_of(second.start), 1e-3);
}

double middle_of(const LoadSecond& second) {
  return (seconds_of(second.start) + seconds_of(second.end)) / 2;
}

PlotAxis time_axis(const std::vector<LoadSecond>& seconds) {
  if (seconds.empty()) return PlotAxis::linear_exact(0, 1);
  return PlotAxis::linear_exact(seconds_of(seconds.front().start), seconds_of(seconds.back().end));
}

void add_warmup(SvgPlot& plot, const std::vector<LoadSecond>& seconds) {
  if (seconds.empty() || !seconds.front().is_warmup) return;
  plot.add_shade(seconds_of(seconds.front().start), 0, "warm-up");
}

std::string hint_of(const LoadSecond& second) {
  std::string text = formatted(
      "%.1f to %.1f s%s\n%.0f messages/s, %.2f MB/s", seconds_of(second.start),
      seconds_of(second.end), second.is_warmup ? ", warm-up" : "",
      double(second.messages) / length_of(second), double(second.bytes) / 1e6 / length_of(second));
  if (second.max_ns > 0) {
    text += formatted("\np50 %.3f ms, p90 %.3f ms, p99 %.3f ms, max %.3f ms",
                      milliseconds(second.p50_ns), milliseconds(second.p90_ns),
                      milliseconds(second.p99_ns), milliseconds(second.max_ns));
  }
  if (second.errors > 0) {
    text += formatted("\n%llu errors", static_cast<unsigned long long>(second.errors));
  }
  return text;
}

void add_hints(SvgPlot& plot, const std::vector<LoadSecond>& seconds) {
  for (const LoadSecond& second : seconds) {
    plot.add_hint(seconds_of(second.start), seconds_of(second.end), hint_of(second));
  }
}

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (!std::isfinite(value)) return;
    least = std::min(least, value);
    most = std::max(most, value);
  }
};

// Counts on bins of equal width on a logarithmic axis. A bucket that lies in two bins counts in
// each as far as it does, or the bins would show the width of buckets.
class LogBins {
 public:
  void add(uint64_t low_ns, uint64_t high_ns, uint64_t count) {
    const double from = at(double(std::max<uint64_t>(low_ns, 1)));
    const double to = at(std::max(double(high_ns) + 1.0, 2.0));
    const auto last = int(std::ceil(to)) - 1;
    for (int bin = int(std::floor(from)); bin <= last; ++bin) {
      const double part = (std::min(to, bin + 1.0) - std::max(from, double(bin))) / (to - from);
      add(bin, double(count) * part);
    }
  }

  /// Heights in percent of `total`.
  std::vector<PlotBar> bars(double total) const {
    std::vector<PlotBar> bars;
    for (size_t index = 0; index < counts_.size(); ++index) {
      const int bin = first_ + int(index);
      bars.push_back({edge_ms(bin), edge_ms(bin + 1), 100.0 * counts_[index] / total});
    }
    return bars;
  }

 private:
  static double at(double ns) { return std::log10(ns) * kBinsPerDecade; }
  static double edge_ms(int bin) { return std::pow(10.0, double(bin) / kBinsPerDecade) / 1e6; }

  void add(int bin, double count) {
    if (counts_.empty()) first_ = bin;
    const auto index = size_t(bin - first_);  // buckets come in order
    if (index >= counts_.size()) counts_.resize(index + 1);
    counts_[index] += count;
  }

  int first_ = 0;
  std::vector<double> counts_;
};

}  // namespace

std::vector<LoadSecond> plotted_seconds(std::vector<LoadSecond> seconds, core::Duration elapsed) {
  while (!seconds.empty() && !seconds.back().is_warmup) {
    LoadSecond& last = seconds.back();
    last.end = std::clamp(elapsed, last.start, last.end);
    if (last.end.ns - last.start.ns >= kPlottedMin.ns || seconds.size() == 1) break;
    seconds.pop_back();
  }
  for (size_t index = 1; index < seconds.size(); ++index) {
    const core::Duration begun = seconds[index - 1].end;
    const core::Duration ended = seconds[index].start;
    if (begun >= ended) continue;
    seconds.insert(seconds.begin() + ptrdiff_t(index), {.start = begun, .end = ended});
  }
  return seconds;
}

ReportPlot throughput_plot(const std::vector<LoadSecond>& seconds) {
  ReportPlot plot{.title = "Messages per second", .keys = {{"s1", "acknowledged"}}};
  std::vector<PlotPoint> messages;
  std::vector<PlotPoint> due;
  std::vector<PlotPoint> errors;
  Range range;
  range.add(0);
  for (const LoadSecond& second : seconds) {
    messages.push_back({middle_of(second), double(second.messages) / length_of(second)});
    range.add(messages.back().y);
    if (second.scheduled > 0) {
      due.push_back({middle_of(second), double(second.scheduled) / length_of(second)});
      range.add(due.back().y);
    }
    if (second.errors > 0) errors.push_back({middle_of(second), 0.0});
  }
  SvgPlot svg(plot.title, time_axis(seconds), PlotAxis::linear(range.least, range.most), kTimeTitle,
              "messages/s");
  add_warmup(svg, seconds);
  if (!due.empty()) {
    svg.add_line(due, "plain dashed");
    plot.keys.push_back({"plain", "became due"});
  }
  svg.add_line(messages, "s1");
  svg.add_dots(errors, "error");
  if (!errors.empty()) plot.keys.push_back({"error", "a second with errors"});
  add_hints(svg, seconds);
  plot.svg = svg.text();
  return plot;
}

ReportPlot latency_plot(const std::vector<LoadSecond>& seconds) {
  struct Line {
    PlotKey key;
    uint64_t LoadSecond::*ns;
  };
  static constexpr Line kLines[] = {{{"s4", "max"}, &LoadSecond::max_ns},
                                    {{"s3", "p99"}, &LoadSecond::p99_ns},
                                    {{"s2", "p90"}, &LoadSecond::p90_ns},
                                    {{"s1", "p50"}, &LoadSecond::p50_ns}};
  ReportPlot plot{.title = "Latency"};
  const auto value = [](const LoadSecond& second, const Line& line) {
    const uint64_t ns = second.*line.ns;
    return ns > 0 ? milliseconds(ns) : kNothing;
  };
  Range range;
  for (const LoadSecond& second : seconds) {
    for (const Line& line : kLines) range.add(value(second, line));
  }
  SvgPlot svg(plot.title, time_axis(seconds), PlotAxis::logarithmic(range.least, range.most),
              kTimeTitle, "ms, logarithmic");
  add_warmup(svg, seconds);
  for (const Line& line : kLines) {
    std::vector<PlotPoint> points;
    for (const LoadSecond& second : seconds) {
      points.push_back({middle_of(second), value(second, line)});
    }
    svg.add_line(points, line.key.style);
    plot.keys.push_back(line.key);
  }
  add_hints(svg, seconds);
  plot.svg = svg.text();
  return plot;
}

ReportPlot percentile_plot(const core::Histogram& latency_ns) {
  ReportPlot plot{.title = "Latency by percentile",
                  .note = "Each decade of the axis is a tenth of the messages of the one before."};
  if (latency_ns.count() == 0) return plot;
  const PlotAxis x = PlotAxis::percentiles(latency_ns.count());
  const double least = milliseconds(latency_ns.percentile(0));
  const double most = milliseconds(latency_ns.max());
  const bool is_steep = most > kSteepness * milliseconds(latency_ns.percentile(500));
  SvgPlot svg(plot.title, x,
              is_steep ? PlotAxis::logarithmic(least, most) : PlotAxis::linear(0, most),
              "percentile", is_steep ? "ms, logarithmic" : "ms");
  std::vector<PlotPoint> points;
  const auto count = double(latency_ns.count());
  double seen = 0;
  double behind = 1.0;  // 1 / (1 - p) up to which points are drawn
  latency_ns.for_each_bucket([&](uint64_t, uint64_t high, uint64_t in_bucket) {
    const double ms = milliseconds(std::min(high, latency_ns.max()));
    seen += double(in_bucket);
    const double here = seen < count ? count / (count - seen) : x.most();
    points.push_back({behind, ms});
    points.push_back({std::min(here, x.most()), ms});
    svg.add_hint(behind, here, formatted("%.5g %% took up to %.3f ms", 100 * seen / count, ms));
    behind = std::min(here, x.most());
  });
  svg.add_line(points, "s1");
  plot.svg = svg.text();
  return plot;
}

ReportPlot distribution_plot(const core::Histogram& latency_ns) {
  ReportPlot plot{.title = "Distribution of latency",
                  .note = formatted("%d bars to the decade.", kBinsPerDecade)};
  if (latency_ns.count() == 0) return plot;
  LogBins bins;
  latency_ns.for_each_bucket([&](uint64_t low, uint64_t high, uint64_t count) {
    bins.add(low, std::min(high, latency_ns.max()), count);
  });
  const std::vector<PlotBar> bars = bins.bars(double(latency_ns.count()));
  Range range;
  for (const PlotBar& bar : bars) range.add(bar.height);
  SvgPlot svg(plot.title, PlotAxis::logarithmic(bars.front().from, bars.back().to),
              PlotAxis::linear(0, range.most), "ms, logarithmic", "% of messages");
  svg.add_bars(bars, "s1");
  for (const PlotBar& bar : bars) {
    svg.add_hint(bar.from, bar.to,
                 formatted("%.3g to %.3g ms\n%.3g %% of messages", bar.from, bar.to, bar.height));
  }
  plot.svg = svg.text();
  return plot;
}

}  // namespace mailrace::tools
