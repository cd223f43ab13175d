// SPDX-License-Identifier: GPL-3.0-or-later
// The figures of several runs, put beside each other.
#include "tools/lib/formatted.h"
#include "tools/load/report.h"

#include <algorithm>
#include <functional>

namespace mailrace::tools {
namespace {

struct Figure {
  const char* title;
  std::function<double(const LoadReport&)> of;
};

double latency_ms(const LoadReport& report, uint32_t per_mille) {
  return double(report.stats.latency_ns.percentile(per_mille)) / 1e6;
}

std::vector<Figure> figures_of(std::span<const LoadReport> reports) {
  std::vector<Figure> figures = {
      {"messages/s", [](const LoadReport& report) { return report.messages_per_second(); }},
      {"p50 ms", [](const LoadReport& report) { return latency_ms(report, 500); }},
      {"p99 ms", [](const LoadReport& report) { return latency_ms(report, 990); }},
      {"generator CPU ms", [](const LoadReport& report) { return report.cpu_ms_per_message(); }},
  };
  if (!std::ranges::all_of(
          reports, [](const LoadReport& report) { return report.server_cpu.has_value(); })) {
    return figures;
  }
  figures.push_back({"server CPU ms", [](const LoadReport& report) {
                       return report.server_cpu_ms_per_message().value_or(0.0);
                     }});
  return figures;
}

}  // namespace

LoadSpread spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  const double low = values[values.size() % 2 == 1 ? middle : middle - 1];
  return {(low + values[middle]) / 2, values.front(), values.back()};
}

std::string repeats_text(std::span<const LoadReport> reports) {
  std::string text = formatted("%-18s %12s %12s %12s\n", "all runs", "median", "least", "most");
  for (const Figure& figure : figures_of(reports)) {
    std::vector<double> values;
    for (const LoadReport& report : reports) values.push_back(figure.of(report));
    const LoadSpread spread = spread_of(values);
    text += formatted("%-18s %12.5g %12.5g %12.5g\n", figure.title, spread.median, spread.min,
                      spread.max);
  }
  return text;
}

}  // namespace mailrace::tools
