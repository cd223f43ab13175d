// SPDX-License-Identifier: GPL-3.0-or-later
// What it costs to count a client for all workers: in one table that they share, beside the least
// that it takes to tell another worker.
#include "core/base/prng.h"
#include "core/policy/client_limits.h"
#include "net/mailbox.h"
#include "net/system_clock.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <memory>

namespace mailrace {
namespace {

using core::Limited;

// Later than whatever the run before left in a table; threads begin together.
core::Instant start(const benchmark::State& state) {
  static std::atomic<int64_t> calls{0};
  const int64_t runs = calls.fetch_add(1) / state.threads();
  return core::Instant{1'000'000'000'000} + core::seconds(1000 * runs);
}

core::RateTable& rates() {
  static core::RateTable table(core::kRateTableEntries);
  return table;
}

// Each thread has clients of its own, as many as a table of that size remembers.
void rate_of_many_clients(benchmark::State& state) {
  const core::Rate rate{1000, core::seconds(60)};
  core::Prng random(uint64_t(state.thread_index()) + 1);
  core::Instant now = start(state);
  for (auto _ : state) {
    now = now + core::microseconds(1);
    benchmark::DoNotOptimize(rates().take(random.next(), rate, 1, now));
  }
}
BENCHMARK(rate_of_many_clients)->Threads(1)->Threads(2);

// All threads count for the same one: a flood from one network.
void rate_of_one_client(benchmark::State& state) {
  const core::Rate rate{1'000'000, core::seconds(1)};  // none is refused
  core::Instant now = start(state);
  for (auto _ : state) {
    now = now + core::microseconds(2);
    benchmark::DoNotOptimize(rates().take(0x9e3779b97f4a7c15, rate, 1, now));
  }
}
BENCHMARK(rate_of_one_client)->Threads(1)->Threads(2);

// A connection from accept to its end, with three rules that count it.
void connection(benchmark::State& state) {
  std::vector<core::LimitRule> rules;
  for (const uint8_t each : {uint8_t{32}, uint8_t{24}, uint8_t{16}}) {
    core::LimitRule rule{
        .network = core::parse_cidr("0.0.0.0/0").prefix, .each = each, .held = {1000, 1000}};
    for (size_t what = core::kHeldCount; what < core::kLimitedCount; ++what) {
      rule.rates[what] = {1'000'000, core::seconds(1)};
    }
    rules.push_back(rule);
  }
  const core::LimitRules all(rules);
  const core::IpAddress loopback = core::parse_ip_address("127.0.0.1").value();
  if (all.of(loopback).size() != rules.size()) return state.SkipWithError("no rules");
  static core::ClientUse use({1, 2, 3, 4}, 10'000);
  core::Prng random(uint64_t(state.thread_index()) + 1);
  net::SystemClock clock;  // threads count in one table
  for (auto _ : state) {
    const core::Instant now = clock.now();
    core::IpAddress address = loopback;
    for (size_t i = 0; i < 4; ++i) address.octets[i] = uint8_t(random.below(256));
    core::LimitedClient client;
    client.bind(all, use);
    if (client.open(address, now)) state.SkipWithError("refused");
    if (!client.may(Limited::messages, 1, now)) state.SkipWithError("refused");
    if (!client.may(Limited::recipients, 1, now)) state.SkipWithError("refused");
  }
}
BENCHMARK(connection)->Threads(1)->Threads(2);

// Without what the other one does with it, and its answer.
void message_to_another_worker(benchmark::State& state) {
  net::Mailbox mailbox;
  for (auto _ : state) mailbox.post(net::Message::question);
}
BENCHMARK(message_to_another_worker);

}  // namespace
}  // namespace mailrace
