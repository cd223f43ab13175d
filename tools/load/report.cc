// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers to text for people.
#include "tools/load/report.h"

#include "tools/lib/formatted.h"

namespace mailrace::tools {
namespace {

double per_second(double count, core::Duration time) {
  return time.ns > 0 ? count * 1e9 / double(time.ns) : 0.0;
}

double milliseconds_at(const core::Histogram& times_ns, uint32_t per_mille) {
  return double(times_ns.percentile(per_mille)) / 1e6;
}

std::string replies_text(const LoadStats& stats) {
  std::string text;
  for (size_t code = 0; code < stats.replies.size(); ++code) {
    if (stats.replies[code] == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::to_string(code) + ": " + std::to_string(stats.replies[code]);
  }
  return text.empty() ? "none" : text;
}

std::string errors_text(const LoadStats& stats) {
  if (stats.error_count() == 0) return "none";
  std::string text;
  for (size_t error = 0; error < kLoadErrorCount; ++error) {
    if (stats.errors[error] == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::string(name_of(LoadError(error))) + ": " + std::to_string(stats.errors[error]);
  }
  return text + "; the first: " + stats.first_error;
}

// A table with a line for each phase that there was.
std::string phases_text(const LoadStats& stats) {
  std::string text = formatted("%-10s %12s", "phase, ms", "count");
  for (const LoadQuantile& quantile : kLoadQuantiles) text += formatted(" %10s", quantile.name);
  text += '\n';
  for (size_t phase = 0; phase < kLoadPhaseCount; ++phase) {
    const core::Histogram& times_ns = stats.phases_ns[phase];
    if (times_ns.count() == 0) continue;
    text += formatted("%-10s %12llu", name_of(LoadPhase(phase)),
                      static_cast<unsigned long long>(times_ns.count()));
    for (const LoadQuantile& quantile : kLoadQuantiles) {
      text += formatted(" %10.3f", milliseconds_at(times_ns, quantile.per_mille));
    }
    text += '\n';
  }
  return text;
}

// What an open loop was to send, and did not.
std::string schedule_text(const LoadStats& stats) {
  std::string text = formatted("due        %llu messages, %llu of them unsent\n",
                               static_cast<unsigned long long>(stats.scheduled),
                               static_cast<unsigned long long>(stats.unsent));
  if (stats.unsent == 0) return text;
  return text + "           for want of a connection; their time until then is among latencies\n";
}

// A line for each step, and where the server no longer keeps up.
std::string ramp_text(const std::vector<LoadRampStep>& ramp) {
  if (ramp.empty()) return "";
  std::string text = formatted("%-12s %12s %10s %10s %10s %10s\n", "rate asked", "achieved",
                               "p50 ms", "p99 ms", "p99.9 ms", "unsent");
  for (const LoadRampStep& step : ramp) {
    text += formatted("%-12s %12.1f %10.3f %10.3f %10.3f %10llu\n", format_rate(step.rate).c_str(),
                      step.achieved, double(step.p50_ns) / 1e6, double(step.p99_ns) / 1e6,
                      double(step.p999_ns) / 1e6, static_cast<unsigned long long>(step.unsent));
  }
  const LoadKnee knee = find_knee(ramp);
  switch (knee.verdict) {
    case LoadKnee::Verdict::none:
      return text + "no knee up to " + format_rate(ramp.back().rate) + " messages/s\n";
    case LoadKnee::Verdict::found:
      return text + "knee at " + format_rate(knee.rate) + " messages/s\n";
    case LoadKnee::Verdict::below:
      return text + "the knee is below " + format_rate(ramp.front().rate) + " messages/s\n";
  }
  return text;
}

}  // namespace

double LoadReport::messages_per_second() const noexcept {
  return per_second(double(stats.messages - tail.messages), rated());
}

double LoadReport::megabytes_per_second() const noexcept {
  return per_second(double(stats.bytes - tail.bytes) / 1e6, rated());
}

double LoadReport::handshakes_per_second() const noexcept {
  return per_second(double(stats.handshakes - tail.handshakes), rated());
}

double LoadReport::cpu_ms_per_message() const noexcept {
  const uint64_t messages = stats.messages + stats.warmup_messages;
  return messages > 0 ? double(cpu.ns) / 1e6 / double(messages) : 0.0;
}

std::optional<double> LoadReport::server_cpu_ms_per_message() const noexcept {
  if (!server_cpu || stats.messages == 0) return std::nullopt;
  return double(server_cpu->ns) / 1e6 / double(stats.messages);
}

std::string rates_text(const LoadOptions& options) {
  const LoadRamp& ramp = options.ramp;
  if (!ramp.is_asked_for()) return format_rate(options.rate) + " messages/s";
  return format_rate(ramp.from) + " to " + format_rate(ramp.to) + " messages/s";
}

std::string live_line(const LoadStats& recent, core::Duration interval, int64_t second) {
  if (recent.warmup_messages > 0) {
    return formatted("%4lld s  %9.0f messages/s, warming up  errors %llu",
                     static_cast<long long>(second),
                     per_second(double(recent.messages + recent.warmup_messages), interval),
                     static_cast<unsigned long long>(recent.error_count()));
  }
  return formatted("%4lld s  %9.0f messages/s  %8.1f MB/s  p50 %.3f ms  p99 %.3f ms  errors %llu",
                   static_cast<long long>(second), per_second(double(recent.messages), interval),
                   per_second(double(recent.bytes) / 1e6, interval),
                   milliseconds_at(recent.latency_ns, 500), milliseconds_at(recent.latency_ns, 990),
                   static_cast<unsigned long long>(recent.error_count()));
}

std::string report_text(const LoadReport& report, const LoadOptions& options) {
  const LoadStats& stats = report.stats;
  std::string text =
      formatted("messages   %llu in %.3f s over %llu connections\n",
                static_cast<unsigned long long>(stats.messages), double(report.elapsed.ns) / 1e9,
                static_cast<unsigned long long>(stats.connections));
  if (stats.warmup_messages > 0) {
    text += formatted("warm-up    %llu messages more, not measured\n",
                      static_cast<unsigned long long>(stats.warmup_messages));
  }
  if (report.tail.messages > 0) {
    text += formatted("tail       %llu of them in the last %.3f s, not in rates\n",
                      static_cast<unsigned long long>(report.tail.messages),
                      double(report.tail.length.ns) / 1e9);
  }
  text += formatted("rate       %.1f messages/s, %.1f MB/s\n", report.messages_per_second(),
                    report.megabytes_per_second());
  text += "latency   ";
  for (const LoadQuantile& quantile : kLoadQuantiles) {
    text += formatted(" %s %.3f ms", quantile.name,
                      milliseconds_at(stats.latency_ns, quantile.per_mille));
  }
  text += options.is_open_loop() ? ", due to reply\n" : ", end of data to reply\n";
  if (options.is_open_loop()) text += schedule_text(stats);
  if (stats.handshakes > 0) {
    text += formatted(
        "TLS        %llu handshakes, %llu of them resumed, %.1f/s, p50 %.3f ms, p99 %.3f ms\n",
        static_cast<unsigned long long>(stats.handshakes),
        static_cast<unsigned long long>(stats.resumed), report.handshakes_per_second(),
        milliseconds_at(stats.phase_ns(LoadPhase::tls), 500),
        milliseconds_at(stats.phase_ns(LoadPhase::tls), 990));
  }
  if (stats.refused_recipients > 0) {
    text += formatted("refused    %llu recipients, as they should be; %llu messages had no other\n",
                      static_cast<unsigned long long>(stats.refused_recipients),
                      static_cast<unsigned long long>(stats.without_recipients));
  }
  if (stats.aborted > 0) {
    text += formatted("aborted    %llu transactions, on purpose\n",
                      static_cast<unsigned long long>(stats.aborted));
  }
  text += "replies    " + replies_text(stats) + "\n";
  text += "errors     " + errors_text(stats) + "\n";
  text += formatted("generator  %.5f ms CPU per message, %.0f %% of a CPU in each thread\n",
                    report.cpu_ms_per_message(), report.busy * 100);
  if (!report.generator_limit.empty()) {
    text += "           is the limit: " + report.generator_limit + "\n";
  }
  if (const auto server_cpu = report.server_cpu_ms_per_message()) {
    text += formatted("server     %.5f ms CPU per message\n", *server_cpu);
  }
  return text + phases_text(stats) + ramp_text(report.ramp);
}

}  // namespace mailrace::tools
