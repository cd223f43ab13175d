// SPDX-License-Identifier: GPL-3.0-or-later
// The order is that of a reader: how fast, how long, how it went over time, then all the rest.
#include "tools/load/report_html.h"

#include "core/message/date.h"
#include "tools/lib/formatted.h"
#include "tools/lib/html_page.h"
#include "tools/lib/markup.h"
#include "tools/lib/version.h"
#include "tools/load/flags.h"
#include "tools/load/knee.h"
#include "tools/load/ramp_plots.h"
#include "tools/load/report_plots.h"

#include <algorithm>
#include <vector>

namespace mailrace::tools {
namespace {

std::string count_text(uint64_t count) { return std::to_string(count); }

std::string quantile_text(const core::Histogram& times_ns, uint32_t per_mille) {
  return formatted("%.3f", double(times_ns.percentile(per_mille)) / 1e6);
}

std::string date_text(core::WallTime time) {
  char octets[core::kMailDateBytes];
  core::TextBuilder text(octets, sizeof octets);
  core::add_mail_date(text, time);
  return std::string(text.text());
}

// For a tile: as many digits as say something.
std::string short_milliseconds(const core::Histogram& times_ns, uint32_t per_mille) {
  const double ms = double(times_ns.percentile(per_mille)) / 1e6;
  return formatted("%.*f ms", ms < 10 ? 3 : ms < 1000 ? 1 : 0, ms);
}

std::string counted(uint64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// The one whose rate is in the middle.
const LoadReport& median_of(std::span<const LoadReport> reports) {
  std::vector<const LoadReport*> order;
  for (const LoadReport& report : reports) order.push_back(&report);
  std::ranges::stable_sort(order, {}, &LoadReport::messages_per_second);
  return *order[(order.size() - 1) / 2];
}

// --- parts of the page ---------------------------------------------------------------------------

std::string tile(const std::string& value, const std::string& what) {
  return "<div class=\"tile\"><b>" + escaped_markup(value) + "</b><span>" + escaped_markup(what) +
         "</span></div>\n";
}

std::string tiles(const LoadReport& report) {
  std::string html = "<div class=\"tiles\">\n";
  html += tile(formatted("%.0f", report.messages_per_second()), "messages/s");
  html += tile(formatted("%.1f", report.megabytes_per_second()), "MB/s of mail data");
  for (const LoadQuantile& quantile : kLoadQuantiles) {
    html += tile(short_milliseconds(report.stats.latency_ns, quantile.per_mille),
                 std::string(quantile.name) + " latency");
  }
  html += tile(count_text(report.stats.error_count()), "errors");
  return html + "</div>\n";
}

std::string card(const ReportPlot& plot) {
  if (plot.svg.empty()) return {};
  std::string html = "<section class=\"card\"><h3>" + escaped_markup(plot.title) + "</h3>\n";
  if (!plot.keys.empty()) {
    html += "<div class=\"keys\">";
    for (const PlotKey& key : plot.keys) {
      html += "<span><i class=\"" + escaped_markup(key.style) + "\"></i>" +
              escaped_markup(key.name) + "</span>";
    }
    html += "</div>\n";
  }
  if (!plot.note.empty()) html += "<p class=\"note-text\">" + escaped_markup(plot.note) + "</p>\n";
  return html + plot.svg + "</section>\n";
}

std::string table_card(const HtmlTable& table) {
  return "<section class=\"card wide\">" + table.text() + "</section>\n";
}

// --- tables --------------------------------------------------------------------------------------

HtmlTable summary_table(const LoadReport& report, bool is_open_loop) {
  const LoadStats& stats = report.stats;
  HtmlTable table("Summary");
  table.add({"messages", count_text(stats.messages)});
  table.add({"of the warm-up, not measured", count_text(stats.warmup_messages)});
  table.add({"time", formatted("%.3f s", double(report.elapsed.ns) / 1e9)});
  if (report.tail.messages > 0) {
    table.add({formatted("in the last %.3f s, not in rates", double(report.tail.length.ns) / 1e9),
               count_text(report.tail.messages)});
  }
  table.add({"rate", formatted("%.1f messages/s", report.messages_per_second())});
  table.add({"mail data", formatted("%.2f MB/s", report.megabytes_per_second())});
  table.add({"connections that were greeted", count_text(stats.connections)});
  if (stats.handshakes > 0) {
    table.add({"TLS handshakes", count_text(stats.handshakes)});
    table.add({"of them resumed", count_text(stats.resumed)});
  }
  if (is_open_loop) {
    table.add({"became due", count_text(stats.scheduled)});
    table.add({"of these unsent", count_text(stats.unsent)}, stats.unsent > 0);
  }
  table.add({"generator CPU", formatted("%.5f ms/message", report.cpu_ms_per_message())});
  table.add({"generator busy", formatted("%.1f %% of each thread", 100 * report.busy)});
  if (const auto server_cpu = report.server_cpu_ms_per_message()) {
    table.add({"server CPU", formatted("%.5f ms/message", *server_cpu)});
  }
  return table;
}

HtmlTable phases_table(const LoadStats& stats) {
  std::vector<std::string> columns = {"Phase, ms", "count"};
  for (const LoadQuantile& quantile : kLoadQuantiles) columns.emplace_back(quantile.name);
  HtmlTable table("Phases", columns);
  for (size_t phase = 0; phase < kLoadPhaseCount; ++phase) {
    const core::Histogram& times_ns = stats.phases_ns[phase];
    if (times_ns.count() == 0) continue;
    std::vector<std::string> cells = {name_of(LoadPhase(phase)), count_text(times_ns.count())};
    for (const LoadQuantile& quantile : kLoadQuantiles) {
      cells.push_back(quantile_text(times_ns, quantile.per_mille));
    }
    table.add(cells);
  }
  return table;
}

HtmlTable replies_table(const LoadStats& stats) {
  HtmlTable table("Replies", {"code", "count"});
  for (size_t code = 0; code < stats.replies.size(); ++code) {
    if (stats.replies[code] > 0) table.add({std::to_string(code), count_text(stats.replies[code])});
  }
  return table;
}

HtmlTable errors_table(const LoadStats& stats) {
  HtmlTable table("Errors", {"kind", "count"});
  for (size_t error = 0; error < kLoadErrorCount; ++error) {
    if (stats.errors[error] == 0) continue;
    table.add({name_of(LoadError(error)), count_text(stats.errors[error])}, true);
  }
  if (table.is_empty()) table.add({"none", "0"});
  return table;
}

HtmlTable runs_table(std::span<const LoadReport> reports, const LoadReport& shown) {
  HtmlTable table("Runs; the one that is shown is bold",
                  {"run", "messages/s", "MB/s", "p50 ms", "p99 ms", "max ms", "errors"});
  for (size_t index = 0; index < reports.size(); ++index) {
    const LoadReport& report = reports[index];
    const core::Histogram& latency_ns = report.stats.latency_ns;
    table.add({std::to_string(index + 1), formatted("%.1f", report.messages_per_second()),
               formatted("%.2f", report.megabytes_per_second()), quantile_text(latency_ns, 500),
               quantile_text(latency_ns, 990), quantile_text(latency_ns, 1000),
               count_text(report.stats.error_count())},
              &report == &shown);
  }
  return table;
}

HtmlTable ramp_table(const std::vector<LoadRampStep>& steps) {
  HtmlTable table("Steps", {"messages/s", "achieved", "unsent", "p50 ms", "p99 ms", "p99.9 ms"});
  for (const LoadRampStep& step : steps) {
    table.add({format_rate(step.rate), formatted("%.1f", step.achieved), count_text(step.unsent),
               formatted("%.3f", double(step.p50_ns) / 1e6),
               formatted("%.3f", double(step.p99_ns) / 1e6),
               formatted("%.3f", double(step.p999_ns) / 1e6)});
  }
  return table;
}

std::string knee_text(const std::vector<LoadRampStep>& steps) {
  const LoadKnee knee = find_knee(steps);
  switch (knee.verdict) {
    case LoadKnee::Verdict::none:
      return "No knee up to " + format_rate(steps.back().rate) + " messages/s.";
    case LoadKnee::Verdict::found:
      return "The knee is at " + format_rate(knee.rate) +
             " messages/s, the highest rate that holds.";
    case LoadKnee::Verdict::below:
      return "No rate holds: the knee is below " + format_rate(steps.front().rate) + " messages/s.";
  }
  return {};
}

// Bold is what was said to be other than it is by default.
HtmlTable flags_table(const LoadOptions& options) {
  LoadOptions said = options;
  LoadOptions unsaid;
  const std::vector<Flag> flags = load_flags(said);
  const std::vector<Flag> defaults = load_flags(unsaid);
  HtmlTable table("Flags; bold are those that are not the default", {"flag", "value"});
  for (size_t index = 0; index < flags.size(); ++index) {
    table.add({"--" + flags[index].name, flag_values_text(flags[index])},
              flags[index].get() != defaults[index].get());
  }
  return table;
}

HtmlTable machine_table(const LoadMachine& machine) {
  HtmlTable table("Machine of the generator");
  table.add({"kernel", machine.kernel});
  table.add({"CPU", machine.cpu.empty() ? "unknown" : machine.cpu});
  table.add({"CPUs that it may use", std::to_string(machine.cpus)});
  table.add({"mailrace", std::string(version_number())});
  return table;
}

// --- sections ------------------------------------------------------------------------------------

std::string head(std::span<const LoadReport> reports, const LoadReport& shown,
                 const LoadOptions& options, core::WallTime ended) {
  const std::string loop =
      options.is_open_loop() ? "open loop, " + rates_text(options) : "closed loop";
  std::string html = "<h1>" + escaped_markup("mailrace load " + options.target) + "</h1>\n";
  html +=
      "<p class=\"faint\">" +
      escaped_markup(loop + ", " + counted(options.connections, "connection") + ", " +
                     counted(options.worker_count(), "thread") + ", ended " + date_text(ended)) +
      "</p>\n";
  if (reports.size() > 1) {
    html +=
        formatted("<p>%zu runs; shown is the one whose rate is the median.</p>\n", reports.size());
  }
  html += tiles(shown);
  if (!shown.stats.first_error.empty()) {
    html += "<p class=\"alarm\">" + escaped_markup("The first error: " + shown.stats.first_error) +
            "</p>\n";
  }
  if (!shown.generator_limit.empty()) {
    html += "<p class=\"alarm\">" +
            escaped_markup("The generator is the limit: " + shown.generator_limit) + "</p>\n";
  }
  return html;
}

std::string ramp(const std::vector<LoadRampStep>& steps) {
  if (steps.empty()) return {};
  return "<h2>Ramp</h2>\n<p>" + escaped_markup(knee_text(steps)) + "</p>\n<div class=\"grid\">\n" +
         card(ramp_rate_plot(steps)) + card(ramp_latency_plot(steps)) +
         table_card(ramp_table(steps)) + "</div>\n";
}

std::string plots(const LoadReport& report, bool is_open_loop) {
  const std::vector<LoadSecond> seconds = plotted_seconds(report.seconds, report.elapsed);
  std::string html = "<h2>Over time</h2>\n<div class=\"grid\">\n";
  html += card(throughput_plot(seconds)) + card(latency_plot(seconds));
  html += "</div>\n<h2>Latency: from ";
  html += is_open_loop ? "when a message was due" : "the end of the data";
  html += " to the reply</h2>\n<div class=\"grid\">\n";
  html += card(percentile_plot(report.stats.latency_ns)) +
          card(distribution_plot(report.stats.latency_ns));
  return html + "</div>\n";
}

}  // namespace

std::string report_html(std::span<const LoadReport> reports, const LoadOptions& options,
                        const LoadMachine& machine, core::WallTime ended) {
  const LoadReport& shown = median_of(reports);
  std::string body = head(reports, shown, options, ended) + ramp(shown.ramp) +
                     plots(shown, options.is_open_loop());
  body += "<h2>Figures</h2>\n<div class=\"grid\">\n" +
          table_card(summary_table(shown, options.is_open_loop())) +
          table_card(phases_table(shown.stats)) + table_card(replies_table(shown.stats)) +
          table_card(errors_table(shown.stats));
  if (reports.size() > 1) body += table_card(runs_table(reports, shown));
  body += "</div>\n<h2>How it was measured</h2>\n<div class=\"grid\">\n" +
          table_card(flags_table(options)) + table_card(machine_table(machine)) + "</div>\n";
  return html_page("mailrace load " + options.target, body);
}

}  // namespace mailrace::tools
