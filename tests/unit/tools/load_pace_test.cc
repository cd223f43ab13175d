// SPDX-License-Identifier: GPL-3.0-or-later
// The open loop without a server: rates, when messages are due, how they wait, whose fault it is.
#include "tools/load/generator_limit.h"
#include "tools/load/pace_flags.h"
#include "tools/load/pacer.h"
#include "tools/load/rate.h"
#include "tools/load/schedule.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

using core::milliseconds;
using core::seconds;

constexpr LoadRate kHundred{100'000};  // every 10 ms

core::Instant at(int64_t ms) { return {milliseconds(ms).ns}; }

LoadSchedule constant(LoadRate rate, core::Instant start = {}, LoadPart part = {}) {
  return {rate, LoadArrivals::constant, part, 0, start};
}

std::vector<int64_t> times_of(LoadSchedule schedule, size_t count) {
  std::vector<int64_t> times;
  for (; times.size() < count; schedule.pass()) times.push_back(schedule.next().ns);
  return times;
}

// --- rates ---------------------------------------------------------------------------------------

TEST(LoadRate, IsReadToThousandthsAndWrittenBack) {
  const std::pair<const char*, uint64_t> kGood[] = {{"250", 250'000},
                                                    {"0.5", 500},
                                                    {"0.001", 1},
                                                    {"1000.125", 1'000'125},
                                                    {"1000000", 1'000'000'000}};
  for (const auto& [text, thousandths] : kGood) {
    const auto rate = parse_rate(text);
    ASSERT_TRUE(rate) << text;
    EXPECT_EQ(rate->thousandths, thousandths) << text;
    EXPECT_EQ(format_rate(*rate), text);
  }
  EXPECT_EQ(format_rate(*parse_rate("007.50")), "7.5");
}

TEST(LoadRate, RefusesEverythingElse) {
  for (const char* text : {"", "0", "0.000", ".5", "5.", "1.2345", "-1", "1e3", "1,5",
                           "1000000.001", "18446744073709551616", " 1", "1 ", "1.-5"}) {
    EXPECT_FALSE(parse_rate(text)) << text;
  }
}

TEST(LoadRamp, HasItsFirstAndItsLastRate) {
  const auto ramp = parse_ramp("100:200:33.5");
  ASSERT_TRUE(ramp);
  ASSERT_EQ(ramp->count(), 3u);
  EXPECT_EQ(format_rate(ramp->rate(0)), "100");
  EXPECT_EQ(format_rate(ramp->rate(2)), "167") << "the next one would be past TO";
  EXPECT_EQ(format_ramp(*ramp), "100:200:33.5");
  EXPECT_EQ(parse_ramp("5:5:1")->count(), 1u);
  EXPECT_EQ(parse_ramp("1:100:1")->count(), 100u);
}

TEST(LoadRamp, RefusesWhatIsNone) {
  for (const char* text :
       {"", "1", "1:2", "1:2:", "1:2:0", "2:1:1", "1:2:3:4", "1:101:1", "0:5:1", "a:b:c"}) {
    EXPECT_FALSE(parse_ramp(text)) << text;
  }
}

TEST(LoadPaceFlags, NameWhatCannotStandTogether) {
  LoadOptions options;
  EXPECT_EQ(contradiction_in(options), "");
  options.arrivals = LoadArrivals::poisson;
  EXPECT_NE(contradiction_in(options).find("--arrivals"), std::string::npos);
  options.rate = kHundred;
  EXPECT_EQ(contradiction_in(options), "");
  options.ramp = *parse_ramp("1:2:1");
  EXPECT_NE(contradiction_in(options).find("--rate"), std::string::npos);
  options.rate = {};
  EXPECT_EQ(contradiction_in(options), "");
  options.messages = 7;
  EXPECT_NE(contradiction_in(options).find("--messages"), std::string::npos);
  options.messages = 0;
  options.duration = core::milliseconds(250);
  EXPECT_EQ(contradiction_in(options), "");
  options.duration = core::milliseconds(249);
  EXPECT_EQ(contradiction_in(options),
            "--duration: too short for a step of --ramp (allowed: 250ms or more)");
}

// --- schedules -----------------------------------------------------------------------------------

TEST(LoadSchedule, IsConstantWithoutDrift) {
  EXPECT_EQ(times_of(constant(kHundred, at(5)), 3),
            (std::vector<int64_t>{at(5).ns, at(15).ns, at(25).ns}));
  LoadSchedule thirds = constant(*parse_rate("3"));
  for (int message = 0; message < 3'000'000; ++message) thirds.pass();
  EXPECT_EQ(thirds.next().ns, seconds(1'000'000).ns);
}

TEST(LoadSchedule, IsDealtOutToWorkers) {
  const auto all = times_of(constant(kHundred), 6);
  const auto first = times_of(constant(kHundred, {}, {0, 2}), 3);
  const auto second = times_of(constant(kHundred, {}, {1, 2}), 3);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first[i], all[2 * i]);
    EXPECT_EQ(second[i], all[2 * i + 1]);
  }
}

TEST(LoadSchedule, OfPoissonHasTheMeanAndTheSpreadOfItsRate) {
  constexpr size_t kCount = 200'000;
  const auto times = times_of({kHundred, LoadArrivals::poisson, {1, 4}, 7, at(1'000)}, kCount);
  const auto mean_ns = double(times.back() - at(1'000).ns) / double(kCount);
  EXPECT_NEAR(mean_ns, 40e6, 40e6 * 0.02) << "a quarter of the rate for each of four workers";
  double squares = 0;
  for (size_t i = 1; i < kCount; ++i) {
    const double gap = double(times[i] - times[i - 1]);
    ASSERT_GE(gap, 0.0);
    squares += (gap - mean_ns) * (gap - mean_ns);
  }
  EXPECT_NEAR(squares / double(kCount) / (mean_ns * mean_ns), 1.0, 0.05) << "exponential gaps";
}

TEST(LoadSchedule, OfPoissonIsItsSeeds) {
  const auto times = [](uint64_t seed, LoadPart part) {
    return times_of({kHundred, LoadArrivals::poisson, part, seed, at(0)}, 50);
  };
  EXPECT_EQ(times(3, {0, 2}), times(3, {0, 2}));
  EXPECT_NE(times(3, {0, 2}), times(4, {0, 2}));
  EXPECT_NE(times(3, {0, 2}), times(3, {1, 2}));
}

// --- what is due ---------------------------------------------------------------------------------

TEST(LoadPacer, HandsOutWhatIsDueInOrder) {
  LoadStats stats;
  LoadPacer pacer(UINT64_MAX, stats);
  pacer.begin(constant(kHundred, at(100)), true);
  pacer.advance(at(99));
  EXPECT_FALSE(pacer.take());
  EXPECT_EQ(pacer.next_due(), at(100));
  pacer.advance(at(125));
  EXPECT_TRUE(pacer.has_waiting());
  EXPECT_EQ(pacer.next_due(), at(130));
  EXPECT_EQ(pacer.take(), at(100));
  EXPECT_EQ(pacer.take(), at(110));
  EXPECT_EQ(pacer.take(), at(120));
  EXPECT_FALSE(pacer.take());
  EXPECT_EQ(stats.scheduled, 3u);
  EXPECT_EQ(stats.unsent, 0u);
}

TEST(LoadPacer, OfPoissonSaysTheSameTimesTwice) {
  const LoadSchedule schedule(kHundred, LoadArrivals::poisson, {}, 5, at(0));
  LoadStats stats;
  LoadPacer pacer(UINT64_MAX, stats);
  pacer.begin(schedule, true);
  pacer.advance(at(10'000));
  for (const int64_t due : times_of(schedule, 500)) EXPECT_EQ(pacer.take()->ns, due);
}

TEST(LoadPacer, CountsWhatIsNotSentWithItsWaitingTime) {
  LoadStats stats;
  LoadPacer pacer(UINT64_MAX, stats);
  pacer.begin(constant(kHundred), true);
  pacer.advance(at(30));
  EXPECT_TRUE(pacer.take());
  pacer.end(at(100));
  EXPECT_EQ(stats.scheduled, 4u);
  EXPECT_EQ(stats.unsent, 3u);
  EXPECT_EQ(stats.latency_ns.count(), 3u);
  EXPECT_EQ(stats.latency_ns.max(), uint64_t(milliseconds(90).ns)) << "due at 10";
  EXPECT_TRUE(pacer.is_exhausted());
  EXPECT_FALSE(pacer.next_due());
  pacer.advance(at(1'000));
  EXPECT_EQ(stats.scheduled, 4u) << "nothing is due any more";
}

TEST(LoadPacer, BoundsWhatWaits) {
  LoadStats stats;
  LoadPacer pacer(UINT64_MAX, stats, 10);
  pacer.begin(constant(kHundred), true);
  pacer.advance(at(990));
  EXPECT_EQ(stats.scheduled, 100u);
  EXPECT_EQ(stats.unsent, 90u);
  EXPECT_EQ(pacer.take(), at(900)) << "the oldest are given up";
}

TEST(LoadPacer, CountsNothingInTheWarmUp) {
  LoadStats stats;
  LoadPacer pacer(UINT64_MAX, stats);
  pacer.begin(constant(kHundred), false);
  pacer.advance(at(50));
  pacer.give_up(at(50));
  EXPECT_EQ(stats.scheduled, 0u);
  EXPECT_EQ(stats.unsent, 0u);
  EXPECT_EQ(stats.latency_ns.count(), 0u);
  pacer.begin(constant(kHundred, at(60)), true);
  pacer.advance(at(60));
  EXPECT_EQ(pacer.take(), at(60));
  EXPECT_EQ(stats.scheduled, 1u);
}

TEST(LoadPacer, EndsWithItsMessages) {
  LoadStats stats;
  LoadPacer pacer(3, stats);
  pacer.begin(constant(kHundred), true);
  pacer.advance(at(1'000));
  EXPECT_EQ(stats.scheduled, 3u);
  for (int message = 0; message < 3; ++message) {
    EXPECT_FALSE(pacer.is_exhausted());
    EXPECT_TRUE(pacer.take());
  }
  EXPECT_TRUE(pacer.is_exhausted());
}

// --- the generator as the limit ------------------------------------------------------------------

core::Histogram latenesses(size_t small, size_t large) {
  core::Histogram late_ns;
  for (size_t i = 0; i < small; ++i) late_ns.add(uint64_t(milliseconds(4).ns));
  for (size_t i = 0; i < large; ++i) late_ns.add(uint64_t(milliseconds(50).ns));
  return late_ns;
}

TEST(GeneratorLimit, IsLatenessOfMoreThanOneInAHundred) {
  EXPECT_EQ(generator_limit(latenesses(0, 0), 0.5, seconds(9)), "");
  EXPECT_EQ(generator_limit(latenesses(99, 1), 0.5, seconds(9)), "");
  EXPECT_NE(generator_limit(latenesses(98, 2), 0.5, seconds(9)).find("late"), std::string::npos);
}

TEST(GeneratorLimit, IsACpuThatIsUsedUp) {
  EXPECT_EQ(generator_limit({}, 0.94, seconds(9)), "");
  EXPECT_NE(generator_limit({}, 0.96, seconds(9)).find("96 %"), std::string::npos);
  EXPECT_EQ(generator_limit({}, 0.96, milliseconds(900)), "") << "too short to say";
  EXPECT_DOUBLE_EQ(busy_share(seconds(3), seconds(2), 2), 0.75);
  EXPECT_DOUBLE_EQ(busy_share(seconds(3), {}, 2), 0.0);
}

}  // namespace
}  // namespace mailrace::tools
