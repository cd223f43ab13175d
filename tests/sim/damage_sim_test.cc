// SPDX-License-Identifier: GPL-3.0-or-later
// Octets that go bad on the disk cost the mails that they belong to, and no other; and never
// silently.
//
// MAILRACE_SIM_SEED=n replays one seed, MAILRACE_SIM_SEEDS=FROM:COUNT runs others.
#include "tests/sim/damage_sim.h"

#include "tests/support/sim_seeds.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::tests {
namespace {

constexpr int kFailuresMax = 3;

TEST(DamageSimTest, CostsTheMailsThatWereHitAndNoOther) {
  const SimSeeds seeds = sim_seeds(1, 150);
  DamageSim::DamageCounts counts;
  int failures = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end() && failures < kFailuresMax; ++seed) {
    DamageSim sim(seed);
    const std::vector<std::string> problems = sim.run();
    for (size_t i = 0; i < problems.size() && i < 3; ++i) {
      ADD_FAILURE() << "MAILRACE_SIM_SEED=" << seed << ": " << problems[i];
    }
    failures += problems.empty() ? 0 : 1;
    counts += sim.damage_counts();
  }
  RecordProperty("places", int(counts.places));
  if (seeds.chosen) return;
  EXPECT_GT(counts.places, 150u);
  EXPECT_GT(counts.while_running, 10u);
  EXPECT_GT(counts.hit, 30u);
  EXPECT_GT(counts.unvouched, 3u);
  EXPECT_GT(counts.repaired, 40u);
  EXPECT_GT(counts.mails, 5'000u);
}

}  // namespace
}  // namespace mailrace::tests
