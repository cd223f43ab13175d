// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers to text for scripts. Times are in milliseconds.
#include "tools/lib/formatted.h"
#include "tools/lib/json.h"
#include "tools/load/report.h"
#include "tools/load/setting.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

std::string milliseconds(uint64_t ns) { return formatted("%.6f", double(ns) / 1e6); }

void add_quantiles(JsonLine& line, const core::Histogram& times_ns) {
  for (const LoadQuantile& quantile : kLoadQuantiles) {
    line.raw(quantile.json_name, milliseconds(times_ns.percentile(quantile.per_mille)));
  }
}

std::string quantiles_json(const core::Histogram& times_ns) {
  return json_object([&](JsonLine& line) { add_quantiles(line, times_ns); });
}

// A number if it always is the same, else how it is spread.
std::string count_json(const LoadCount& count) {
  const std::string text = format_load_count(count);
  return count.is_fixed() ? text : '"' + text + '"';
}

std::string size_json(const LoadOptions& options) {
  if (options.mails) return "\"mails\"";
  if (options.message_bytes.sigma_milli == 0) return std::to_string(options.message_bytes.median);
  return '"' + format_load_size(options.message_bytes) + '"';
}

std::string phases_json(const LoadStats& stats) {
  return json_object([&](JsonLine& line) {
    for (size_t phase = 0; phase < kLoadPhaseCount; ++phase) {
      const core::Histogram& times_ns = stats.phases_ns[phase];
      if (times_ns.count() == 0) continue;
      line.raw(name_of(LoadPhase(phase)), json_object([&](JsonLine& of_phase) {
                 of_phase.number("count", times_ns.count());
                 add_quantiles(of_phase, times_ns);
               }));
    }
  });
}

std::string seconds_text(core::Duration time) { return formatted("%.3f", double(time.ns) / 1e9); }

std::string series_json(const std::vector<LoadSecond>& seconds) {
  std::string text = "[";
  for (const LoadSecond& second : seconds) {
    if (text.size() > 1) text += ',';
    text += json_object([&](JsonLine& line) {
      line.raw("start", seconds_text(second.start))
          .raw("end", seconds_text(second.end))
          .raw("warmup", second.is_warmup ? "true" : "false")
          .number("messages", second.messages)
          .number("bytes", second.bytes)
          .number("errors", second.errors)
          .number("scheduled", second.scheduled)
          .raw("p50", milliseconds(second.p50_ns))
          .raw("p90", milliseconds(second.p90_ns))
          .raw("p99", milliseconds(second.p99_ns))
          .raw("max", milliseconds(second.max_ns));
    });
  }
  return text + "]";
}

// What is a median if there are several runs.
struct Figures {
  double messages_per_second = 0.0;
  double megabytes_per_second = 0.0;
  std::array<double, std::size(kLoadQuantiles)> latency_ms{};
  double cpu_ms = 0.0;
  double busy = 0.0;
  std::optional<double> server_cpu_ms;
};

Figures figures_of(const LoadReport& report) {
  Figures figures{.messages_per_second = report.messages_per_second(),
                  .megabytes_per_second = report.megabytes_per_second(),
                  .cpu_ms = report.cpu_ms_per_message(),
                  .busy = report.busy,
                  .server_cpu_ms = report.server_cpu_ms_per_message()};
  for (size_t index = 0; index < figures.latency_ms.size(); ++index) {
    const uint64_t ns = report.stats.latency_ns.percentile(kLoadQuantiles[index].per_mille);
    figures.latency_ms[index] = double(ns) / 1e6;
  }
  return figures;
}

template <class Get>
LoadSpread spread_of(const std::vector<Figures>& runs, Get&& get) {
  std::vector<double> values;
  for (const Figures& run : runs) values.push_back(get(run));
  return tools::spread_of(std::move(values));
}

bool have_server_cpu(const std::vector<Figures>& runs) {
  return std::ranges::all_of(runs, [](const Figures& run) { return bool(run.server_cpu_ms); });
}

Figures medians_of(const std::vector<Figures>& runs) {
  const auto median = [&](auto get) { return spread_of(runs, get).median; };
  Figures medians{
      .messages_per_second = median([](const Figures& run) { return run.messages_per_second; }),
      .megabytes_per_second = median([](const Figures& run) { return run.megabytes_per_second; }),
      .cpu_ms = median([](const Figures& run) { return run.cpu_ms; }),
      .busy = median([](const Figures& run) { return run.busy; }),
      .server_cpu_ms = {}};
  for (size_t index = 0; index < medians.latency_ms.size(); ++index) {
    medians.latency_ms[index] = median([&](const Figures& run) { return run.latency_ms[index]; });
  }
  if (have_server_cpu(runs)) {
    medians.server_cpu_ms = median([](const Figures& run) { return *run.server_cpu_ms; });
  }
  return medians;
}

std::string figure_json(const std::optional<double>& figure) {
  return figure ? formatted("%.6f", *figure) : "null";
}

std::string latency_json(const Figures& figures) {
  return json_object([&](JsonLine& line) {
    for (size_t index = 0; index < figures.latency_ms.size(); ++index) {
      line.raw(kLoadQuantiles[index].json_name, figure_json(figures.latency_ms[index]));
    }
  });
}

std::string spreads_json(const std::vector<Figures>& runs) {
  return json_object([&](JsonLine& line) {
    const auto add = [&](std::string_view name, auto get) {
      const LoadSpread spread = spread_of(runs, get);
      line.raw(name, "[" + figure_json(spread.min) + "," + figure_json(spread.max) + "]");
    };
    add("messages_per_second", [](const Figures& run) { return run.messages_per_second; });
    for (size_t index = 0; index < std::size(kLoadQuantiles); ++index) {
      add(kLoadQuantiles[index].json_name,
          [&](const Figures& run) { return run.latency_ms[index]; });
    }
    add("generator_cpu_ms_per_message", [](const Figures& run) { return run.cpu_ms; });
    if (!have_server_cpu(runs)) return;
    add("server_cpu_ms_per_message", [](const Figures& run) { return *run.server_cpu_ms; });
  });
}

std::string replies_json(const LoadStats& stats) {
  return json_object([&](JsonLine& line) {
    for (size_t code = 0; code < stats.replies.size(); ++code) {
      if (stats.replies[code] > 0) line.number(std::to_string(code), stats.replies[code]);
    }
  });
}

std::string errors_json(const LoadStats& stats) {
  return json_object([&](JsonLine& line) {
    for (size_t error = 0; error < kLoadErrorCount; ++error) {
      line.number(name_of(LoadError(error)), stats.errors[error]);
    }
  });
}

std::string ramp_json(const std::vector<LoadRampStep>& ramp) {
  std::string text = "[";
  for (const LoadRampStep& step : ramp) {
    if (text.size() > 1) text += ',';
    text += json_object([&](JsonLine& line) {
      line.raw("rate", format_rate(step.rate))
          .raw("achieved", formatted("%.3f", step.achieved))
          .number("scheduled", step.scheduled)
          .number("messages", step.messages)
          .number("unsent", step.unsent)
          .raw("p50", milliseconds(step.p50_ns))
          .raw("p99", milliseconds(step.p99_ns))
          .raw("p99_9", milliseconds(step.p999_ns))
          .text("generator_limit", step.generator_limit);
    });
  }
  return text + "]";
}

void add_ramp(JsonLine& line, const std::vector<LoadRampStep>& ramp) {
  if (ramp.empty()) return;
  const LoadKnee knee = find_knee(ramp);
  const bool is_found = knee.verdict == LoadKnee::Verdict::found;
  line.raw("ramp", ramp_json(ramp))
      .raw("knee", is_found ? format_rate(knee.rate) : "null")
      .text("knee_verdict", name_of(knee.verdict));
}

void add_report(JsonLine& line, const LoadReport& report, const Figures& figures,
                const LoadOptions& options) {
  const LoadStats& stats = report.stats;
  line.number("messages", stats.messages)
      .number("warmup_messages", stats.warmup_messages)
      .raw("seconds", formatted("%.6f", double(report.elapsed.ns) / 1e9))
      .number("tail_messages", report.tail.messages)
      .raw("tail_seconds", formatted("%.6f", double(report.tail.length.ns) / 1e9))
      .raw("messages_per_second", formatted("%.3f", figures.messages_per_second))
      .raw("megabytes_per_second", formatted("%.3f", figures.megabytes_per_second))
      .raw("latency_ms", latency_json(figures))
      .raw("replies", replies_json(stats))
      .raw("errors", errors_json(stats))
      .text("first_error", stats.first_error)
      .raw("generator_cpu_ms_per_message", figure_json(figures.cpu_ms))
      .raw("server_cpu_ms_per_message", figure_json(figures.server_cpu_ms))
      .number("tls_handshakes", stats.handshakes)
      .number("tls_resumed", stats.resumed)
      .raw("tls_handshake_ms", quantiles_json(stats.phase_ns(LoadPhase::tls)))
      .number("connections_opened", stats.connections)
      .number("connections", uint64_t{options.connections})
      .number("threads", uint64_t{options.threads})
      .raw("message_bytes", size_json(options))
      .raw("messages_per_connection", count_json(options.messages_per_connection))
      .raw("recipients", count_json(options.recipients))
      .number("refused_recipients", stats.refused_recipients)
      .number("without_recipients", stats.without_recipients)
      .number("aborted", stats.aborted)
      .raw("pipelining", options.pipelining ? "true" : "false")
      .text("loop", options.is_open_loop() ? "open" : "closed")
      .raw("rate", format_rate(options.rate))
      .number("scheduled", stats.scheduled)
      .number("unsent", stats.unsent)
      .raw("late_ms", quantiles_json(stats.late_ns))
      .raw("generator_busy", formatted("%.4f", figures.busy))
      .text("generator_limit", report.generator_limit)
      .raw("phases", phases_json(stats))
      .raw("series", series_json(report.seconds));
  add_ramp(line, report.ramp);
}

void add_setting(JsonLine& line, const LoadOptions& options) {
  line.raw("flags", flags_json(options)).raw("machine", machine_json());
}

}  // namespace

std::string report_json(const LoadReport& report, const LoadOptions& options) {
  std::string text;
  JsonLine line(text);
  add_report(line, report, figures_of(report), options);
  add_setting(line, options);
  line.end();
  return text;
}

std::string repeats_json(std::span<const LoadReport> reports, const LoadOptions& options) {
  LoadReport all;
  std::vector<Figures> runs;
  std::string repeats = "[";
  for (const LoadReport& report : reports) {
    all.stats.merge(report.stats);
    all.elapsed.ns += report.elapsed.ns;
    all.tail.messages += report.tail.messages;
    all.tail.length.ns += report.tail.length.ns;
    if (all.generator_limit.empty()) all.generator_limit = report.generator_limit;
    runs.push_back(figures_of(report));
    if (repeats.size() > 1) repeats += ',';
    repeats += json_object([&](JsonLine& line) { add_report(line, report, runs.back(), options); });
  }
  std::string text;
  JsonLine line(text);
  add_report(line, all, medians_of(runs), options);
  line.raw("spread", spreads_json(runs)).raw("repeats", repeats + "]");
  add_setting(line, options);
  line.end();
  return text;
}

}  // namespace mailrace::tools
