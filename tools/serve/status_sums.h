// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers of all workers, added up.
#pragma once

#include "core/policy/busy_networks.h"
#include "tools/serve/server_status.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace mailrace::tools {

/// The sum of one number over all workers.
template <class Number>
uint64_t sum_of(const StatusSources& sources, Number&& number) {
  uint64_t sum = 0;
  for (const net::WorkerStats* const stats : sources.workers) sum += number(*stats);
  return sum;
}

/// Times of one stage, all workers together.
struct StageTimes {
  std::array<uint64_t, core::TimeCounter::kBuckets> counts{};
  uint64_t count = 0;
  uint64_t total_us = 0;

  /// A time in microseconds that so many thousandths of all do not exceed, to the next power of
  /// two; 0 if there were none.
  uint64_t percentile_us(uint32_t per_mille) const noexcept;
};
StageTimes times_of(const StatusSources& sources, net::MailStage stage);

/// The worker with the greatest strain; of several, the first.
const net::WorkerStats* most_strained(const StatusSources& sources);
core::Strain strain_of(const net::WorkerStats& stats) noexcept;

struct NetworkUse {
  core::NetworkKey network;
  uint64_t connections = 0;
};
/// The most busy first.
std::vector<NetworkUse> busy_networks(const StatusSources& sources, size_t most);
std::string network_text(core::NetworkKey network);

/// Refused for load, limits or policy, by the name of the reply; those that were.
struct ReplyUse {
  core::ReplyId id;
  uint64_t count;
};
std::vector<ReplyUse> replies_given(const StatusSources& sources);
/// Replies whose code begins with this digit.
uint64_t replies_of_class(const StatusSources& sources, unsigned digit);

}  // namespace mailrace::tools
