// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/server_status.h"

#include "core/policy/client_limits.h"
#include "core/smtp/reply_name.h"
#include "tools/lib/formatted.h"
#include "tools/lib/json.h"
#include "tools/lib/version.h"
#include "tools/serve/status_sums.h"

#include <algorithm>

namespace mailrace::tools {
namespace {

using net::WorkerStats;

constexpr size_t kNetworksShown = 8;

std::string_view state_of(const StatusSources& sources) {
  return sources.draining->load() ? "draining" : "serving";
}

std::string_view strain_name(const WorkerStats& stats) {
  return core::kStrainNames[size_t(strain_of(stats))];
}

std::string_view cause_name(const WorkerStats& stats) {
  return core::kResourceNames[std::min<size_t>(stats.strain_cause.get(), core::kResourceCount - 1)];
}

// Objects, with commas between them.
void add_element(std::string& array, const std::string& element) {
  if (!array.empty()) array += ',';
  array += element;
}

std::string worker_json(uint64_t number, const WorkerStats& stats) {
  return json_object([&](JsonLine& line) {
    line.number("worker", number)
        .number("connections", stats.open.get())
        .number("transactions", stats.open_mails.get())
        .number("receive_buffers_lent", stats.receive_buffers_lent.get())
        .raw("spool_memory_used", formatted("%.3f", double(stats.spool_memory.get()) / 1e3))
        .number("lag_us", stats.lag_us.get())
        .text("strain", strain_name(stats))
        .number("mails", stats.mails.get());
  });
}

std::string stages_json(const StatusSources& sources) {
  return json_object([&sources](JsonLine& line) {
    for (size_t i = 0; i < net::kMailStageCount; ++i) {
      const StageTimes times = times_of(sources, net::MailStage(i));
      const auto ms = [&times](uint32_t per_mille) {
        return formatted("%.3f", double(times.percentile_us(per_mille)) / 1e3);
      };
      line.raw(net::kMailStageNames[i], json_object([&](JsonLine& stage) {
                 stage.number("count", times.count).raw("p50_ms", ms(500)).raw("p99_ms", ms(990));
               }));
    }
  });
}

std::string replies_json(const StatusSources& sources) {
  return json_object([&sources](JsonLine& line) {
    for (const ReplyUse& reply : replies_given(sources)) {
      line.number(core::reply_name(reply.id), reply.count);
    }
  });
}

std::string networks_json(const StatusSources& sources) {
  std::string networks;
  for (const NetworkUse& use : busy_networks(sources, kNetworksShown)) {
    add_element(
        networks, json_object([&use](JsonLine& line) {
          line.text("network", network_text(use.network)).number("connections", use.connections);
        }));
  }
  return "[" + networks + "]";
}

std::string limited_json(const StatusSources& sources) {
  return json_object([&sources](JsonLine& line) {
    for (size_t i = 0; i < core::kLimitedCount; ++i) {
      line.number(core::kLimitedNames[i],
                  sum_of(sources, [i](const WorkerStats& s) { return s.limited[i].get(); }));
    }
    line.number("block-list", sum_of(sources, [](const auto& s) { return s.blocked.get(); }));
  });
}

}  // namespace

std::string status_json(const StatusSources& sources, core::Instant now) {
  const auto sum = [&sources](auto member) {
    return sum_of(sources, [member](const WorkerStats& stats) { return (stats.*member).get(); });
  };
  std::string workers;
  for (size_t i = 0; i < sources.workers.size(); ++i) {
    add_element(workers, worker_json(sources.first_worker + i, *sources.workers[i]));
  }
  std::string text;
  JsonLine line(text);
  line.text("version", version_number())
      .number("pid", int64_t{sources.pid})
      .text("state", state_of(sources))
      .raw("uptime_s", formatted("%.3f", double((now - sources.started).ms()) / 1e3))
      .number("connections", sum(&WorkerStats::open))
      .number("transactions", sum(&WorkerStats::open_mails))
      .number("connections_total", sum(&WorkerStats::connections))
      .number("mails_total", sum(&WorkerStats::mails))
      .number("mail_bytes_total", sum(&WorkerStats::mail_octets))
      .number("received_bytes_total", sum(&WorkerStats::received))
      .number("tls_handshakes_total", sum(&WorkerStats::handshakes))
      .number("tls_resumptions_total", sum(&WorkerStats::resumed))
      .number("timeouts_total", sum(&WorkerStats::timeouts))
      .number("accept_failures_total", sum(&WorkerStats::accept_failures))
      .number("completion_overflows_total", sum(&WorkerStats::overflows))
      .number("buffer_starvations_total", sum(&WorkerStats::starvations));
  if (const WorkerStats* const most = most_strained(sources)) {
    line.text("strain", strain_name(*most)).text("strain_resource", cause_name(*most));
  }
  line.number("memory_bytes", sources.memory->bytes())
      .number("memory_budget_bytes", sources.memory->budget())
      .raw("replies", replies_json(sources))
      .raw("limited", limited_json(sources))
      .raw("stages", stages_json(sources))
      .raw("busy_networks", networks_json(sources))
      .raw("workers", "[" + workers + "]");
  line.end();
  return text;
}

std::string status_line(const StatusSources& sources) {
  const auto open = sum_of(sources, [](const WorkerStats& stats) { return stats.open.get(); });
  const auto mails = sum_of(sources, [](const WorkerStats& stats) { return stats.mails.get(); });
  std::string line = sources.draining->load() ? "finishing open transactions" : "taking mail";
  line += formatted(": %llu connections, %llu mails so far", static_cast<unsigned long long>(open),
                    static_cast<unsigned long long>(mails));
  const WorkerStats* const most = most_strained(sources);
  if (most != nullptr && strain_of(*most) != core::Strain::none) {
    line += "; overload: " + std::string(strain_name(*most)) + ", for " +
            std::string(cause_name(*most));
  }
  return line;
}

std::string status_text(const StatusSources& sources, core::Instant now) {
  using Count = unsigned long long;
  const auto sum = [&sources](auto member) {
    return Count{
        sum_of(sources, [member](const WorkerStats& stats) { return (stats.*member).get(); })};
  };
  std::string text = formatted(
      "mailrace %s, pid %d, %s for %.0f s\n", std::string(version_number()).c_str(), sources.pid,
      std::string(state_of(sources)).c_str(), double((now - sources.started).ms()) / 1e3);
  text += formatted("connections  %llu open, %llu so far\n", sum(&WorkerStats::open),
                    sum(&WorkerStats::connections));
  text += formatted("mails        %llu under way, %llu accepted, %llu octets\n",
                    sum(&WorkerStats::open_mails), sum(&WorkerStats::mails),
                    sum(&WorkerStats::mail_octets));
  text += "replies     ";
  for (const unsigned digit : {2u, 3u, 4u, 5u}) {
    text += formatted(" %uxx %llu", digit, Count{replies_of_class(sources, digit)});
  }
  const StageTimes commits = times_of(sources, net::MailStage::sync);
  text +=
      formatted("\ncommit       p50 %.2f ms, p99 %.2f ms at most\n",
                double(commits.percentile_us(500)) / 1e3, double(commits.percentile_us(990)) / 1e3);
  text += formatted("memory       %llu of %llu MiB\n", Count{sources.memory->bytes() >> 20},
                    Count{sources.memory->budget() >> 20});
  for (size_t i = 0; i < sources.workers.size(); ++i) {
    const WorkerStats& stats = *sources.workers[i];
    text += formatted(
        "worker %-4zu  %llu connections, spool memory %.0f %%, lag %.2f ms, strain %s\n",
        i + sources.first_worker, Count{stats.open.get()}, double(stats.spool_memory.get()) / 10,
        double(stats.lag_us.get()) / 1e3, std::string(strain_name(stats)).c_str());
  }
  return text;
}

}  // namespace mailrace::tools
