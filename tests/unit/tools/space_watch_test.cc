// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/space_watch.h"

#include <gtest/gtest.h>

namespace mailrace::tools {
namespace {

TEST(SpaceWatchTest, AskedForIsNoMoreThanTheRules) {
  const SpaceRules rules{.free_bytes = 800, .free_inodes = 80};
  EXPECT_FALSE(is_scarce({800, 80}, rules, false));
  EXPECT_TRUE(is_scarce({799, 80}, rules, false));
  EXPECT_TRUE(is_scarce({800, 79}, rules, false));
  EXPECT_FALSE(is_scarce({800, std::nullopt}, rules, false));
}

TEST(SpaceWatchTest, AnEighthMoreEndsIt) {
  const SpaceRules rules{.free_bytes = 800, .free_inodes = 80};
  EXPECT_TRUE(is_scarce({899, 90}, rules, true));
  EXPECT_TRUE(is_scarce({900, 89}, rules, true));
  EXPECT_FALSE(is_scarce({900, 90}, rules, true));
}

TEST(SpaceWatchTest, NoRulesNeverMakeItScarce) {
  EXPECT_FALSE(is_scarce({0, 0}, {}, false));
  EXPECT_FALSE(is_scarce({0, 0}, {}, true));
}

TEST(SpaceWatchTest, AskingWhatIsNotThereTellsNothing) {
  EXPECT_TRUE(space_of("/"));
  EXPECT_FALSE(space_of("/proc/none"));
}

TEST(SpaceWatchTest, TellsEachWriterOfAChange) {
  spool::WriterWatch watch;
  Log log(LogFormat::json, LogLevel::error);
  SpaceWatch never("/", {}, {&watch}, log);
  never.look();
  EXPECT_FALSE(watch.is_scarce());
  testing::internal::CaptureStdout();
  SpaceWatch always("/", {.free_bytes = UINT64_MAX / 2}, {&watch}, log);
  always.look();
  always.look();
  EXPECT_TRUE(watch.is_scarce());
  const std::string said = testing::internal::GetCapturedStdout();
  EXPECT_NE(said.find("space_low"), std::string::npos);
  EXPECT_EQ(said.find("space_low"), said.rfind("space_low")) << said;
}

}  // namespace
}  // namespace mailrace::tools
