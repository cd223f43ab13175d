// SPDX-License-Identifier: GPL-3.0-or-later
// Results of load runs: read again, and held against each other.
#include "core/base/limits.h"
#include "tests/support/temporary_directory.h"
#include "tools/load/comparison.h"
#include "tools/load/report.h"
#include "tools/load/result_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr size_t kRate = 0;
constexpr size_t kP99 = 4;
constexpr size_t kServerCpu = 8;

LoadResult result(double rate, double p99, std::optional<double> noise_percent = {}) {
  LoadResult result;
  result.path = "R";
  result.repeats = noise_percent ? 3 : 1;
  result.figures.fill(1.0);
  result.figures[kRate] = rate;
  result.figures[kP99] = p99;
  result.figures[kServerCpu].reset();
  if (noise_percent) result.noise_percent.fill(*noise_percent);
  return result;
}

TEST(LoadComparison, AChangeWithinTheNoiseOfBothIsNone) {
  const LoadResult first = result(1'000, 10, 3);
  EXPECT_EQ(change_of(first, result(950, 10, 3), kRate).verdict, LoadVerdict::same);
  EXPECT_EQ(change_of(first, result(930, 10, 3), kRate).verdict, LoadVerdict::worse);
  EXPECT_EQ(change_of(first, result(1'070, 10, 3), kRate).verdict, LoadVerdict::better);
  EXPECT_EQ(change_of(first, result(1'000, 11, 3), kP99).verdict, LoadVerdict::worse);
  EXPECT_EQ(change_of(first, result(1'000, 9, 3), kP99).verdict, LoadVerdict::better);
  EXPECT_NEAR(change_of(first, result(1'070, 10, 3), kRate).percent, 7.0, 1e-9);
}

TEST(LoadComparison, WhatIsNotKnownIsNoChange) {
  EXPECT_EQ(change_of(result(1, 1), result(1, 1), kServerCpu).verdict, LoadVerdict::unknown);
  EXPECT_EQ(change_of(result(0, 1), result(1, 1), kRate).verdict, LoadVerdict::unknown);
  EXPECT_EQ(change_of(result(1, 1), result(0, 1), kRate).verdict, LoadVerdict::worse);
}

TEST(LoadComparison, SetbacksAreBeyondPercentAndNoise) {
  const LoadResult first = result(1'000, 10, 1);
  const auto lines = [&](const LoadResult& other, double percent) {
    return setbacks(std::vector<LoadResult>{first, other}, percent);
  };
  EXPECT_THAT(lines(result(930, 10, 1), 5), ElementsAre(HasSubstr("messages/s: -7.0 %")));
  EXPECT_THAT(lines(result(930, 10, 1), 6), IsEmpty());
  EXPECT_THAT(lines(result(1'000, 12, 1), 5), ElementsAre(HasSubstr("p99 ms: +20.0 %")));
  EXPECT_THAT(lines(result(2'000, 1, 1), 0), IsEmpty()) << "better is no setback";
  LoadResult other = first;
  other.figures[2] = 100.0;
  EXPECT_THAT(lines(other, 0), IsEmpty()) << "p50 is not judged";
}

TEST(LoadComparison, NamesWhatIsNotTheSame) {
  LoadResult first = result(1, 1, 1);
  LoadResult other = first;
  first.setting = {{"--connections", "50"}, {"--target", "192.0.2.1:25"}, {"cpu", "A"}};
  other.setting = {{"--connections", "8"}, {"--target", "192.0.2.2:25"}, {"cpu", "A"}};
  EXPECT_THAT(reservations(std::vector<LoadResult>{first, other}),
              ElementsAre("not the same scenario: --connections: 50 | 8"));
  other = first;
  other.errors = 2;
  other.repeats = 1;
  EXPECT_THAT(reservations(std::vector<LoadResult>{first, other}),
              ElementsAre("R: 2 errors, so its figures are none", "R: no repeats: noise unknown"));
}

TEST(LoadComparison, TextAndJson) {
  const std::vector<LoadResult> results = {result(1'000, 10, 1), result(1'005, 20, 1)};
  const std::string text = comparison_text(results);
  EXPECT_THAT(text, HasSubstr("1005 +-1.0%        ~"));
  EXPECT_THAT(text, HasSubstr("20 +-1.0% +100.0 %"));
  const std::string json = comparison_json(results, std::vector<std::string>{"\"x\""});
  EXPECT_THAT(json, HasSubstr("\"p99\":{\"values\":[10,20],\"noise_percent\":[1,1],"
                              "\"change_percent\":[0,100],\"verdict\":[\"same\",\"worse\"]}"));
  EXPECT_THAT(json, HasSubstr("\"setbacks\":[\"\\\"x\\\"\"]"));
  EXPECT_THAT(comparison_json(results, {}), HasSubstr("\"setbacks\":null"));
}

// --- files ---------------------------------------------------------------------------------------

class LoadResultTest : public testing::Test {
 protected:
  tl::expected<LoadResult, std::string> read(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return read_load_result(path_);
  }
  std::string refusal(const std::string& text) {
    const auto result = read(text);
    return result ? "it is taken" : result.error();
  }
  static std::string written() {
    LoadReport report;
    report.stats.messages = 100;
    report.stats.latency_ns.add(4'000'000);
    report.stats.count_error(LoadError::closed, "");
    report.elapsed = core::seconds(2);
    return report_json(report, LoadOptions());
  }

  tests::TemporaryDirectory directory_;
  std::string path_ = directory_.path() + "/result.json";
};

TEST_F(LoadResultTest, ReadsWhatIsPrinted) {
  const auto result = read(written());
  ASSERT_TRUE(result) << result.error();
  EXPECT_EQ(result->figures[kRate], 50.0);
  EXPECT_EQ(result->figures[kP99], 4.0);
  EXPECT_EQ(result->figures[kServerCpu], std::nullopt);
  EXPECT_EQ(result->noise_percent[kRate], std::nullopt);
  EXPECT_EQ(result->repeats, 1u);
  EXPECT_EQ(result->errors, 1u);
  EXPECT_EQ(result->setting.at("--connections"), "50");
  EXPECT_TRUE(result->setting.contains("kernel"));
}

TEST_F(LoadResultTest, NoiseIsHalfTheSpanOfRepeats) {
  const auto one = [](double rate) {
    return "{\"messages_per_second\":" + std::to_string(rate) +
           ",\"megabytes_per_second\":1,\"latency_ms\":{\"p50\":1,\"p90\":1,\"p99\":1,\"p99_9\":1,"
           "\"max\":1},\"generator_cpu_ms_per_message\":1,\"server_cpu_ms_per_message\":2}";
  };
  std::string all = one(1'000);
  all.pop_back();
  const auto result = read(all + ",\"errors\":{},\"flags\":{},\"machine\":{},\"repeats\":[" +
                           one(900) + "," + one(1'000) + "," + one(1'200) + "]}");
  ASSERT_TRUE(result) << result.error();
  EXPECT_EQ(result->repeats, 3u);
  EXPECT_NEAR(*result->noise_percent[kRate], 15.0, 1e-9);
  EXPECT_EQ(result->noise_percent[kServerCpu], 0.0);
}

TEST_F(LoadResultTest, SaysWhereAFileIsBroken) {
  EXPECT_EQ(refusal(""), path_ + ": octet 1: not JSON");
  EXPECT_EQ(refusal("{\"a\":}"), path_ + ": octet 6: not JSON");
  EXPECT_EQ(refusal("[1]"), path_ + ": octet 1: an object is needed");
  EXPECT_EQ(refusal("{}"), path_ + ": messages_per_second: a number is needed");
  EXPECT_EQ(refusal("{\"messages_per_second\":\"1\"}"),
            path_ + ": messages_per_second: a number is needed");
  EXPECT_EQ(refusal("{\"messages_per_second\":-1}"),
            path_ + ": messages_per_second: it is below zero");
  EXPECT_EQ(refusal("{\"messages_per_second\":1,\"megabytes_per_second\":1}"),
            path_ + ": latency_ms: an object is needed");
  EXPECT_EQ(refusal("{\"repeats\":[]}"), path_ + ": repeats: an array of up to 100 is needed");
  EXPECT_EQ(refusal("{\"repeats\":[1]}"), path_ + ": repeats: objects are needed in it");
  EXPECT_THAT(refusal("{\"a\":1e999}"), HasSubstr("not JSON"));
}

TEST_F(LoadResultTest, IsBounded) {
  EXPECT_THAT(refusal(std::string(100'000, '[')), HasSubstr("nested more than 16 deep"));
  std::ofstream(path_).close();
  std::filesystem::resize_file(path_, core::kLoadResultBytesMax + 1);
  EXPECT_THAT(read_load_result(path_).error(), HasSubstr("longer than 67108864 octets"));
  EXPECT_THAT(read_load_result(directory_.path()).error(), HasSubstr("not a regular file"));
  EXPECT_THAT(read_load_result("/nonexistent/x").error(), HasSubstr("No such file"));
}

}  // namespace
}  // namespace mailrace::tools
