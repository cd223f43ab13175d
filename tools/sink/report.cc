// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers to text.
#include "tools/sink/report.h"

#include "tools/lib/formatted.h"
#include "tools/lib/json.h"

#include <algorithm>

namespace mailrace::tools {
namespace {

using LongLong = unsigned long long;

double per_second(double count, core::Duration time) {
  return time.ns > 0 ? count * 1e9 / double(time.ns) : 0.0;
}

std::string id_text(const LoadId& id) {
  return formatted("%016llx.%016llx", LongLong{id.run}, LongLong{id.number});
}

std::string faults_text(const FaultCounts& faults) {
  std::string text;
  for (size_t stage = 0; stage < kFaultStageCount; ++stage) {
    for (size_t kind = 0; kind < kFaultKindCount; ++kind) {
      if (faults[stage][kind] == 0) continue;
      if (!text.empty()) text += ", ";
      text.append(kFaultStageNames[stage]).append(" ").append(kFaultKindNames[kind]);
      text += ": " + std::to_string(faults[stage][kind]);
    }
  }
  return text.empty() ? "none" : text;
}

std::string faults_json(const FaultCounts& faults) {
  return json_object([&](JsonLine& stages) {
    for (size_t stage = 0; stage < kFaultStageCount; ++stage) {
      stages.raw(kFaultStageNames[stage], json_object([&](JsonLine& kinds) {
                   for (size_t kind = 0; kind < kFaultKindCount; ++kind) {
                     kinds.number(kFaultKindNames[kind], faults[stage][kind]);
                   }
                 }));
    }
  });
}

}  // namespace

core::Duration SinkReport::elapsed() const noexcept {
  return stats.messages > 0 ? stats.last_message - stats.first_connection : core::Duration{};
}

double SinkReport::messages_per_second() const noexcept {
  return per_second(double(stats.messages), elapsed());
}

double SinkReport::megabytes_per_second() const noexcept {
  return per_second(double(stats.bytes) / 1e6, elapsed());
}

double SinkReport::cpu_ms_per_message() const noexcept {
  return stats.messages > 0 ? double(cpu.ns) / 1e6 / double(stats.messages) : 0.0;
}

std::string sink_live_line(const SinkStats& recent, core::Duration interval, int64_t second) {
  uint64_t faults = 0;
  for (const auto& kinds : recent.faults) {
    for (const uint64_t count : kinds) faults += count;
  }
  return formatted("%4lld s  %9.0f messages/s  %8.1f MB/s  connections %llu  faults %llu",
                   static_cast<long long>(second), per_second(double(recent.messages), interval),
                   per_second(double(recent.bytes) / 1e6, interval), LongLong{recent.connections},
                   LongLong{faults});
}

std::string match_text(const MailMatch& match) {
  std::string text = formatted("verified   %llu acknowledged, %llu arrived\n",
                               LongLong{match.acknowledged}, LongLong{match.arrived});
  for (size_t finding = 0; finding < kMailFindingCount; ++finding) {
    text +=
        formatted("%-10s %llu", kMailFindingNames[finding].data(), LongLong{match.counts[finding]});
    for (const LoadId& id : match.examples[finding]) text += " " + id_text(id);
    text += match.counts[finding] > match.examples[finding].size() ? " ...\n" : "\n";
  }
  return text;
}

std::string match_json(const MailMatch& match) {
  return json_object([&](JsonLine& line) {
    line.number("acknowledged", match.acknowledged).number("arrived", match.arrived);
    for (size_t finding = 0; finding < kMailFindingCount; ++finding) {
      line.number(kMailFindingNames[finding], match.counts[finding]);
    }
    line.raw("examples", json_object([&](JsonLine& kinds) {
               for (size_t finding = 0; finding < kMailFindingCount; ++finding) {
                 std::string ids;
                 for (const LoadId& id : match.examples[finding]) {
                   ids += (ids.empty() ? "\"" : ", \"") + id_text(id) + '"';
                 }
                 kinds.raw(kMailFindingNames[finding], "[" + ids + "]");
               }
             }));
  });
}

std::string sink_report_text(const SinkReport& report, const SinkOptions& options) {
  const SinkStats& stats = report.stats;
  std::string text =
      formatted("messages   %llu in %.3f s over %llu connections\n", LongLong{stats.messages},
                double(report.elapsed().ns) / 1e9, LongLong{stats.connections});
  text += formatted("octets     %.3f MB\n", double(stats.bytes) / 1e6);
  text += formatted("rate       %.1f messages/s, %.1f MB/s\n", report.messages_per_second(),
                    report.megabytes_per_second());
  text += formatted("dropped    %llu connections\n", LongLong{stats.dropped});
  text += "faults     " + faults_text(stats.faults) + "\n";
  text += formatted("sink       %.5f ms CPU per message\n", report.cpu_ms_per_message());
  if (!options.ids.empty() || !options.verify.empty()) {
    text += formatted("ids        %llu messages without, %llu with other octets than theirs\n",
                      LongLong{stats.without_id}, LongLong{stats.altered});
  }
  if (report.match) text += match_text(*report.match);
  return text;
}

std::string sink_report_json(const SinkReport& report, const SinkOptions& options) {
  const SinkStats& stats = report.stats;
  std::string text;
  JsonLine line(text);
  line.number("messages", stats.messages)
      .number("bytes", stats.bytes)
      .raw("seconds", formatted("%.6f", double(report.elapsed().ns) / 1e9))
      .raw("messages_per_second", formatted("%.3f", report.messages_per_second()))
      .raw("megabytes_per_second", formatted("%.3f", report.megabytes_per_second()))
      .number("connections", stats.connections)
      .number("dropped", stats.dropped)
      .raw("faults", faults_json(stats.faults))
      .raw("cpu_ms_per_message", formatted("%.6f", report.cpu_ms_per_message()));
  if (!options.ids.empty() || !options.verify.empty()) {
    line.number("without_id", stats.without_id).number("altered", stats.altered);
  }
  if (report.match) line.raw("verify", match_json(*report.match));
  line.end();
  return text;
}

}  // namespace mailrace::tools
