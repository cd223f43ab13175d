// SPDX-License-Identifier: GPL-3.0-or-later
// Following a spool: in order, once, across segments that are written, sealed, torn and removed.
#include "spool/follower.h"

#include "core/base/limits.h"
#include "spool/segment.h"
#include "tests/support/memory_disk.h"
#include "tests/support/segment_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;
using tests::SegmentBuilder;
using Step = SpoolFollower::Step;

constexpr uint64_t kAllocated = 64 << 10;

std::string path_of(uint64_t number, uint32_t worker = 0) {
  return segment_path("/spool", worker, number);
}

/// A spool in memory, and a consumer of it.
class FollowerTest : public testing::Test {
 protected:
  FollowerTest() { disk_.directories.insert("/spool"); }

  /// As a server leaves it while it writes: allocated, with zeros behind the records.
  void put(const SegmentBuilder& segment, uint64_t number, uint32_t worker = 0) {
    auto octets = segment.octets();
    octets.resize(std::max<size_t>(octets.size(), kAllocated));
    disk_.files[path_of(number, worker)] = octets;
  }

  /// Takes what there is and acknowledges it. returns  mail ids
  std::vector<uint64_t> take(SpoolFollower& follower) {
    std::vector<uint64_t> ids;
    for (;;) {
      const auto step = follower.next();
      EXPECT_TRUE(step);
      if (!step || *step == Step::idle || *step == Step::full) return ids;
      if (*step != Step::mail) {
        findings_.push_back(follower.finding());
        continue;
      }
      ids.push_back(follower.mail().mail_id);
      EXPECT_TRUE(cursor_.acknowledge(follower.place().worker, follower.place().end));
    }
  }

  /// A consumer that starts again from its cursor.
  std::vector<uint64_t> take_anew(bool judge = false) {
    SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
    if (judge) follower.judge_tails();
    const auto ids = take(follower);
    follower.note_read_from();
    return ids;
  }

  MemoryDisk disk_;
  Cursor cursor_;
  std::vector<Finding> findings_;
};

using Ids = std::vector<uint64_t>;

TEST_F(FollowerTest, NothingIsThereYet) {
  EXPECT_EQ(take_anew(), Ids{});
  SegmentBuilder segment(1);
  put(segment, 1);  // made ready, and nothing in it
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  EXPECT_EQ(take(follower), Ids{});
  segment.add_mail({.mail_id = 1, .data = "one"});
  put(segment, 1);
  EXPECT_EQ(take(follower), Ids{1});
}

TEST_F(FollowerTest, MailsComeInTheOrderOfTheirEndsAndOnce) {
  SegmentBuilder segment(1);
  segment.add_envelope({.mail_id = 1, .data = ""});
  segment.add_mail({.mail_id = 2, .data = "two"});
  segment.add_data(1, "one");
  put(segment, 1);
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  EXPECT_EQ(take(follower), Ids{2});
  segment.add_end(1, 3, 1);
  segment.add_mail({.mail_id = 3, .data = "three"});
  put(segment, 1);
  EXPECT_EQ(take(follower), (Ids{1, 3}));
  EXPECT_EQ(take(follower), Ids{});
  EXPECT_EQ(take_anew(), Ids{});
}

TEST_F(FollowerTest, OctetByOctetItNeverSeesHalfAMail) {
  SegmentBuilder segment(1);
  for (uint64_t id = 1; id <= 3; ++id) segment.add_mail({.mail_id = id, .data = "some data"});
  segment.add_seal();
  put(SegmentBuilder(1), 1);
  auto& file = disk_.files[path_of(1)];
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  Ids ids;
  for (size_t at = kSegmentHeadBytes; at < segment.octets().size(); ++at) {
    file[at] = segment.octets()[at];
    const Ids some = take(follower);
    ids.insert(ids.end(), some.begin(), some.end());
  }
  EXPECT_EQ(ids, (Ids{1, 2, 3}));
  EXPECT_TRUE(findings_.empty());
}

// What a server has left behind is no write under way: neither a bad end, with nothing whole behind
// it, nor a bad record in its last write, whose mark says no more than where that began.
TEST_F(FollowerTest, WhatIsBadInASegmentThatWasLeftIsDamage) {
  for (const bool at_the_end : {true, false}) {
    SCOPED_TRACE(at_the_end);
    SegmentBuilder segment(1);
    segment.add_mail({.mail_id = 1, .data = "one"});
    const uint64_t begin = segment.end();
    segment.add_mail({.mail_id = 2, .data = "two"});
    if (!at_the_end) {
      segment.add_mail({.mail_id = 3, .data = "three"});
      segment.add_mark(begin);
    }
    disk_.files[path_of(1)] = segment.octets();
    disk_.files[path_of(1)][begin + core::kRecordHeaderBytes] ^= std::byte{1};
    if (at_the_end) disk_.files[path_of(1)].resize(segment.offsets().back());
    cursor_ = {};
    findings_.clear();
    SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
    EXPECT_EQ(take(follower), Ids{1});
    EXPECT_TRUE(findings_.empty()) << "a write may be under way";
    SegmentBuilder next(2);
    next.add_mail({.mail_id = 4, .data = "four"});
    put(next, 2);
    EXPECT_EQ(take(follower), at_the_end ? Ids{4} : (Ids{3, 4}));
    ASSERT_FALSE(findings_.empty());
    EXPECT_EQ(findings_[0].file, path_of(1));
    EXPECT_EQ(findings_[0].offset, begin);
    EXPECT_FALSE(cursor_.pending().empty()) << "so nobody removes the segment";
    disk_.files.clear();
  }
}

TEST_F(FollowerTest, WritesThatLandOutOfOrderAreWaitedFor) {
  SegmentBuilder segment(1);
  segment.add_mail({.mail_id = 1, .data = "one"});
  const size_t hole = segment.octets().size();
  segment.add_mail({.mail_id = 2, .data = "two"});
  const size_t behind = segment.octets().size();
  segment.add_mail({.mail_id = 3, .data = "three"});
  put(segment, 1);
  auto& file = disk_.files[path_of(1)];
  std::fill(file.begin() + ptrdiff_t(hole), file.begin() + ptrdiff_t(behind), std::byte{0});
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  EXPECT_EQ(take(follower), Ids{1});
  EXPECT_TRUE(findings_.empty());
  put(segment, 1);
  EXPECT_EQ(take(follower), (Ids{2, 3}));
}

// A write that fails half-way leaves a header without its body, and whole records of later writes
// behind it; the server cuts them off before it goes on elsewhere. Nobody may call that damage.
TEST_F(FollowerTest, AWriteThatFailsIsCutOffBeforeItIsJudged) {
  SegmentBuilder segment(1);
  segment.add_mail({.mail_id = 1, .data = "one"});
  const uint64_t cut = segment.end();
  segment.add_mail({.mail_id = 2, .data = std::string(1000, 'x')});
  segment.add_mail({.mail_id = 3, .data = "three"});
  put(segment, 1);
  auto& octets = disk_.files[path_of(1)];
  std::fill_n(octets.begin() + std::ptrdiff_t(cut + 40), 100, std::byte{0});
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  EXPECT_EQ(take(follower), Ids{1});
  octets.resize(cut);
  SegmentBuilder later(2);
  later.add_mail({.mail_id = 4, .data = "four"});
  put(later, 2);
  EXPECT_EQ(take(follower), Ids{4});
  EXPECT_TRUE(findings_.empty());
}

TEST_F(FollowerTest, AMailAcrossSegmentsIsWholeAfterARestart) {
  SegmentBuilder first(1);
  first.add_mail({.mail_id = 1, .data = "one"});
  first.add_envelope({.mail_id = 2, .data = ""});
  first.add_data(2, "begin ");
  first.add_seal();
  SegmentBuilder second(2);
  second.add_mail({.mail_id = 3, .data = "three"});
  put(first, 1);
  put(second, 2);
  EXPECT_EQ(take_anew(), (Ids{1, 3}));
  EXPECT_EQ(cursor_.worker(0).position.segment, 2u);
  EXPECT_EQ(cursor_.worker(0).read_from, 1u);  // mail 2 begins there
  second.add_data(2, "end");
  second.add_end(2, 9, 2);
  put(second, 2);
  EXPECT_EQ(take_anew(), Ids{2});
  EXPECT_EQ(cursor_.worker(0).read_from, 2u);
}

TEST_F(FollowerTest, ASegmentWithoutSealIsReadToItsEndOnceALaterOneHasBegun) {
  SegmentBuilder first(1);
  first.add_mail({.mail_id = 1, .data = "one"});
  const auto seen = first.octets();
  first.add_mail({.mail_id = 2, .data = "two"});
  disk_.files[path_of(1)] = seen;
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  EXPECT_EQ(take(follower), Ids{1});
  SegmentBuilder second(2);
  second.add_mail({.mail_id = 3, .data = "three"});
  // The server wrote mail 2 and went on in segment 2 between two of our looks.
  disk_.before_open = [&](const std::string& path) {
    if (path != path_of(2)) return;
    disk_.files[path_of(1)] = first.octets();
  };
  put(second, 2);
  EXPECT_EQ(take(follower), (Ids{2, 3}));
  EXPECT_EQ(cursor_.worker(0).position.segment, 2u);
}

TEST_F(FollowerTest, ASegmentThatIsOnlyMadeReadyIsNotEnteredSinceRecoveryMayRemoveIt) {
  SegmentBuilder first(1);
  first.add_mail({.mail_id = 1, .data = "one"});
  put(first, 1);
  put(SegmentBuilder(2), 2);
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  EXPECT_EQ(take(follower), Ids{1});
  // A crash; recovery cuts 1 and removes 2, and the next server goes on in 3.
  disk_.files[path_of(1)] = first.octets();
  disk_.files.erase(path_of(2));
  SegmentBuilder third(3);
  third.add_mail({.mail_id = 2, .data = "two"});
  put(third, 3);
  EXPECT_EQ(take(follower), Ids{2});
  EXPECT_EQ(cursor_.worker(0).position.segment, 3u);
  EXPECT_TRUE(findings_.empty());
}

TEST_F(FollowerTest, SegmentsThatWereRemovedAreGoneAndNotDamaged) {
  // Mail 2 begins in a segment that is gone, and ends in one that is not.
  SegmentBuilder second(2);
  second.add_data(2, "end");
  second.add_end(2, 9, 2);
  second.add_mail({.mail_id = 3, .data = "three"});
  second.add_seal();
  put(second, 2);
  EXPECT_EQ(take_anew(), Ids{3});
  EXPECT_TRUE(findings_.empty());
}

TEST_F(FollowerTest, AFileThatIsUsedAgainWhileItIsReadIsGone) {
  SegmentBuilder first(1);
  first.add_mail({.mail_id = 1, .data = "one"});
  put(first, 1);
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  EXPECT_EQ(take(follower), Ids{1});
  // Its octets are those of segment 4 now, under both names.
  SegmentBuilder fourth(4);
  fourth.add_mail({.mail_id = 5, .data = std::string(200, 'x')});
  fourth.add_mail({.mail_id = 6, .data = "six"});
  put(fourth, 4);
  put(fourth, 1);
  EXPECT_EQ(take(follower), (Ids{5, 6}));
  EXPECT_TRUE(findings_.empty());
}

TEST_F(FollowerTest, DamageIsPendingSoThatNobodyRemovesIt) {
  SegmentBuilder segment(1);
  segment.add_mail({.mail_id = 1, .data = "one"});
  const uint64_t bad = segment.end();
  segment.add_mail({.mail_id = 2, .data = "two"});
  segment.add_mail({.mail_id = 3, .data = "three"});
  segment.add_seal();
  disk_.files[path_of(1)] = segment.octets();
  disk_.files[path_of(1)][bad + 40] ^= std::byte{1};  // mail 2's envelope
  EXPECT_EQ(take_anew(/*judge=*/true), (Ids{1, 3}));
  ASSERT_EQ(findings_.size(), 2u);
  EXPECT_EQ(findings_[0].kind, FindingKind::corruption);
  EXPECT_EQ(findings_[0].offset, bad);
  EXPECT_EQ(findings_[1].kind, FindingKind::damaged_mail);
  EXPECT_EQ(findings_[1].mail_id, 2u);
  ASSERT_EQ(cursor_.pending().size(), 2u);
  EXPECT_EQ(cursor_.pending().begin()->second, (PendingMail{0, 0, 1, {1, bad}}));
  EXPECT_EQ(cursor_.first_pending_segment(0), 0u);  // where mail 2 began is not known
  findings_.clear();
  EXPECT_EQ(take_anew(/*judge=*/true), Ids{});  // and not reported again
  EXPECT_TRUE(findings_.empty());
}

TEST_F(FollowerTest, InASegmentThatIsWrittenToDamageIsJudgedWhenItIsFinished) {
  SegmentBuilder first(1);
  first.add_mail({.mail_id = 1, .data = "one"});
  const uint64_t bad = first.end();
  first.add_mail({.mail_id = 2, .data = "two"});
  first.add_mail({.mail_id = 3, .data = "three"});
  put(first, 1);
  disk_.files[path_of(1)][bad] ^= std::byte{1};
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  EXPECT_EQ(take(follower), Ids{1});
  EXPECT_TRUE(findings_.empty());
  SegmentBuilder second(2);
  second.add_mail({.mail_id = 4, .data = "four"});
  put(second, 2);
  EXPECT_EQ(take(follower), (Ids{3, 4}));
  EXPECT_FALSE(findings_.empty());
}

TEST_F(FollowerTest, AFullCursorWaitsAndGoesOnWhenSomethingIsAcknowledged) {
  SegmentBuilder segment(1);
  for (uint64_t id = 1; id <= core::kCursorPendingMax + 2; ++id) {
    segment.add_mail({.mail_id = id, .data = "x"});
  }
  disk_.files[path_of(1)] = segment.octets();
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  std::vector<PendingMail> places;
  while (*follower.next() == Step::mail) places.push_back(follower.place());
  EXPECT_EQ(places.size(), core::kCursorPendingMax);
  EXPECT_EQ(*follower.next(), Step::full);
  cursor_.acknowledge(0, places[17].end);
  EXPECT_EQ(*follower.next(), Step::mail);
  EXPECT_EQ(follower.mail().mail_id, core::kCursorPendingMax + 1);
  EXPECT_EQ(*follower.next(), Step::full);
}

TEST_F(FollowerTest, WorkersTakeTurnsAndNewOnesAreFound) {
  for (const uint32_t worker : {0u, 2u}) {
    SegmentBuilder segment(1, worker);
    for (uint64_t i = 0; i < 200; ++i) segment.add_mail({.mail_id = i << 10 | worker, .data = "x"});
    put(segment, 1, worker);
  }
  SpoolFollower follower(disk_, "/spool", cursor_, nullptr);
  const Ids ids = take(follower);
  EXPECT_EQ(ids.size(), 400u);
  const auto second = std::ranges::find(ids, 2u);
  EXPECT_LT(second - ids.begin(), 100);  // long before the first worker is done
  SegmentBuilder segment(1, 5);
  segment.add_mail({.mail_id = 5, .data = "x"});
  put(segment, 1, 5);
  EXPECT_EQ(take(follower), Ids{5});
}

TEST_F(FollowerTest, APendingMailIsReadFromItsOwnSegments) {
  SegmentBuilder first(1);
  first.add_envelope({.mail_id = 2, .data = ""});
  first.add_data(2, "begin ");
  first.add_seal();
  SegmentBuilder second(2);
  second.add_mail({.mail_id = 3, .data = "three"});
  second.add_data(2, "end");
  const uint64_t end = second.add_end(2, 9, 2);
  put(first, 1);
  put(second, 2);
  const PendingMail pending{0, 2, 1, {2, end}};
  const auto found = find_mail(disk_, "/spool", pending);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->mail_id, 2u);
  EXPECT_EQ(found->data_bytes, 9u);
  EXPECT_EQ(found->first_segment, 1u);
  EXPECT_EQ(found->end_offset, end);
  EXPECT_FALSE(find_mail(disk_, "/spool", {0, 7, 1, {2, end}}));
  disk_.files.erase(path_of(1));
  EXPECT_FALSE(find_mail(disk_, "/spool", pending));
}

// A page-cache mail may have been handed out, then a power cut leaves a hole before it.
TEST_F(FollowerTest, APendingMailBehindAHoleIsThere) {
  SegmentBuilder first(1);
  const size_t hole = first.end();
  first.add_mail({.mail_id = 1, .data = "one"});
  const size_t behind = first.end();
  first.add_mail({.mail_id = 2, .data = "two"});
  const PendingMail pending{0, 2, 1, {1, first.offsets().back()}};
  first.add_mark(hole);
  put(first, 1);
  auto& file = disk_.files[path_of(1)];
  std::fill(file.begin() + ptrdiff_t(hole), file.begin() + ptrdiff_t(behind), std::byte{0});
  const auto found = find_mail(disk_, "/spool", pending);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->data_bytes, 3u);
}

/// Two segments with a salt, a mail in each.
class DamagedStartTest : public FollowerTest {
 protected:
  static constexpr uint64_t kSalt = 9;

  DamagedStartTest() {
    first_.add_mail({.mail_id = 1, .data = "one"});
    first_.add_mark(first_.end());
    first_.add_seal();
    second_.add_mail({.mail_id = 2, .data = "two"});
    second_.add_mail({.mail_id = 3, .data = "three"});
    second_.add_mark(second_.end());
    disk_.files[path_of(1)] = first_.octets();
    disk_.files[path_of(2)] = second_.octets();
  }

  std::vector<std::byte>& octets(uint64_t number) { return disk_.files[path_of(number)]; }
  PendingMail last_mail() const { return {0, 3, 2, {2, second_.offsets()[5]}}; }

  SegmentBuilder first_{1, 0, kSalt};
  SegmentBuilder second_{2, 0, kSalt};
};

TEST_F(DamagedStartTest, AnyHeadTellsTheSaltOfAMailThatIsPending) {
  octets(2)[3] ^= std::byte{1};
  EXPECT_TRUE(find_mail(disk_, "/spool", last_mail()));
  disk_.files["/spool/worker-0000/" + free_file_name(1)] = octets(1);
  disk_.files.erase(path_of(1));
  EXPECT_TRUE(find_mail(disk_, "/spool", last_mail()));
}

// No mark says that what stands before it had landed; but it was handed out.
TEST_F(DamagedStartTest, APendingMailIsFoundBehindABadRecord) {
  second_ = SegmentBuilder(2, 0, kSalt);
  second_.add_mail({.mail_id = 2, .data = "two"});
  second_.add_mail({.mail_id = 3, .data = "three"});
  second_.add_mark(kSegmentHeadBytes);
  octets(2) = second_.octets();
  octets(2)[kSegmentHeadBytes] ^= std::byte{1};
  EXPECT_TRUE(find_mail(disk_, "/spool", last_mail()));
}

TEST_F(DamagedStartTest, AnyHeadTellsTheSaltWhereReadingBegins) {
  EXPECT_EQ(take_anew(), (Ids{1, 2, 3}));
  SegmentBuilder more = second_;
  more.add_mail({.mail_id = 4, .data = "four"});
  octets(2) = more.octets();
  octets(2)[3] ^= std::byte{1};
  EXPECT_EQ(take_anew(), Ids{4});
}

TEST_F(DamagedStartTest, TheHeadOfAnotherSegmentIsNoSegmentThatIsGone) {
  std::copy_n(octets(1).begin(), kSegmentHeadBytes, octets(2).begin());
  EXPECT_EQ(take_anew(), (Ids{1, 2, 3}));
  EXPECT_TRUE(find_mail(disk_, "/spool", last_mail()));
}

TEST_F(DamagedStartTest, AHeadThatCannotBeReadHidesNoRecord) {
  disk_.files.erase(path_of(1));
  SegmentBuilder unsalted(2);
  unsalted.add_mail({.mail_id = 2, .data = "two"});
  octets(2) = unsalted.octets();
  disk_.unreadable_from = 0;
  disk_.unreadable_to = kSegmentHeadBytes;
  EXPECT_EQ(take_anew(), Ids{2});
}

// Octets on both sides of the position went bad while the consumer did not run.
TEST_F(DamagedStartTest, WhatIsLostBehindThePositionIsTold) {
  SegmentBuilder more = second_;
  for (uint64_t id = 4; id <= 6; ++id) more.add_mail({.mail_id = id, .data = "more"});
  more.add_mark(more.end());
  EXPECT_EQ(take_anew(), (Ids{1, 2, 3}));
  octets(2) = more.octets();
  const auto end = octets(2).begin() + std::ptrdiff_t(more.offsets()[11]);  // mail 5 goes on there
  std::fill(octets(2).begin() + std::ptrdiff_t(second_.offsets()[4]), end, std::byte{0xff});
  const LogPosition from = cursor_.worker(0).position;
  EXPECT_EQ(take_anew(/*judge=*/true), Ids{6});
  ASSERT_EQ(cursor_.pending().size(), 2u);
  EXPECT_EQ(cursor_.pending().begin()->second, (PendingMail{0, 0, 2, from}));
  EXPECT_EQ(cursor_.pending().rbegin()->second.mail_id, 5u);
  // One place is enough, however often it starts.
  EXPECT_EQ(take_anew(/*judge=*/true), Ids{});
  EXPECT_EQ(cursor_.pending().size(), 2u);
}

// Who follows waits for a later segment; who reads once has no time.
TEST_F(DamagedStartTest, WhoReadsOnceEntersASegmentWhoseFirstRecordIsBad) {
  octets(2)[kSegmentHeadBytes] ^= std::byte{1};
  EXPECT_EQ(take_anew(), Ids{1});
  EXPECT_EQ(take_anew(/*judge=*/true), Ids{3});
  EXPECT_FALSE(findings_.empty());
}

TEST_F(DamagedStartTest, WhoReadsOnceDoesSoBehindASegmentThatWasCut) {
  first_ = SegmentBuilder(1, 0, kSalt);
  first_.add_mail({.mail_id = 1, .data = "one"});
  octets(1) = first_.octets();
  octets(2)[kSegmentHeadBytes] ^= std::byte{1};
  EXPECT_EQ(take_anew(/*judge=*/true), (Ids{1, 3}));
}

TEST_F(DamagedStartTest, ZerosAtTheEndOfASegmentThatWasCutAreDamage) {
  first_ = SegmentBuilder(1, 0, kSalt);
  first_.add_mail({.mail_id = 1, .data = "one"});
  octets(1) = first_.octets();
  octets(1).resize(first_.end() + core::kBlockBytes);
  EXPECT_EQ(take_anew(), (Ids{1, 2, 3}));
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].offset, first_.end());
  EXPECT_EQ(cursor_.pending().size(), 1u);
}

}  // namespace
}  // namespace mailrace::spool
