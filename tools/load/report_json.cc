// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers to text for scripts. Times are in milliseconds.
#include "tools/lib/formatted.h"
#include "tools/lib/json.h"
#include "tools/load/report.h"

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
          .raw("p50", milliseconds(second.p50_ns))
          .raw("p90", milliseconds(second.p90_ns))
          .raw("p99", milliseconds(second.p99_ns))
          .raw("max", milliseconds(second.max_ns));
    });
  }
  return text + "]";
}

}  // namespace

std::string report_json(const LoadReport& report, const LoadOptions& options) {
  const LoadStats& stats = report.stats;
  const std::string latency = quantiles_json(stats.latency_ns);
  const std::string replies = json_object([&](JsonLine& line) {
    for (size_t code = 0; code < stats.replies.size(); ++code) {
      if (stats.replies[code] > 0) line.number(std::to_string(code), stats.replies[code]);
    }
  });
  const std::string errors = json_object([&](JsonLine& line) {
    for (size_t error = 0; error < kLoadErrorCount; ++error) {
      line.number(name_of(LoadError(error)), stats.errors[error]);
    }
  });
  std::string text;
  JsonLine line(text);
  line.number("messages", stats.messages)
      .number("warmup_messages", stats.warmup_messages)
      .raw("seconds", formatted("%.6f", double(report.elapsed.ns) / 1e9))
      .raw("messages_per_second", formatted("%.3f", report.messages_per_second()))
      .raw("megabytes_per_second", formatted("%.3f", report.megabytes_per_second()))
      .raw("latency_ms", latency)
      .raw("replies", replies)
      .raw("errors", errors)
      .text("first_error", stats.first_error)
      .raw("generator_cpu_ms_per_message", formatted("%.6f", report.cpu_ms_per_message()))
      .number("tls_handshakes", stats.handshakes)
      .number("tls_resumed", stats.resumed)
      .raw("tls_handshake_ms", quantiles_json(stats.phase_ns(LoadPhase::tls)))
      .number("connections_opened", stats.connections)
      .number("connections", uint64_t{options.connections})
      .number("threads", uint64_t{options.threads})
      .number("message_bytes", options.message_bytes)
      .number("messages_per_connection", options.messages_per_connection)
      .raw("pipelining", options.pipelining ? "true" : "false")
      .raw("phases", phases_json(stats))
      .raw("series", series_json(report.seconds));
  line.end();
  return text;
}

}  // namespace mailrace::tools
