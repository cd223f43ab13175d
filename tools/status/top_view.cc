// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/status/top_view.h"

#include "tools/lib/formatted.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

constexpr std::string_view kUptime = "mailrace_uptime_seconds";
constexpr size_t kNetworksShown = 10;

double value_of(const MetricValues& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? 0 : found->second;
}

// Of one name, whatever the labels. visit(labels, value)
template <class Visit>
void for_each(const MetricValues& values, std::string_view name, Visit&& visit) {
  for (auto at = values.lower_bound(name); at != values.end(); ++at) {
    const std::string_view key = at->first;
    if (!key.starts_with(name)) break;
    if (key.size() > name.size() && key[name.size()] != '{') continue;
    visit(key.substr(name.size()), at->second);
  }
}

double sum_of(const MetricValues& values, std::string_view name) {
  double sum = 0;
  for_each(values, name, [&sum](std::string_view, double value) { sum += value; });
  return sum;
}

double most_of(const MetricValues& values, std::string_view name) {
  double most = 0;
  for_each(values, name, [&](std::string_view, double value) { most = std::max(most, value); });
  return most;
}

std::string_view label_of(std::string_view labels, std::string_view name) {
  const std::string wanted = std::string(name) + "=\"";
  const size_t at = labels.find(wanted);
  if (at == std::string_view::npos) return {};
  const std::string_view value = labels.substr(at + wanted.size());
  return value.substr(0, value.find('"'));
}

// The two looks, and the time between them.
struct Looks {
  const MetricValues& before;
  const MetricValues& now;
  double seconds;

  double rate(std::string_view name) const {
    return seconds > 0 ? (sum_of(now, name) - sum_of(before, name)) / seconds : 0;
  }
  double reply_rate(char digit) const {
    if (seconds <= 0) return 0;
    const auto sum = [digit](const MetricValues& values) {
      double replies = 0;
      for_each(values, "mailrace_replies_total", [&](std::string_view labels, double value) {
        if (label_of(labels, "code").starts_with(digit)) replies += value;
      });
      return replies;
    };
    return (sum(now) - sum(before)) / seconds;
  }
};

// A time that a part of what was counted between the looks did not exceed, to the next bucket.
double quantile_s(const Looks& looks, std::string_view stage, double part) {
  std::vector<std::pair<double, double>> buckets;  // bound, count up to there
  for_each(looks.now, "mailrace_stage_seconds_bucket", [&](std::string_view labels, double value) {
    if (label_of(labels, "stage") != stage) return;
    const std::string key = "mailrace_stage_seconds_bucket" + std::string(labels);
    const double bound = std::strtod(std::string(label_of(labels, "le")).c_str(), nullptr);
    buckets.emplace_back(bound, value - value_of(looks.before, key));
  });
  std::ranges::sort(buckets);
  const double all = buckets.empty() ? 0 : buckets.back().second;
  for (const auto& [bound, count] : buckets) {
    if (all > 0 && count >= all * part) return bound;
  }
  return 0;
}

void add_workers(std::string& view, const MetricValues& now) {
  view += "\nworker  connections  transactions  spool memory      lag  strain\n";
  for_each(now, "mailrace_connections", [&](std::string_view labels, double open) {
    const auto of_worker = [&](const char* name) {
      return value_of(now, std::string(name) + std::string(labels));
    };
    static constexpr const char* kStrains[] = {"none", "slow", "refuse", "defer"};
    const auto strain = size_t(std::clamp(of_worker("mailrace_strain"), 0.0, 3.0));
    view += formatted("%6s  %11.0f  %12.0f  %10.0f %%  %5.1f ms  %s\n",
                      std::string(label_of(labels, "worker")).c_str(), open,
                      of_worker("mailrace_transactions"),
                      100 * of_worker("mailrace_spool_memory_used_ratio"),
                      1e3 * of_worker("mailrace_event_loop_lag_seconds"), kStrains[strain]);
  });
}

void add_networks(std::string& view, const MetricValues& now) {
  std::vector<std::pair<double, std::string>> networks;
  for_each(now, "mailrace_network_connections", [&](std::string_view labels, double value) {
    networks.emplace_back(value, label_of(labels, "network"));
  });
  std::ranges::sort(networks, std::ranges::greater());
  networks.resize(std::min(networks.size(), kNetworksShown));
  if (networks.empty()) return;
  view += "\nconnections of late  network\n";
  for (const auto& [connections, network] : networks) {
    view += formatted("%19.0f  %s\n", connections, network.c_str());
  }
}

}  // namespace

MetricValues parse_metrics(std::string_view text) {
  MetricValues values;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t space = line.rfind(' ');
    if (line.starts_with('#') || space == std::string_view::npos) continue;
    const std::string number(line.substr(space + 1));
    char* behind = nullptr;
    const double value = std::strtod(number.c_str(), &behind);
    if (behind != number.c_str()) values[std::string(line.substr(0, space))] = value;
  }
  return values;
}

std::string top_view(const MetricValues& before, const MetricValues& now) {
  const double uptime = value_of(now, kUptime);
  const double seconds = before.empty() ? 0 : uptime - value_of(before, kUptime);
  const Looks looks{before, now, seconds};
  std::string view =
      formatted("mailrace, up for %.0f s%s\n\n", uptime,
                value_of(now, "mailrace_draining") > 0 ? ", finishing open transactions" : "");
  view += formatted("connections  %8.0f open      %10.1f new/s\n",
                    sum_of(now, "mailrace_connections"), looks.rate("mailrace_connections_total"));
  view += formatted("mails        %8.0f under way %10.1f /s  %10.2f MB/s\n",
                    sum_of(now, "mailrace_transactions"), looks.rate("mailrace_mails_total"),
                    looks.rate("mailrace_mail_bytes_total") / 1e6);
  view += formatted("replies/s    2xx %.1f  3xx %.1f  4xx %.1f  5xx %.1f\n", looks.reply_rate('2'),
                    looks.reply_rate('3'), looks.reply_rate('4'), looks.reply_rate('5'));
  view += formatted("commit       p50 %.2f ms  p99 %.2f ms, at most\n",
                    1e3 * quantile_s(looks, "sync", 0.5), 1e3 * quantile_s(looks, "sync", 0.99));
  view +=
      formatted("memory       %.0f of %.0f MiB\n", value_of(now, "mailrace_memory_bytes") / 1048576,
                value_of(now, "mailrace_memory_budget_bytes") / 1048576);
  view += formatted("spool memory %.0f %% in use at most\n",
                    100 * most_of(now, "mailrace_spool_memory_used_ratio"));
  add_workers(view, now);
  add_networks(view, now);
  return view;
}

}  // namespace mailrace::tools
