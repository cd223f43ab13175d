// SPDX-License-Identifier: GPL-3.0-or-later
// What a reader drops behind itself.
#include "tools/lib/read_trimmer.h"

#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <optional>

namespace mailrace::tools {
namespace {

using Range = ReadTrimmer::Range;

constexpr uint64_t kMiB = 1 << 20;
static_assert(core::kCachedBytesMax == 16 * kMiB);  // what is expected below reckons with it

TEST(ReadTrimmerTest, DropsBehindThePositionInSteps) {
  ReadTrimmer trimmer;
  for (uint64_t mib = 0; mib < 15; ++mib) {
    EXPECT_EQ(trimmer.note(mib * kMiB, kMiB), std::nullopt) << mib;
  }
  EXPECT_EQ(trimmer.note(15 * kMiB, kMiB), (Range{0, 4 * kMiB}));
  for (uint64_t mib = 16; mib < 19; ++mib) {
    EXPECT_EQ(trimmer.note(mib * kMiB, kMiB), std::nullopt) << mib;
  }
  EXPECT_EQ(trimmer.note(19 * kMiB, kMiB), (Range{0, 8 * kMiB})) << "a step back";
  EXPECT_EQ(trimmer.rest(), (Range{4 * kMiB, 16 * kMiB}));
}

TEST(ReadTrimmerTest, LeavesLittleOfAShortLook) {
  ReadTrimmer trimmer;
  EXPECT_EQ(trimmer.rest(), std::nullopt);
  EXPECT_EQ(trimmer.note(100, 0), std::nullopt);
  EXPECT_EQ(trimmer.rest(), std::nullopt);
  EXPECT_EQ(trimmer.note(0, 4096), std::nullopt);
  EXPECT_EQ(trimmer.rest(), (Range{0, 4096}));
}

TEST(ReadTrimmerTest, AJumpAheadLeavesNothingBehind) {
  ReadTrimmer trimmer;
  EXPECT_EQ(trimmer.note(0, 4096), std::nullopt);
  EXPECT_EQ(trimmer.note(100 * kMiB + 1, 10), (Range{0, 4096}));
  EXPECT_EQ(trimmer.rest(), (Range{100 * kMiB, 4096})) << "whole pages";
}

TEST(ReadTrimmerTest, GoesBackAndForth) {
  ReadTrimmer trimmer;
  EXPECT_EQ(trimmer.note(20 * kMiB - 5, 10), std::nullopt);
  EXPECT_EQ(trimmer.note(10 * kMiB, 10), std::nullopt);
  EXPECT_EQ(trimmer.note(25 * kMiB, kMiB), (Range{6 * kMiB, 8 * kMiB}));
}

TEST(ReadTrimmerTest, ReadsAheadOfThoseWhoTakeALot) {
  ReadTrimmer trimmer;
  EXPECT_EQ(trimmer.ahead(0, core::kReaderBufferBytes - 1), std::nullopt);
  EXPECT_EQ(trimmer.ahead(kMiB, kMiB), (Range{2 * kMiB, 2 * kMiB}));
  EXPECT_EQ(trimmer.note(kMiB, kMiB), std::nullopt);
  EXPECT_EQ(trimmer.rest(), (Range{kMiB, 3 * kMiB})) << "with what was read ahead";
}

}  // namespace
}  // namespace mailrace::tools
