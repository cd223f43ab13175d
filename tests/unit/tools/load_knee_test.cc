// SPDX-License-Identifier: GPL-3.0-or-later
// Ramps, repeated runs, and the CPU time of processes.
#include "tools/load/knee.h"
#include "tools/load/process_cpu.h"
#include "tools/load/report.h"

#include <gtest/gtest.h>

#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

using core::milliseconds;
using core::seconds;

// Of 1000 messages that were due `messages` are acknowledged.
LoadRampStep step(uint64_t rate, uint64_t messages, int64_t p99_ms) {
  LoadRampStep step;
  step.rate = {rate * 1'000};
  step.scheduled = 1'000;
  step.messages = messages;
  step.p99_ns = uint64_t(milliseconds(p99_ms).ns);
  return step;
}

void expect_knee(const std::vector<LoadRampStep>& steps, LoadKnee::Verdict verdict, uint64_t rate) {
  const LoadKnee knee = find_knee(steps);
  EXPECT_EQ(knee.verdict, verdict) << name_of(knee.verdict);
  EXPECT_EQ(knee.rate.thousandths, rate * 1'000);
}

using Verdict = LoadKnee::Verdict;

TEST(LoadKnee, IsTheLastRateBeforeTooLittleIsDone) {
  expect_knee({step(10, 1'000, 1), step(20, 950, 1), step(30, 949, 1), step(40, 500, 1)},
              Verdict::found, 20);
}

TEST(LoadKnee, IsTheLastRateBeforeLatencyRises) {
  expect_knee({step(10, 1'000, 4), step(20, 1'000, 20), step(30, 1'000, 21)}, Verdict::found, 20);
  expect_knee({step(10, 1'000, 1), step(20, 1'000, 10), step(30, 1'000, 11)}, Verdict::found, 20);
}

TEST(LoadKnee, IsNotThereWhileTheLastStepHolds) {
  expect_knee({step(10, 1'000, 1), step(20, 1'000, 1)}, Verdict::none, 20);
  expect_knee({step(10, 1'000, 1)}, Verdict::none, 10);
}

TEST(LoadKnee, IsBelowTheRampIfNoStepHolds) {
  expect_knee({step(10, 900, 1), step(20, 500, 1)}, Verdict::below, 0);
  expect_knee({step(10, 0, 0)}, Verdict::below, 0);
}

TEST(LoadKnee, IsNotInStepsThatTheRunNeverCameTo) {
  LoadRampStep unreached = step(40, 0, 0);
  unreached.scheduled = 0;
  expect_knee({step(10, 1'000, 1), step(20, 1'000, 1), step(30, 10, 1), unreached}, Verdict::found,
              20);
  expect_knee({unreached}, Verdict::below, 0);
}

TEST(LoadKnee, IsNoDisturbanceInBetween) {
  expect_knee({step(10, 1'000, 300), step(20, 1'000, 2), step(30, 700, 90), step(40, 1'000, 3),
               step(50, 800, 400)},
              Verdict::found, 40);
}

TEST(LoadKnee, CountsWhatEndedOnPurposeAsDone) {
  LoadRampStep aborting = step(20, 500, 1);
  expect_knee({step(10, 1'000, 1), aborting}, Verdict::found, 10);
  aborting.ended_on_purpose = 450;
  expect_knee({step(10, 1'000, 1), aborting}, Verdict::none, 20);
}

TEST(LoadKnee, OfStepsThatWereCounted) {
  LoadStats stats;
  stats.aborted = 6;
  stats.without_recipients = 4;
  stats.scheduled = 400;
  stats.messages = 300;
  stats.unsent = 90;
  stats.cpu = seconds(2);
  for (int message = 0; message < 390; ++message) stats.latency_ns.add(30);
  const LoadRampStep made = ramp_step({200'000}, stats, seconds(2), 1);
  EXPECT_EQ(made.achieved, 150.0);
  EXPECT_EQ(made.p50_ns, 30u);
  EXPECT_EQ(made.ended_on_purpose, 10u);
  EXPECT_EQ(made.unsent, 90u);
  EXPECT_NE(made.generator_limit, "") << "it used all of its CPU";
  EXPECT_EQ(ramp_step({200'000}, stats, seconds(2), 2).generator_limit, "") << "half of two";
}

// --- repeated runs -------------------------------------------------------------------------------

LoadReport run_of(uint64_t messages, uint64_t latency_ns) {
  LoadReport report;
  report.stats.messages = messages;
  report.stats.latency_ns.add(latency_ns);
  report.elapsed = seconds(1);
  return report;
}

TEST(LoadRepeats, HaveAMedianAndASpread) {
  const LoadSpread odd = spread_of({3, 1, 20});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.min, 1);
  EXPECT_EQ(odd.max, 20);
  EXPECT_EQ(spread_of({4, 1, 3, 2}).median, 2.5);
  EXPECT_EQ(spread_of({7}).median, 7);
}

TEST(LoadRepeats, AreReportedTogetherAndOneByOne) {
  const std::vector<LoadReport> reports = {run_of(10, 31), run_of(30, 5), run_of(20, 7)};
  const std::string json = repeats_json(reports, LoadOptions());
  for (const char* part :
       {"{\"messages\":60,", "\"messages_per_second\":20.000,", "\"latency_ms\":{\"p50\":0.000007,",
        "\"spread\":{\"messages_per_second\":[10.000000,30.000000]", "\"p50\":[0.000005,0.000031]",
        "\"server_cpu_ms_per_message\":null", "\"repeats\":[{\"messages\":10,",
        "},{\"messages\":30,", "},{\"messages\":20,"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << " is not in " << json;
  }
  EXPECT_NE(repeats_text(reports).find("messages/s"), std::string::npos);
  EXPECT_EQ(repeats_text(reports).find("server"), std::string::npos);
}

// --- CPU time ------------------------------------------------------------------------------------

TEST(ProcessCpu, GrowsWithWhatAProcessDoes) {
  const auto before = family_cpu_time(::getpid());
  ASSERT_TRUE(before);
  timespec used{};
  const auto until = int64_t{50'000'000};
  timespec start{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  do {
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  } while ((used.tv_sec - start.tv_sec) * 1'000'000'000 + used.tv_nsec - start.tv_nsec < until);
  EXPECT_GE(family_cpu_time(::getpid())->ns, before->ns + milliseconds(20).ns);
}

TEST(ProcessCpu, OfNobodyIsNotKnown) { EXPECT_FALSE(family_cpu_time(INT32_MAX)); }

class ProcessTree : public testing::Test {
 protected:
  void SetUp() override {
    proc_ = std::filesystem::path(testing::TempDir()) / ("proc-" + std::to_string(::getpid()));
    std::filesystem::create_directories(proc_);
  }
  void TearDown() override { std::filesystem::remove_all(proc_); }

  void add(pid_t pid, const std::string& name, const std::string& times,
           const std::string& children) {
    const auto process = proc_ / std::to_string(pid);
    std::filesystem::create_directories(process / "task" / "1");
    std::ofstream(process / "stat")
        << pid << " (" << name << ") S 1 2 3 4 5 6 7 8 9 10 " << times << " 20 0 1 0\n";
    std::ofstream(process / "task" / "1" / "children") << children;
  }

  std::filesystem::path proc_;
};

TEST_F(ProcessTree, AddsUpDescendantsAndThoseThatEnded) {
  add(7, "server ) S 9 9", "1 2 3 4", "8 9 ");
  add(8, "a", "10 0 0 0", "11");
  add(11, "b", "0 20 0 0", "");
  // Process 9 has ended meanwhile.
  const int64_t tick_ns = 1'000'000'000 / ::sysconf(_SC_CLK_TCK);
  const auto cpu = family_cpu_time(7, proc_);
  ASSERT_TRUE(cpu);
  EXPECT_EQ(cpu->ns, 40 * tick_ns);
}

TEST_F(ProcessTree, EndsEvenIfItIsALoop) {
  add(7, "server", "1 0 0 0", "7");
  EXPECT_TRUE(family_cpu_time(7, proc_));
}

}  // namespace
}  // namespace mailrace::tools
