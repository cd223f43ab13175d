// SPDX-License-Identifier: GPL-3.0-or-later
// Writer, retention and consumers on one disk, whatever it does and whenever the power fails.
//
// MAILRACE_SIM_SEED=n replays one seed in each test, MAILRACE_SIM_SEEDS=FROM:COUNT runs others.
#include "tests/sim/spool_sim.h"

#include "tests/support/sim_seeds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace mailrace::tests {
namespace {

using Counts = SpoolSim::Counts;

/// A line now and then, for runs that take hours.
class ProgressLine {
 public:
  void show(uint64_t seeds, const Counts& counts) {
    const auto now = std::chrono::steady_clock::now();
    if (now - shown_ < std::chrono::minutes(1)) return;
    shown_ = now;
    const double seconds = std::chrono::duration<double>(now - began_).count();
    std::printf("%llu seeds in %.0f s (%.0f/s), %llu power cuts, %llu mails handed off\n",
                static_cast<unsigned long long>(seeds), seconds, double(seeds) / seconds,
                static_cast<unsigned long long>(counts.cuts),
                static_cast<unsigned long long>(counts.handed_off));
    std::fflush(stdout);
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_ = began_;
};

template <class Run>
Counts run_seeds(const SimSeeds& seeds, Run&& run,
                 SpoolSimProfile (*profile)(uint64_t seed) = &SpoolSimProfile::of) {
  Counts sum;
  ProgressLine progress;
  int failures = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end() && failures < 3; ++seed) {
    SpoolSim sim(seed, profile(seed));
    const std::vector<std::string> problems = run(sim);
    for (size_t i = 0; i < problems.size() && i < 5; ++i) {
      ADD_FAILURE() << "MAILRACE_SIM_SEED=" << seed << ": " << problems[i];
    }
    failures += problems.empty() ? 0 : 1;
    sum += sim.counts();
    progress.show(seed + 1 - seeds.first, sum);
  }
  return sum;
}

TEST(SpoolSimTest, LivesOneAfterTheOther) {
  const SimSeeds seeds = sim_seeds(1, 600);
  const Counts counts = run_seeds(seeds, [](SpoolSim& sim) { return sim.run(); });
  if (seeds.chosen) return;
  EXPECT_GT(counts.mails, 6'000u);
  EXPECT_GT(counts.handed_off, 3'000u);
  EXPECT_GT(counts.taken_away, 500u);
  EXPECT_GT(counts.reused, 300u);
  EXPECT_GT(counts.failed, 100u);
}

TEST(SpoolSimTest, FilesThatSomebodyTakesAwayTakeNothingWithThemThatIsPromisedLater) {
  const SimSeeds seeds = sim_seeds(1, 200);
  const auto profile = [](uint64_t seed) {
    SpoolSimProfile vanishing = SpoolSimProfile::of(seed);
    vanishing.vanishes = true;
    return vanishing;
  };
  Counts counts = run_seeds(
      seeds, [](SpoolSim& sim) { return sim.run(); }, profile);
  counts += run_seeds(
      {seeds.first, std::min<uint64_t>(seeds.count, 40), seeds.chosen},
      [](SpoolSim& sim) { return sim.run_with_every_cut(); }, profile);
  if (seeds.chosen) return;
  EXPECT_GT(counts.vanished, 300u);
  EXPECT_GT(counts.after, 1'000u);
}

/// A thousand seeds in pieces that run beside each other.
class EveryCutTest : public testing::TestWithParam<uint64_t> {};

constexpr uint64_t kPieces = 8;
constexpr uint64_t kSeedsInPiece = 125;

TEST_P(EveryCutTest, LosesNothingThatWasPromised) {
  const SimSeeds seeds = sim_seeds(1 + GetParam() * kSeedsInPiece, kSeedsInPiece);
  const Counts counts = run_seeds(seeds, [](SpoolSim& sim) { return sim.run_with_every_cut(); });
  if (seeds.chosen) return;
  EXPECT_GT(counts.cuts, 10 * kSeedsInPiece);
  EXPECT_GT(counts.mails, 100 * kSeedsInPiece);
}

INSTANTIATE_TEST_SUITE_P(Pieces, EveryCutTest, testing::Range(uint64_t{0}, kPieces));

}  // namespace
}  // namespace mailrace::tests
