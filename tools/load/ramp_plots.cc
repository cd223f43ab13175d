// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/load/ramp_plots.h"

#include "tools/lib/formatted.h"
#include "tools/load/svg_plot.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

constexpr const char* kRateTitle = "messages/s that were asked for";
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

double milliseconds(uint64_t ns) { return ns > 0 ? double(ns) / 1e6 : kNothing; }

double asked(const LoadRampStep& step) { return step.rate.per_second(); }

PlotAxis rate_axis(std::span<const LoadRampStep> steps) {
  return PlotAxis::linear_exact(asked(steps.front()), asked(steps.back()));
}

void add_knee(SvgPlot& plot, std::span<const LoadRampStep> steps) {
  const LoadKnee knee = find_knee(steps);
  if (knee.verdict != LoadKnee::Verdict::found) return;
  plot.add_mark(knee.rate.per_second(), "knee: " + format_rate(knee.rate));
}

// Each step has the room half-way to its neighbours.
void add_hints(SvgPlot& plot, std::span<const LoadRampStep> steps) {
  const double half = steps.size() > 1 ? (asked(steps[1]) - asked(steps[0])) / 2 : 0.5;
  for (const LoadRampStep& step : steps) {
    plot.add_hint(
        asked(step) - half, asked(step) + half,
        formatted("%s messages/s asked for, %.1f achieved, %llu unsent\np50 %.3f ms, p99 %.3f ms, "
                  "p99.9 %.3f ms",
                  format_rate(step.rate).c_str(), step.achieved,
                  static_cast<unsigned long long>(step.unsent), double(step.p50_ns) / 1e6,
                  double(step.p99_ns) / 1e6, double(step.p999_ns) / 1e6));
  }
}

}  // namespace

ReportPlot ramp_rate_plot(std::span<const LoadRampStep> steps) {
  ReportPlot plot{.title = "Achieved rate", .keys = {{"s1", "achieved"}, {"plain", "asked for"}}};
  std::vector<PlotPoint> wanted;
  std::vector<PlotPoint> achieved;
  double most = 0;
  for (const LoadRampStep& step : steps) {
    wanted.push_back({asked(step), asked(step)});
    achieved.push_back({asked(step), step.achieved});
    most = std::max({most, asked(step), step.achieved});
  }
  SvgPlot svg(plot.title, rate_axis(steps), PlotAxis::linear(0, most), kRateTitle, "messages/s");
  add_knee(svg, steps);
  svg.add_line(wanted, "plain dashed");
  svg.add_line(achieved, "s1");
  svg.add_dots(achieved, "s1");
  add_hints(svg, steps);
  plot.svg = svg.text();
  return plot;
}

ReportPlot ramp_latency_plot(std::span<const LoadRampStep> steps) {
  struct Line {
    PlotKey key;
    uint64_t LoadRampStep::*ns;
  };
  static constexpr Line kLines[] = {{{"s4", "p99.9"}, &LoadRampStep::p999_ns},
                                    {{"s3", "p99"}, &LoadRampStep::p99_ns},
                                    {{"s1", "p50"}, &LoadRampStep::p50_ns}};
  ReportPlot plot{.title = "Latency by rate"};
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  for (const LoadRampStep& step : steps) {
    if (step.p50_ns == 0) continue;
    least = std::min(least, milliseconds(step.p50_ns));
    most = std::max(most, milliseconds(step.p999_ns));
  }
  SvgPlot svg(plot.title, rate_axis(steps), PlotAxis::logarithmic(least, most), kRateTitle,
              "ms, logarithmic");
  add_knee(svg, steps);
  for (const Line& line : kLines) {
    std::vector<PlotPoint> points;
    for (const LoadRampStep& step : steps) {
      points.push_back({asked(step), milliseconds(step.*line.ns)});
    }
    svg.add_line(points, line.key.style);
    svg.add_dots(points, line.key.style);
    plot.keys.push_back(line.key);
  }
  add_hints(svg, steps);
  plot.svg = svg.text();
  return plot;
}

}  // namespace mailrace::tools
