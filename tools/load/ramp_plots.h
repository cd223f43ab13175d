// SPDX-License-Identifier: GPL-3.0-or-later
// The plots of a ramp: what became of each rate that was asked for.
#pragma once

#include "tools/load/knee.h"
#include "tools/load/report_plots.h"

#include <span>

namespace mailrace::tools {

/// Achieved against asked, with the knee. steps   at least one
ReportPlot ramp_rate_plot(std::span<const LoadRampStep> steps);
/// p50, p99 and p99.9 against the rate that was asked for, with the knee. steps   at least one
ReportPlot ramp_latency_plot(std::span<const LoadRampStep> steps);

}  // namespace mailrace::tools
