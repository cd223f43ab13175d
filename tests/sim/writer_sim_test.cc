// SPDX-License-Identifier: GPL-3.0-or-later
// 250 only after durable, whatever the disk does and whenever the power fails.
//
// MAILRACE_SIM_SEED=n replays one seed in each test, MAILRACE_SIM_SEEDS=FROM:COUNT runs others.
#include "tests/sim/writer_sim.h"

#include "tests/support/sim_seeds.h"

#include <gtest/gtest.h>

#include <functional>

namespace mailrace::tests {
namespace {

using Counts = WriterSim::Counts;

/// Runs `profile` for seeds first..first+count-1, or those that were chosen, and returns what came
/// up in all of them.
Counts run_seeds(uint64_t first, uint64_t count,
                 const std::function<SimProfile(uint64_t)>& profile) {
  const SimSeeds seeds = sim_seeds(first, count);
  Counts sum;
  int failures = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end() && failures < 3; ++seed) {
    WriterSim sim(seed, profile(seed));
    const std::vector<std::string> problems = sim.run();
    for (size_t i = 0; i < problems.size() && i < 5; ++i) {
      ADD_FAILURE() << "MAILRACE_SIM_SEED=" << seed << ": " << problems[i];
    }
    failures += problems.empty() ? 0 : 1;
    sum += sim.counts();
  }
  return sum;
}

bool replaying() { return sim_seeds(0, 0).chosen; }

/// A seed's own mixture of faults; odd seeds leave cuts and syncs alone.
SimFaults some_faults(uint64_t seed) {
  core::Prng random(seed ^ 0xfa17);
  SimFaults faults;
  faults.write = uint32_t(random.below(seed % 4 == 0 ? 300 : 60));
  faults.create = uint32_t(random.below(40));
  faults.allocate = uint32_t(random.below(40));
  faults.sync_directory = uint32_t(random.below(40));
  faults.no_fallocate = random.below(10) == 0;
  faults.delay_max = uint32_t(random.below(6));
  if (seed % 2 == 0) {
    faults.sync = uint32_t(random.below(150));
    faults.truncate = uint32_t(random.below(200));
  }
  return faults;
}

SimProfile faulty(uint64_t seed) {
  SimProfile profile;
  profile.faults = some_faults(seed);
  profile.clean_ends = seed % 2 == 1;
  profile.clients = 1 + uint32_t(seed % 40);
  profile.segment_bytes = (64 + 32 * (seed % 11)) << 10;
  return profile;
}

TEST(WriterSimTest, GoodDiskLosesNothing) {
  const Counts counts = run_seeds(1, 40, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    profile.faults = {.delay_max = uint32_t(seed % 9)};
    profile.clean_ends = true;
    return profile;
  });
  EXPECT_EQ(counts.failed + counts.no_space + counts.broken_segments, 0u);
  if (replaying()) return;
  EXPECT_GT(counts.mails, 1000u);
  EXPECT_GT(counts.footers, 100u);
  EXPECT_GT(counts.shared, 1'000'000u);
}

TEST(WriterSimTest, FaultsGiveUpTheSegmentAndNothingThatWasPromised) {
  const Counts counts = run_seeds(1000, 120, faulty);
  if (replaying()) return;
  EXPECT_GT(counts.mails, 1000u);
  EXPECT_GT(counts.failed, 100u);
  EXPECT_GT(counts.broken_segments, 100u);
  EXPECT_GT(counts.shared, 1'000'000u);
  EXPECT_GT(counts.aborted, 100u);
}

TEST(WriterSimTest, PowerCutsLoseNothingThatWasPromised) {
  const Counts counts = run_seeds(2000, 160, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    if (seed % 3 == 0) profile.faults = {.delay_max = profile.faults.delay_max};
    profile.cuts = true;
    profile.lives = 3;
    profile.ticks = 200;
    return profile;
  });
  if (replaying()) return;
  EXPECT_GT(counts.mails, 1000u);
  EXPECT_GT(counts.footers, 100u);
}

// So much comes in a tick that writes begin in the middle of it, and pieces are records of their
// own.
TEST(WriterSimTest, LargeMailIsSentAheadAndKeepsItsPromises) {
  const Counts counts = run_seeds(8000, 160, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    if (seed % 3 == 0) profile.faults = {.delay_max = profile.faults.delay_max};
    profile.cuts = seed % 2 == 0;
    profile.clean_ends = !profile.cuts && seed % 3 == 0;
    profile.large_only = seed % 4 == 0;
    profile.clients = 4 + uint32_t(seed % 40);
    profile.ticks = 60;
    profile.lives = 2;
    profile.mail_bytes_max = seed % 2 == 0 ? 900'000 : 120'000;
    profile.segment_bytes = (1 + seed % 4) << 20;
    if (seed % 5 == 0) profile.sync = spool::SyncPolicy::behind_writes;
    return profile;
  });
  if (replaying()) return;
  EXPECT_GT(counts.mails, 500u);
  EXPECT_GT(counts.failed, 20u);
}

// Old segments come back full of valid records of an earlier generation: none of them may be taken
// for one of the new generation, whatever a crash leaves.
TEST(WriterSimTest, SegmentsAreUsedAgainAndNothingOldComesBack) {
  const Counts counts = run_seeds(6000, 200, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    if (seed % 2 == 0) profile.faults = {.delay_max = profile.faults.delay_max};
    profile.cuts = true;
    profile.recycles = true;
    profile.lives = 4;
    profile.ticks = 300;
    profile.segment_bytes = (64 + 16 * (seed % 5)) << 10;
    profile.mail_bytes_max = 20'000;
    return profile;
  });
  if (replaying()) return;
  EXPECT_GT(counts.mails, 1000u);
  EXPECT_GT(counts.recycled, 200u);
  EXPECT_GT(counts.shared, 1'000'000u);
  EXPECT_GT(counts.footers, 1000u);
  EXPECT_GT(counts.kept, 100u);
}

TEST(WriterSimTest, PageCacheSurvivesTheDeathOfTheProcess) {
  const Counts counts = run_seeds(3000, 60, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    profile.sync = spool::SyncPolicy::never;
    profile.cuts = seed % 2 == 0;
    return profile;
  });
  if (replaying()) return;
  EXPECT_GT(counts.mails, 1000u);
  EXPECT_GT(counts.footers, 100u);
}

// Whole means whole: the ledger compares the octets of each mail that is found, whatever it was
// promised.
TEST(WriterSimTest, PowerCutsTakeOnlyMailsThatWerePromisedThePageCache) {
  const Counts counts = run_seeds(7000, 200, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    if (seed % 3 == 0) profile.faults = {.delay_max = profile.faults.delay_max};
    profile.sync = spool::SyncPolicy::behind_writes;
    profile.cuts = true;
    profile.lives = 3;
    profile.ticks = 200;
    return profile;
  });
  if (replaying()) return;
  EXPECT_GT(counts.mails, 1000u);
  EXPECT_GT(counts.lost, 100u) << "the cuts never took a mail: nothing was tested";
}

// A 250 behind the moment when files lost their names is one for a mail that is found.
TEST(WriterSimTest, NothingIsPromisedInFilesThatSomebodyTookAway) {
  const Counts counts = run_seeds(9000, 200, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    if (seed % 3 != 0) profile.faults = {.delay_max = profile.faults.delay_max};
    profile.sync = seed % 3 == 1   ? spool::SyncPolicy::behind_writes
                   : seed % 7 == 2 ? spool::SyncPolicy::never
                                   : spool::SyncPolicy::with_each_write;
    profile.vanishes = true;
    profile.clean_ends = false;
    profile.cuts = seed % 2 == 0;
    profile.segment_bytes = (64 + 32 * (seed % 4)) << 10;
    profile.ticks = 300;
    return profile;
  });
  if (replaying()) return;
  EXPECT_GT(counts.mails, 1000u);
  EXPECT_GT(counts.vanished, 300u);
  EXPECT_GT(counts.noticed, 300u);
  EXPECT_GT(counts.shared, 1'000'000u);
}

TEST(WriterSimTest, FullDiskTellsEverybodyThatWaits) {
  const Counts counts = run_seeds(4000, 60, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    profile.fills_up = true;
    profile.segment_bytes = 64 << 10;
    return profile;
  });
  if (replaying()) return;
  EXPECT_GT(counts.mails, 100u);
  EXPECT_GT(counts.no_space, 100u);
  EXPECT_GT(counts.refused, 100u);
}

// A slow disk and little memory: mails wait for room, new ones are not welcome, and all that began
// come to an end.
TEST(WriterSimTest, LittleMemoryOnASlowDiskHoldsMailsBackAndLosesNone) {
  const Counts counts = run_seeds(8000, 30, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    profile.faults = {.delay_max = 10 + uint32_t(seed % 10)};
    profile.clean_ends = true;
    profile.clients = 120;
    profile.ticks = 300;
    profile.lives = 1;
    profile.mail_bytes_max = 400'000;
    profile.large_only = seed % 2 == 0;
    profile.segment_bytes = 4 << 20;
    profile.memory_bytes = core::kSpoolMemoryFloor;
    profile.cuts = seed % 3 == 0;
    return profile;
  });
  EXPECT_EQ(counts.failed + counts.no_space, 0u);
  if (replaying()) return;
  EXPECT_GT(counts.mails, 100u);
  EXPECT_GT(counts.short_appends, 10u);
  EXPECT_GT(counts.unwelcome, 10u);
}

TEST(WriterSimTest, MemoryRunsOutAndComesBack) {
  const Counts counts = run_seeds(5000, 5, [](uint64_t seed) {
    SimProfile profile = faulty(seed);
    profile.faults.delay_max = 1;
    profile.stalls = true;
    profile.large_only = true;
    profile.clients = 120;
    profile.ticks = 600;
    profile.lives = 1;
    profile.mail_bytes_max = 900'000;
    profile.segment_bytes = 16 << 20;
    return profile;
  });
  if (replaying()) return;
  EXPECT_GT(counts.short_appends, 10u);
  EXPECT_GT(counts.mails, 10u);
}

}  // namespace
}  // namespace mailrace::tests
