// SPDX-License-Identifier: GPL-3.0-or-later
// Which segments may go: rows of segments, consumers, held mails and rules.
#include "spool/retention.h"

#include "tests/support/memory_disk.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

constexpr core::WallTime at(int64_t s) { return {s * core::seconds(1).ns}; }

/// Five segments of a worker, the last one being written to; written to last at second 10, 20, ...
std::vector<RetainedSegment> five(uint32_t worker = 0) {
  std::vector<RetainedSegment> segments;
  for (uint64_t number = 1; number <= 5; ++number) {
    segments.push_back({.worker = worker,
                        .number = number,
                        .bytes = 100,
                        .finished = number < 5,
                        .newest = at(int64_t(number) * 10),
                        .ends_by = number});
  }
  return segments;
}

/// A consumer that has everything below so many segments.
Cursor below(uint64_t segment, uint32_t worker = 0) {
  Cursor cursor;
  cursor.advance(worker, {segment, 4096});
  return cursor;
}

class RetentionTest : public testing::Test {
 protected:
  /// Numbers of the segments that may go.
  std::vector<uint64_t> numbers() {
    std::vector<uint64_t> found;
    for (const size_t i : recyclable_segments(segments_, consumers_, marks_, rules_, now_)) {
      found.push_back(segments_[i].number);
    }
    return found;
  }
  void hold(uint64_t first, uint64_t last, OperationKind kind = OperationKind::hold) {
    ASSERT_TRUE(marks_.append({kind, 0, 77, {}, first, last}));
  }

  tests::MemoryDisk disk_;
  std::vector<RetainedSegment> segments_ = five();
  std::vector<Cursor> consumers_;
  Operations marks_{disk_, "/spool"};
  RetentionRules rules_;
  core::WallTime now_ = at(1000);
};

using Numbers = std::vector<uint64_t>;

TEST_F(RetentionTest, WithNeitherConsumersNorRulesNothingGoes) { EXPECT_EQ(numbers(), Numbers{}); }

TEST_F(RetentionTest, ASegmentGoesWhenEveryConsumerHasPassedIt) {
  consumers_ = {below(4)};
  EXPECT_EQ(numbers(), (Numbers{1, 2, 3}));
  consumers_ = {below(4), below(2)};
  EXPECT_EQ(numbers(), Numbers{1});
  consumers_ = {below(4), Cursor()};  // was registered, and has taken nothing yet
  EXPECT_EQ(numbers(), Numbers{});
  consumers_ = {below(9)};
  EXPECT_EQ(numbers(), (Numbers{1, 2, 3, 4}));  // never the one that is written to
}

TEST_F(RetentionTest, RulesDoNotCountWithConsumers) {
  consumers_ = {below(2)};
  rules_.retain_for = core::seconds(1);
  rules_.retain_bytes = 1;
  EXPECT_EQ(numbers(), Numbers{1});
}

TEST_F(RetentionTest, AConsumerMustBeWhereTheLastMailOfTheSegmentEnds) {
  segments_[0].ends_by = 3;  // a mail begins in 1 and ends in 3
  consumers_ = {below(3)};
  EXPECT_EQ(numbers(), Numbers{2});
  consumers_ = {below(4)};
  EXPECT_EQ(numbers(), (Numbers{1, 2, 3}));
}

TEST_F(RetentionTest, AMailThatGoesOnKeepsItsSegments) {
  segments_[1].ends_by = std::nullopt;
  consumers_ = {below(9)};
  EXPECT_EQ(numbers(), (Numbers{1, 3, 4}));
  consumers_.clear();
  rules_.retain_for = core::seconds(1);
  rules_.retain_bytes = 1;
  EXPECT_EQ(numbers(), (Numbers{1, 3, 4}));
}

TEST_F(RetentionTest, APendingMailKeepsAllOfItsSegments) {
  Cursor cursor;
  cursor.hand_out({0, 5, 2, {3, 5000}});
  cursor.advance(0, {9, 4096});
  consumers_ = {cursor};
  EXPECT_EQ(numbers(), (Numbers{1, 4}));
  consumers_[0].acknowledge(0, {3, 5000});
  EXPECT_EQ(numbers(), (Numbers{1, 2, 3, 4}));
  // One whose beginning is not known keeps all up to its end.
  Cursor unknown;
  unknown.hand_out({0, 5, 0, {3, 5000}});
  unknown.advance(0, {9, 4096});
  consumers_ = {unknown};
  EXPECT_EQ(numbers(), Numbers{4});
}

TEST_F(RetentionTest, AHeldMailKeepsItsSegmentsUntilItIsReleasedOrDeleted) {
  hold(2, 3);
  consumers_ = {below(9)};
  EXPECT_EQ(numbers(), (Numbers{1, 4}));
  consumers_.clear();
  rules_.retain_for = core::seconds(1);
  rules_.retain_bytes = 1;
  EXPECT_EQ(numbers(), (Numbers{1, 4}));
  hold(2, 3, OperationKind::release);
  EXPECT_EQ(numbers(), (Numbers{1, 2, 3, 4}));
  hold(2, 3);
  EXPECT_EQ(numbers(), (Numbers{1, 4}));
  hold(2, 3, OperationKind::remove);
  EXPECT_EQ(numbers(), (Numbers{1, 2, 3, 4}));
}

TEST_F(RetentionTest, MailIsKeptForAsLongAsWasSaid) {
  rules_.retain_for = core::seconds(100);
  now_ = at(110);
  EXPECT_EQ(numbers(), Numbers{});
  now_ = at(111);
  EXPECT_EQ(numbers(), Numbers{1});
  now_ = at(131);
  EXPECT_EQ(numbers(), (Numbers{1, 2, 3}));
  segments_[0].ends_by = 4;  // a mail of segment 1 was accepted in segment 4
  EXPECT_EQ(numbers(), (Numbers{2, 3}));
  now_ = at(5);  // the clock was set back
  EXPECT_EQ(numbers(), Numbers{});
}

TEST_F(RetentionTest, TheOldestGoWhileThereIsTooMuch) {
  rules_.retain_bytes = 500;
  EXPECT_EQ(numbers(), Numbers{});
  rules_.retain_bytes = 499;
  EXPECT_EQ(numbers(), Numbers{1});
  rules_.retain_bytes = 250;
  EXPECT_EQ(numbers(), (Numbers{1, 2, 3}));
  rules_.retain_bytes = 0;
  EXPECT_EQ(numbers(), (Numbers{1, 2, 3, 4}));
  // Of all workers together, whoever wrote them.
  auto other = five(3);
  for (RetainedSegment& segment : other) segment.newest.ns -= at(5).ns;
  segments_.insert(segments_.end(), other.begin(), other.end());
  rules_.retain_bytes = 800;
  EXPECT_EQ(numbers(), (Numbers{1, 1}));
  rules_.retain_bytes = 700;
  EXPECT_EQ(numbers(), (Numbers{1, 1, 2}));
}

TEST_F(RetentionTest, WorkersAreApart) {
  auto other = five(3);
  segments_.insert(segments_.end(), other.begin(), other.end());
  consumers_ = {below(3, /*worker=*/3)};
  const auto found = recyclable_segments(segments_, consumers_, marks_, rules_, now_);
  EXPECT_EQ(found, (std::vector<size_t>{5, 6}));
}

TEST(SegmentWatchTest, AllMailsThatBeganBeforeASegmentWasFinishedMustHaveEnded) {
  SegmentWatch watch;
  watch.note_finished(1, /*last_begun=*/500);
  EXPECT_EQ(watch.ends_by(1), std::nullopt);
  watch.note_open_mails(/*oldest_open=*/400, 2);
  EXPECT_EQ(watch.ends_by(1), std::nullopt);
  watch.note_open_mails(/*oldest_open=*/500, 2);
  EXPECT_EQ(watch.ends_by(1), std::nullopt);
  watch.note_open_mails(/*oldest_open=*/501, 3);
  EXPECT_EQ(watch.ends_by(1), 3u);
  watch.note_open_mails(/*oldest_open=*/900, 8);  // later is no better
  EXPECT_EQ(watch.ends_by(1), 3u);
  EXPECT_EQ(watch.ends_by(2), std::nullopt);
}

TEST(SegmentWatchTest, WhatWasBegunIsNotedOnce) {
  SegmentWatch watch;
  watch.note_finished(1, 500);
  watch.note_finished(1, 900);
  watch.note_open_mails(600, 4);
  EXPECT_EQ(watch.ends_by(1), 4u);
}

TEST(SegmentWatchTest, ForgetsWhatIsGone) {
  SegmentWatch watch;
  for (const uint64_t number : {uint64_t{1}, uint64_t{2}, uint64_t{3}})
    watch.note_finished(number, 0);
  const std::vector<uint64_t> left = {2, 4};
  watch.keep_only(left);
  EXPECT_FALSE(watch.is_finished(1));
  EXPECT_TRUE(watch.is_finished(2));
  EXPECT_FALSE(watch.is_finished(3));
}

}  // namespace
}  // namespace mailrace::spool
