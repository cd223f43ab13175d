// SPDX-License-Identifier: GPL-3.0-or-later
#include "spool/segment_trail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace mailrace::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<uint64_t> from(const SegmentTrail& trail, uint64_t first) {
  std::vector<uint64_t> numbers;
  EXPECT_EQ(trail.visit_from(first,
                             [&](uint64_t number) {
                               numbers.push_back(number);
                               return 0;
                             }),
            0);
  return numbers;
}

TEST(SegmentTrail, VisitsFromTheNewestBack) {
  SegmentTrail trail;
  EXPECT_THAT(from(trail, 0), IsEmpty());
  for (const uint64_t number : {3, 4, 7, 9}) trail.note(number);
  EXPECT_THAT(from(trail, 0), ElementsAre(9, 7, 4, 3));
  EXPECT_THAT(from(trail, 4), ElementsAre(9, 7, 4));
  EXPECT_THAT(from(trail, 5), ElementsAre(9, 7)) << "numbers have gaps";
  EXPECT_THAT(from(trail, 10), IsEmpty());
}

TEST(SegmentTrail, StopsAtTheFirstAnswer) {
  SegmentTrail trail;
  for (const uint64_t number : {1, 2, 3}) trail.note(number);
  int calls = 0;
  EXPECT_EQ(trail.visit_from(1,
                             [&](uint64_t number) {
                               ++calls;
                               return number == 2 ? -2 : 0;
                             }),
            -2);
  EXPECT_EQ(calls, 2);
}

TEST(SegmentTrail, ForgetsTheOldest) {
  SegmentTrail trail;
  for (uint64_t number = 1; number <= core::kMailSegmentsMax; ++number) trail.note(number * 2);
  EXPECT_TRUE(trail.covers(1)) << "the first one ever was 2";
  trail.note(core::kMailSegmentsMax * 2 + 2);
  EXPECT_FALSE(trail.covers(2));
  EXPECT_TRUE(trail.covers(3));
  EXPECT_EQ(from(trail, 0).size(), core::kMailSegmentsMax);
  EXPECT_EQ(from(trail, 0).back(), 4u);
}

}  // namespace
}  // namespace mailrace::spool
