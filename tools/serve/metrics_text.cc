// SPDX-License-Identifier: GPL-3.0-or-later
// One row for each metric: name, what it is, and where it is counted.
#include "core/policy/client_limits.h"
#include "core/smtp/reply_name.h"
#include "tools/lib/version.h"
#include "tools/serve/server_status.h"
#include "tools/serve/status_sums.h"

#include <cstdarg>
#include <cstdio>

namespace mailrace::tools {
namespace {

using net::WorkerStats;

struct Row {
  const char* name;
  const char* help;
  uint64_t (*of)(const WorkerStats& stats);
};

constexpr Row kCounters[] = {
    {"mailrace_connections_total", "Connections accepted.",
     [](const WorkerStats& stats) { return stats.connections.get(); }},
    {"mailrace_connections_dropped_total",
     "Connections closed without a word, for want of a place even to refuse them.",
     [](const WorkerStats& stats) { return stats.dropped.get(); }},
    {"mailrace_connections_blocked_total", "Connections refused by a block list.",
     [](const WorkerStats& stats) { return stats.blocked.get(); }},
    {"mailrace_accept_failures_total",
     "Accepts that failed, as for want of descriptors or of memory.",
     [](const WorkerStats& stats) { return stats.accept_failures.get(); }},
    {"mailrace_received_bytes_total", "Octets received from clients.",
     [](const WorkerStats& stats) { return stats.received.get(); }},
    {"mailrace_mails_total", "Mails accepted with 250.",
     [](const WorkerStats& stats) { return stats.mails.get(); }},
    {"mailrace_mail_bytes_total", "Octets of mail data of mails accepted.",
     [](const WorkerStats& stats) { return stats.mail_octets.get(); }},
    {"mailrace_tls_handshakes_total", "TLS handshakes that came to their end.",
     [](const WorkerStats& stats) { return stats.handshakes.get(); }},
    {"mailrace_tls_resumptions_total", "TLS handshakes that resumed a session.",
     [](const WorkerStats& stats) { return stats.resumed.get(); }},
    {"mailrace_timeouts_total", "Sessions ended because the client took too long.",
     [](const WorkerStats& stats) { return stats.timeouts.get(); }},
    {"mailrace_completion_overflows_total",
     "Rounds of the event loop in which more had completed than the queue holds.",
     [](const WorkerStats& stats) { return stats.overflows.get(); }},
    {"mailrace_buffer_starvations_total", "Receives that waited for receive buffers.",
     [](const WorkerStats& stats) { return stats.starvations.get(); }},
};

// A scale below one is thousandths or microseconds.
struct Gauge {
  Row row;
  double scale;
};

constexpr Gauge kGauges[] = {
    {{"mailrace_connections", "Connections open.",
      [](const WorkerStats& stats) { return stats.open.get(); }},
     1},
    {{"mailrace_transactions", "Mails being received: mail data has begun, and no reply is given.",
      [](const WorkerStats& stats) { return stats.open_mails.get(); }},
     1},
    {{"mailrace_receive_buffers_lent", "Receive buffers with octets not used yet.",
      [](const WorkerStats& stats) { return stats.receive_buffers_lent.get(); }},
     1},
    {{"mailrace_spool_memory_used_ratio", "Part of --spool-memory in use, over the last second.",
      [](const WorkerStats& stats) { return stats.spool_memory.get(); }},
     1e-3},
    {{"mailrace_event_loop_lag_seconds", "How long a worker takes for all that happened at once.",
      [](const WorkerStats& stats) { return stats.lag_us.get(); }},
     1e-6},
    {{"mailrace_strain", "What is done for overload: 0 nothing, 1 slow, 2 refuse, 3 defer.",
      [](const WorkerStats& stats) { return stats.strain.get(); }},
     1},
};

class Metrics {
 public:
  void head(const char* name, const char* type, const char* help) {
    add("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
  }
  __attribute__((format(printf, 2, 3))) void add(const char* format, ...) {
    char line[512];
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_ += line;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

using Count = unsigned long long;

void add_counters(Metrics& metrics, const StatusSources& sources) {
  for (const Row& row : kCounters) {
    metrics.head(row.name, "counter", row.help);
    metrics.add("%s %llu\n", row.name, Count{sum_of(sources, row.of)});
  }
  metrics.head("mailrace_limited_total", "counter", "Requests refused by --limit.");
  for (size_t i = 0; i < core::kLimitedCount; ++i) {
    const Count count = sum_of(sources, [i](const WorkerStats& s) { return s.limited[i].get(); });
    metrics.add("mailrace_limited_total{limit=\"%s\"} %llu\n", core::kLimitedNames[i].data(),
                count);
  }
  metrics.head("mailrace_replies_total", "counter", "Replies, by code and by what they say.");
  for (size_t i = 0; i < core::kReplyCount; ++i) {
    const Count count = sum_of(sources, [i](const WorkerStats& s) { return s.replies[i].get(); });
    const std::string reason(core::reply_name(core::ReplyId(i)));
    metrics.add("mailrace_replies_total{code=\"%u\",reason=\"%s\"} %llu\n",
                unsigned{core::kReplies[i].code}, reason.c_str(), count);
  }
}

void add_gauges(Metrics& metrics, const StatusSources& sources, core::Instant now) {
  for (const Gauge& gauge : kGauges) {
    metrics.head(gauge.row.name, "gauge", gauge.row.help);
    for (size_t worker = 0; worker < sources.workers.size(); ++worker) {
      metrics.add("%s{worker=\"%zu\"} %.6g\n", gauge.row.name, sources.first_worker + worker,
                  double(gauge.row.of(*sources.workers[worker])) * gauge.scale);
    }
  }
  const auto one = [&metrics](const char* name, const char* help, double value) {
    metrics.head(name, "gauge", help);
    metrics.add("%s %.15g\n", name, value);
  };
  one("mailrace_memory_bytes", "Memory of the process, without files and what it shares.",
      double(sources.memory->bytes()));
  one("mailrace_memory_budget_bytes", "What it may have: --max-memory.",
      double(sources.memory->budget()));
  one("mailrace_draining", "1 while the server finishes what is open and takes nothing new.",
      sources.draining->load() ? 1 : 0);
  one("mailrace_uptime_seconds", "Time since the server started.",
      double((now - sources.started).ms()) / 1e3);
  metrics.head("mailrace_build_info", "gauge", "1, with the version.");
  metrics.add("mailrace_build_info{version=\"%s\"} 1\n", std::string(version_number()).c_str());
}

void add_stages(Metrics& metrics, const StatusSources& sources) {
  const char* const name = "mailrace_stage_seconds";
  metrics.head(name, "histogram", "Time that sessions and mails spend in each stage.");
  for (size_t i = 0; i < net::kMailStageCount; ++i) {
    const StageTimes times = times_of(sources, net::MailStage(i));
    const char* const stage = net::kMailStageNames[i].data();
    uint64_t below = 0;
    for (size_t bucket = 0; bucket + 1 < times.counts.size(); ++bucket) {
      below += times.counts[bucket];
      metrics.add("%s_bucket{stage=\"%s\",le=\"%.9g\"} %llu\n", name, stage,
                  double(core::TimeCounter::kFirstUs << bucket) / 1e6, Count{below});
    }
    metrics.add("%s_bucket{stage=\"%s\",le=\"+Inf\"} %llu\n", name, stage, Count{times.count});
    metrics.add("%s_sum{stage=\"%s\"} %.6f\n", name, stage, double(times.total_us) / 1e6);
    metrics.add("%s_count{stage=\"%s\"} %llu\n", name, stage, Count{times.count});
  }
}

void add_networks(Metrics& metrics, const StatusSources& sources) {
  const char* const name = "mailrace_network_connections";
  metrics.head(name, "gauge", "Connections of late, by network; those that come most.");
  for (const NetworkUse& use : busy_networks(sources, core::BusyNetworks::kPlaces)) {
    metrics.add("%s{network=\"%s\"} %llu\n", name, network_text(use.network).c_str(),
                Count{use.connections});
  }
}

}  // namespace

std::string metrics_text(const StatusSources& sources, core::Instant now, bool with_networks) {
  Metrics metrics;
  add_counters(metrics, sources);
  add_gauges(metrics, sources, now);
  add_stages(metrics, sources);
  if (with_networks) add_networks(metrics, sources);
  return metrics.take();
}

}  // namespace mailrace::tools
