// SPDX-License-Identifier: GPL-3.0-or-later
// What is written and shown while a load run goes on.
#include "tests/support/temporary_directory.h"
#include "tools/load/live_view.h"
#include "tools/load/series_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

using core::milliseconds;
using core::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

LoadStats counted(uint64_t messages, std::vector<uint64_t> latencies_ns = {}) {
  LoadStats stats;
  stats.messages = messages;
  for (const uint64_t ns : latencies_ns) stats.latency_ns.add(ns);
  return stats;
}

// --- csv -----------------------------------------------------------------------------------------

class LoadCsvTest : public testing::Test {
 protected:
  LoadCsvTest() : path_(directory_.path() + "/seconds.csv"), output_(Output::create(path_)) {}

  std::vector<std::string> lines() const {
    std::ifstream file(path_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  static LoadSlice slice(int64_t start_ms, int64_t end_ms) {
    return {milliseconds(start_ms), milliseconds(end_ms), 0};
  }

  tests::TemporaryDirectory directory_;
  std::string path_;
  Output output_;
};

constexpr const char* kHeader =
    "run,start,end,warmup,messages,bytes,errors,scheduled,p50,p90,p99,max";

TEST_F(LoadCsvTest, WritesEachSecondWhenItIsWhole) {
  LoadCsv csv(output_, false);
  EXPECT_THAT(lines(), ElementsAre(kHeader));
  LoadStats warm_up;
  warm_up.warmup_messages = 3;
  csv.add(slice(-500, 0), warm_up);
  csv.add(slice(0, 1'000), counted(1, {2'000'000}));
  csv.add(slice(0, 1'000), counted(2, {2'000'000, 2'000'000}));
  csv.write_whole(milliseconds(1'000));
  EXPECT_THAT(lines(), ElementsAre(kHeader, "1,-0.500,0.000,1,3,0,0,,,,,"))
      << "threads may still have some of the second";
  csv.write_whole(milliseconds(1'500));
  EXPECT_THAT(lines(), ElementsAre(kHeader, "1,-0.500,0.000,1,3,0,0,,,,,",
                                   "1,0.000,1.000,0,3,0,0,,2.000000,2.000000,2.000000,2.000000"));
}

TEST_F(LoadCsvTest, CountsWhatComesLateInTheNextLine) {
  LoadCsv csv(output_, false);
  csv.add(slice(0, 1'000), counted(1));
  csv.write_whole(milliseconds(2'000));
  csv.add(slice(0, 1'000), counted(4));
  csv.add(slice(1'000, 2'000), counted(8));
  csv.end_run(seconds(2));
  EXPECT_THAT(lines(),
              ElementsAre(kHeader, "1,0.000,1.000,0,1,0,0,,,,,", "1,1.000,2.000,0,12,0,0,,,,,"));
}

TEST_F(LoadCsvTest, TheLastLineEndsWithTheRunAndTheNextRunBeginsAnew) {
  LoadCsv csv(output_, false);
  csv.add(slice(0, 1'000), counted(1));
  csv.end_run(milliseconds(250));
  csv.begin_run(2);
  LoadStats stats = counted(7);
  stats.bytes = 70;
  stats.count_error(LoadError::closed, "");
  csv.add(slice(0, 1'000), stats);
  csv.end_run(milliseconds(800));
  EXPECT_THAT(lines(),
              ElementsAre(kHeader, "1,0.000,0.250,0,1,0,0,,,,,", "2,0.000,0.800,0,7,70,1,,,,,"));
}

TEST_F(LoadCsvTest, SaysWhatBecameDueInAnOpenLoop) {
  LoadCsv csv(output_, true);
  LoadStats stats = counted(7);
  stats.scheduled = 9;
  csv.add(slice(0, 1'000), stats);
  csv.end_run(seconds(1));
  EXPECT_THAT(lines(), ElementsAre(kHeader, "1,0.000,1.000,0,7,0,0,9,,,,"));
}

// --- live view -----------------------------------------------------------------------------------

class LoadLiveViewTest : public testing::Test {
 protected:
  LoadLiveViewTest() { options_.duration = seconds(10); }

  std::vector<std::string> lines(const LoadLiveView& view) const { return view.lines(shape_); }

  LoadOptions options_;
  LoadLiveShape shape_{.columns = 100, .is_utf8 = false};
};

TEST_F(LoadLiveViewTest, ShowsHowFarItIs) {
  LoadLiveView view(options_);
  LoadStats recent = counted(2'000, {1'000'000});
  recent.bytes = 8'000'000;
  view.add(counted(1'000), seconds(1), seconds(1));
  view.add(recent, seconds(1), seconds(2));
  const auto shown = lines(view);
  ASSERT_EQ(shown.size(), 6u);
  EXPECT_THAT(shown[0], HasSubstr("50 connections to 127.0.0.1:2525"));
  EXPECT_EQ(shown[1], "########................................   20 %  2 s, 8 s left");
  EXPECT_THAT(shown[2], HasSubstr("2000 messages/s"));
  EXPECT_THAT(shown[2], HasSubstr("8.0 MB/s"));
  EXPECT_THAT(shown[2], HasSubstr("mean 1500 messages/s"));
  EXPECT_EQ(shown[3], "minute   +#  most 2000");
  EXPECT_THAT(shown[4], HasSubstr("p50 1.000 ms"));
  EXPECT_EQ(shown[5], "errors   0");
}

TEST_F(LoadLiveViewTest, SaysThatItWarmsUp) {
  options_.warmup = seconds(5);
  LoadLiveView view(options_);
  LoadStats recent;
  recent.warmup_messages = 10;
  recent.count_error(LoadError::closed, "");
  view.add(recent, seconds(1), seconds(1));
  EXPECT_THAT(lines(view)[1], HasSubstr("14 s left, warming up"));
  EXPECT_THAT(lines(view)[2], Not(HasSubstr("mean")));
  EXPECT_EQ(lines(view)[5], "errors   1");
  view.add(counted(30), seconds(1), seconds(6));
  EXPECT_THAT(lines(view)[1], Not(HasSubstr("warming up")));
  EXPECT_THAT(lines(view)[2], HasSubstr("mean 30 messages/s")) << "of what is measured";
}

TEST_F(LoadLiveViewTest, GoesByMessagesIfThatIsSooner) {
  options_.messages = 100;
  LoadLiveView view(options_);
  view.add(counted(50), seconds(1), seconds(1));
  EXPECT_THAT(lines(view)[1], HasSubstr(" 50 %  1 s, 1 s left"));
}

TEST_F(LoadLiveViewTest, ARampIsAsLongAsItsSteps) {
  options_.ramp = {{1'000}, {3'000}, {1'000}};
  LoadLiveView view(options_);
  view.add(counted(50), seconds(1), seconds(15));
  EXPECT_THAT(lines(view)[0], HasSubstr("1 to 3 messages/s"));
  EXPECT_THAT(lines(view)[1], HasSubstr(" 50 %  15 s, 15 s left"));
}

TEST_F(LoadLiveViewTest, SaysWhichRunItIs) {
  options_.repeat = 3;
  LoadLiveView view(options_);
  view.begin_run(2);
  EXPECT_THAT(lines(view)[0], HasSubstr("run 2 of 3"));
}

TEST_F(LoadLiveViewTest, NeverIsWiderThanTheTerminal) {
  options_.target = "[2001:db8:1234:5678:9abc:def0:1234:5678]:2525";
  LoadLiveView view(options_);
  for (int64_t second = 1; second <= 90; ++second) {
    view.add(counted(uint64_t(second), {1}), seconds(1), seconds(second));
  }
  for (const size_t columns : {size_t{1}, size_t{20}, size_t{80}}) {
    shape_.columns = columns;
    for (const std::string& line : lines(view)) EXPECT_LE(line.size(), columns) << line;
  }
  shape_ = {.columns = 12, .is_utf8 = true};
  EXPECT_EQ(lines(view)[3], "minute   \u2588\u2588\u2588") << "cut between characters";
}

TEST_F(LoadLiveViewTest, LooksBackForAMinute) {
  LoadLiveView view(options_);
  view.add(counted(1'000'000), seconds(1), seconds(1));
  for (int64_t second = 2; second <= 61; ++second)
    view.add(counted(10), seconds(1), seconds(second));
  EXPECT_EQ(lines(view)[3], "minute   " + std::string(60, '#') + "  most 10");
}

TEST_F(LoadLiveViewTest, ForgetsTheRunBefore) {
  LoadLiveView view(options_);
  view.add(counted(1'000'000), seconds(1), seconds(1));
  view.begin_run(2);
  EXPECT_THAT(lines(view)[1], StartsWith("....."));
  EXPECT_EQ(lines(view)[3], "minute   ");
}

}  // namespace
}  // namespace mailrace::tools
