// SPDX-License-Identifier: GPL-3.0-or-later
// What `mailrace top` shows: the difference of two looks at a server.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace mailrace::tools {

/// Numbers of the Prometheus text format by name and labels, as in `x{a="b"}`. Lines that are none
/// are left out.
using MetricValues = std::map<std::string, double, std::less<>>;
MetricValues parse_metrics(std::string_view text);

/// A screen of lines, each with its end.
///
/// before   as of the last look; empty: there was none, and there are no rates. The time between
///          the two is what the server's own clock says
std::string top_view(const MetricValues& before, const MetricValues& now);

}  // namespace mailrace::tools
