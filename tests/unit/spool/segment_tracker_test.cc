// SPDX-License-Identifier: GPL-3.0-or-later
#include "spool/segment_tracker.h"

#include "core/base/limits.h"
#include "spool/segment.h"
#include "spool/spool_reader.h"
#include "tests/support/memory_disk.h"
#include "tests/support/segment_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;
using tests::SegmentBuilder;

constexpr uint64_t kBytes = 32 << 10;
constexpr uint64_t kSalt = 0x5a17;

std::string path_of(uint64_t number) { return segment_path("/spool", 0, number); }

std::vector<std::byte> segment_with_a_mail(uint64_t number) {
  SegmentBuilder segment(number, 0, kSalt);
  segment.add_mail({.mail_id = 1024 * number, .data = "data"});
  segment.allocate(kBytes);
  return segment.octets();
}

/// Segments 1 and 2 of a worker that runs, with a mail each.
class SegmentTrackerTest : public testing::Test {
 protected:
  SegmentTrackerTest() {
    for (const uint64_t number : {1, 2}) disk_.files[path_of(number)] = segment_with_a_mail(number);
  }

  std::optional<uint64_t> ends_by(uint64_t number) {
    const auto segments = tracker_.look();
    EXPECT_TRUE(segments);
    if (!segments) return std::nullopt;
    for (const RetainedSegment& segment : *segments) {
      if (segment.number == number) return segment.ends_by;
    }
    return std::nullopt;
  }

  MemoryDisk disk_;
  WriterWatch watch_;
  SegmentTracker tracker_{disk_, "/spool", kBytes, {&watch_}};
};

TEST_F(SegmentTrackerTest, MailsMayEndInTheNewestSegmentWithARecord) {
  EXPECT_EQ(ends_by(1), 2u);
  EXPECT_EQ(ends_by(2), std::nullopt);
}

TEST_F(SegmentTrackerTest, MailsEndInNoSegmentThatWasOnlyMadeAhead) {
  SegmentBuilder ahead(3, 0, kSalt);
  ahead.allocate(kBytes);
  disk_.files[path_of(3)] = ahead.octets();
  EXPECT_EQ(ends_by(1), 2u);
}

TEST_F(SegmentTrackerTest, MailsEndInNoSegmentThatIsToBeUsedAgain) {
  auto octets = segment_with_a_mail(1);
  const SegmentBuilder head(3, 0, kSalt);
  std::ranges::copy(head.octets(), octets.begin());
  disk_.files[path_of(3)] = octets;
  EXPECT_EQ(ends_by(1), 2u);
}

TEST_F(SegmentTrackerTest, MailsMayEndInASegmentWhoseFirstRecordIsBad) {
  disk_.files[path_of(3)] = segment_with_a_mail(3);
  disk_.files[path_of(3)][kSegmentHeadBytes + 20] ^= std::byte{1};
  EXPECT_EQ(ends_by(1), 3u);
}

TEST_F(SegmentTrackerTest, MailsMayEndInASegmentThatCannotBeRead) {
  disk_.files[path_of(3)] = segment_with_a_mail(3);
  bool is_third = false;
  disk_.before_open = [&](const std::string& path) {
    is_third = path == path_of(3);
    disk_.unreadable_from = is_third ? 0 : UINT64_MAX;
  };
  EXPECT_EQ(ends_by(1), 3u);
}

// Nobody here knows which mails are open there: what was seen meanwhile must not count later on.
TEST_F(SegmentTrackerTest, WhatAnotherProcessWritesIsNotLookedAt) {
  SegmentTracker tracker(disk_, "/spool", kBytes, {});
  const auto looked = [&](bool is_others) {
    return *tracker.look([&](uint32_t worker) {
      EXPECT_EQ(worker, 0u);
      return is_others;
    });
  };
  EXPECT_TRUE(looked(true).empty());
  // A mail that began in 1 or 2 ends in 4, when the process has ended as well.
  for (const uint64_t number : {3, 4}) disk_.files[path_of(number)] = segment_with_a_mail(number);
  EXPECT_TRUE(looked(true).empty());
  auto segments = looked(false);
  ASSERT_EQ(segments.size(), 4u);
  EXPECT_EQ(segments[0].ends_by, 4u);

  // And one that came while there was nobody.
  EXPECT_TRUE(looked(true).empty());
  disk_.files[path_of(5)] = segment_with_a_mail(5);
  segments = looked(false);
  ASSERT_EQ(segments.size(), 5u);
  EXPECT_EQ(segments[0].ends_by, 5u);
}

// Its writer knows those that it was given, unless it failed with one, or lost its directory.
TEST_F(SegmentTrackerTest, FreeSegmentsAreGivenToTheirWriterAgain) {
  for (uint64_t number = 1; number <= core::kFreeSegmentsMax; ++number) {
    disk_.files["/spool/worker-0000/" + free_file_name(100 + number)].resize(kBytes);
  }
  ASSERT_TRUE(tracker_.look());
  ASSERT_TRUE(tracker_.look());
  EXPECT_FALSE(watch_.offer(99)) << "all places are taken";
  EXPECT_TRUE(watch_.offer(101)) << "by these";
}

TEST_F(SegmentTrackerTest, FreeSegmentsOfAnotherLengthAreNot) {
  for (uint64_t number = 1; number <= core::kFreeSegmentsMax; ++number) {
    disk_.files["/spool/worker-0000/" + free_file_name(100 + number)].resize(kBytes / 2);
  }
  ASSERT_TRUE(tracker_.look());
  EXPECT_TRUE(watch_.offer(99));
}

}  // namespace
}  // namespace mailrace::spool
