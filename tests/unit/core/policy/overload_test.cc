// SPDX-License-Identifier: GPL-3.0-or-later
// Marks, hysteresis, and which resource it comes from.
#include "core/policy/overload.h"

#include <gtest/gtest.h>

namespace mailrace::core {
namespace {

TEST(OverloadTest, GrowsAtItsMarksAndFallsAnEighthBelow) {
  struct Case {
    uint32_t used;
    Strain strain;
  };
  Overload overload;
  for (const Case& step : {Case{699, Strain::none},
                           {700, Strain::slow},
                           {613, Strain::slow},
                           {612, Strain::none},
                           {699, Strain::none},
                           {850, Strain::refuse},
                           {744, Strain::refuse},
                           {743, Strain::slow},
                           {1000, Strain::defer},
                           {875, Strain::defer},
                           {874, Strain::refuse},
                           {1'000'000, Strain::defer},
                           {0, Strain::none}}) {
    overload.note(Resource::lag, step.used);
    EXPECT_EQ(overload.strain(), step.strain) << step.used;
  }
}

TEST(OverloadTest, TheWorstOfAllCounts) {
  Overload overload;
  EXPECT_EQ(overload.strain(), Strain::none);
  overload.note(Resource::memory, 720);
  overload.note(Resource::commit_wait, 900);
  EXPECT_EQ(overload.strain(), Strain::refuse);
  EXPECT_EQ(overload.cause(), Resource::commit_wait);
  overload.note(Resource::commit_wait, 710);
  EXPECT_EQ(overload.strain(), Strain::slow);
  EXPECT_EQ(overload.cause(), Resource::memory) << "used up more, with the same strain";
  overload.note(Resource::memory, 0);
  overload.note(Resource::commit_wait, 0);
  EXPECT_EQ(overload.strain(), Strain::none);
}

TEST(OverloadTest, ThousandthsDoNotOverflow) {
  EXPECT_EQ(used_thousandths(5, 0), 0u);
  EXPECT_EQ(used_thousandths(0, 7), 0u);
  EXPECT_EQ(used_thousandths(5, 10), 500u);
  EXPECT_EQ(used_thousandths(15, 10), 1500u);
  EXPECT_EQ(used_thousandths(850'000'000, 1'000'000'000), 850u);
  EXPECT_EQ(used_thousandths(UINT64_MAX, 1), 1'000'000u);
  EXPECT_EQ(used_thousandths(UINT64_MAX, UINT64_MAX), 1000u);
  EXPECT_EQ(used_thousandths(UINT64_MAX / 2, UINT64_MAX), 500u);
}

TEST(RecentMeanTest, TicksOfAMicrosecondAddUp) {
  RecentMean mean;
  for (int i = 0; i < 1'000'000; ++i) mean.add(1000, microseconds(1));
  EXPECT_NEAR(mean.value(), 632, 10);  // 1 - 1/e of the span
  for (int i = 0; i < 10; ++i) mean.add(0, seconds(1));
  EXPECT_LE(mean.value(), 1u);
}

TEST(RecentMeanTest, AMomentIsNoStrain) {
  RecentMean mean;
  mean.add(1000, milliseconds(100));
  EXPECT_LT(mean.value(), 100u);
  mean.add(1000, seconds(1'000'000));
  EXPECT_GT(mean.value(), 980u);
  mean.add(500, Duration{-1});
  EXPECT_GT(mean.value(), 980u);
}

}  // namespace
}  // namespace mailrace::core
