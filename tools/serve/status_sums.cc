// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/status_sums.h"

#include "core/base/ip.h"
#include "core/base/limits.h"
#include "core/base/text.h"

#include <algorithm>
#include <map>

namespace mailrace::tools {

uint64_t StageTimes::percentile_us(uint32_t per_mille) const noexcept {
  if (count == 0) return 0;
  const uint64_t rank = std::max<uint64_t>(1, (count * per_mille + 999) / 1000);
  uint64_t seen = 0;
  size_t bucket = 0;
  for (; bucket + 1 < counts.size(); ++bucket) {
    seen += counts[bucket];
    if (seen >= rank) break;
  }
  return core::TimeCounter::kFirstUs << bucket;
}

StageTimes times_of(const StatusSources& sources, net::MailStage stage) {
  StageTimes times;
  for (const net::WorkerStats* const stats : sources.workers) {
    const core::TimeCounter& counter = stats->stages[size_t(stage)];
    times.total_us += counter.total_us();
    for (size_t bucket = 0; bucket < times.counts.size(); ++bucket) {
      times.counts[bucket] += counter.count(bucket);
    }
  }
  for (const uint64_t count : times.counts) times.count += count;
  return times;
}

core::Strain strain_of(const net::WorkerStats& stats) noexcept {
  return core::Strain(std::min<uint64_t>(stats.strain.get(), core::kStrainCount - 1));
}

const net::WorkerStats* most_strained(const StatusSources& sources) {
  const auto most = std::ranges::max_element(
      sources.workers, {}, [](const net::WorkerStats* stats) { return strain_of(*stats); });
  return most == sources.workers.end() ? nullptr : *most;
}

std::vector<NetworkUse> busy_networks(const StatusSources& sources, size_t most) {
  std::map<uint64_t, uint64_t> counts;
  for (const net::WorkerStats* const stats : sources.workers) {
    for (const auto& entry : stats->networks.entries()) {
      const uint64_t connections = entry.connections.get();
      if (connections > 0) counts[entry.network.get()] += connections;
    }
  }
  std::vector<NetworkUse> all;
  for (const auto& [word, connections] : counts) {
    all.push_back({core::NetworkKey(word), connections});
  }
  std::ranges::sort(all, std::ranges::greater(), &NetworkUse::connections);
  all.resize(std::min(all.size(), most));
  return all;
}

std::string network_text(core::NetworkKey network) {
  std::array<char, core::kIpAddressTextBytesMax> memory;
  core::TextBuilder text(memory.data(), memory.size());
  core::add_ip_address(text, network.address());
  return std::string(text.text()) + "/" + std::to_string(network.bits());
}

std::vector<ReplyUse> replies_given(const StatusSources& sources) {
  std::vector<ReplyUse> given;
  for (size_t i = 0; i < core::kReplyCount; ++i) {
    const uint64_t count =
        sum_of(sources, [i](const net::WorkerStats& stats) { return stats.replies[i].get(); });
    if (count > 0) given.push_back({core::ReplyId(i), count});
  }
  return given;
}

uint64_t replies_of_class(const StatusSources& sources, unsigned digit) {
  uint64_t sum = 0;
  for (const ReplyUse& reply : replies_given(sources)) {
    if (core::reply_row(reply.id).code / 100 == digit) sum += reply.count;
  }
  return sum;
}

}  // namespace mailrace::tools
