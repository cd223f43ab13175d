// SPDX-License-Identifier: GPL-3.0-or-later
// The plots of a report: each an SVG element, or empty if there is nothing to show.
#pragma once

#include "core/base/histogram.h"
#include "tools/load/series.h"

#include <string>
#include <vector>

namespace mailrace::tools {

/// A caption of a line in a plot, with the class of its colour.
struct PlotKey {
  const char* style;
  const char* name;
};

struct ReportPlot {
  std::string title;
  std::string note = {};  // how to read it
  std::vector<PlotKey> keys = {};
  std::string svg = {};
};

/// The seconds of a run as they are plotted: the last one ends when the run does, and is left out
/// if that makes it too short for a rate; time in which nothing was counted is a second of its own.
std::vector<LoadSecond> plotted_seconds(std::vector<LoadSecond> seconds, core::Duration elapsed);

/// Messages per second over time.
ReportPlot throughput_plot(const std::vector<LoadSecond>& seconds);
/// p50, p90, p99 and max of each second.
ReportPlot latency_plot(const std::vector<LoadSecond>& seconds);
/// Latency against percentile, the tail as wide as the rest.
ReportPlot percentile_plot(const core::Histogram& latency_ns);
/// How many messages took how long.
ReportPlot distribution_plot(const core::Histogram& latency_ns);

}  // namespace mailrace::tools
