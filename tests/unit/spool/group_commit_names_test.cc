// SPDX-License-Identifier: GPL-3.0-or-later
// What was written to a file that nobody will find is told to nobody.
#include "spool/segment.h"
#include "tests/unit/spool/group_commit_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace mailrace::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Ending = tests::SimFile::Ending;

const std::string kFirst = "worker/" + segment_file_name(1);

TEST_F(GroupCommitTest, AWriteToAFileWithoutANameIsLost) {
  open(kManyWrites);
  const uint64_t first = append(1);
  settle();
  append(2);
  flush();
  append(3);
  flush();
  append(4);
  append(5, /*ends_mail=*/false);
  files_.remove_now(kFirst);
  files_.complete(1);
  EXPECT_THAT(lost_, IsEmpty()) << "there is one before it";
  files_.complete(0);
  EXPECT_THAT(lost_, ElementsAre(2, 3));
  EXPECT_EQ(gaps_, 1u) << "who has octets in the file and goes on is lost as well";
  EXPECT_EQ(log_->losses(), 1u);
  ASSERT_TRUE(log_->unwritable().has_value());
  EXPECT_EQ(log_->unwritable()->sys_errno, ENOENT);
  EXPECT_STREQ(log_->unwritable()->where, "segment.name");
  settle();
  EXPECT_THAT(lost_, ElementsAre(2, 3, 4, 5)) << "nobody is kept waiting";
  EXPECT_EQ(chunks_.free_count(), 2000u);

  log_->restore(log_->losses(), /*first=*/1);
  settle();
  EXPECT_FALSE(log_->unwritable().has_value());
  const uint64_t end = append(6);
  settle();
  EXPECT_EQ(log_->durable(), end);
  EXPECT_GT(end, first);
  EXPECT_THAT(files_.violations(), IsEmpty());
  EXPECT_EQ(files_.open_count(), 2u) << "the lost file stays open for its turn in the page cache";
}

TEST_F(GroupCommitTest, AnotherFileUnderTheNameIsNotOurs) {
  open({});
  files_.rename_now(kFirst, "worker/aside");
  core::FileOp op{[](core::FileOp&, int) {}};
  files_.create(op, kFirst.c_str());
  files_.complete(0);
  append(1);
  flush();
  files_.complete(0);
  EXPECT_EQ(gaps_, 1u);
  EXPECT_EQ(log_->last_failure().sys_errno, ESTALE);
  EXPECT_EQ(log_->losses(), 1u);
}

TEST_F(GroupCommitTest, NothingIsReportedOfAMailWhoseFirstSegmentIsGone) {
  open({.segment_bytes = kSmallSegment, .commit_bytes = 1});
  for (int i = 0; i < 6; ++i) append(1, /*ends_mail=*/false, 13);
  settle();
  ASSERT_TRUE(files_.cached().contains("worker/" + segment_file_name(2)));
  files_.remove_now(kFirst);
  append(2);
  settle();
  EXPECT_EQ(log_->losses(), 0u) << "that one began in a segment that is there";
  append(1);
  settle();
  EXPECT_EQ(log_->losses(), 1u);
  EXPECT_THAT(lost_, ElementsAre(1));
}

TEST_F(GroupCommitTest, NothingIsReportedOfAMailThatHasLostASegmentInTheMiddle) {
  open({.segment_bytes = kSmallSegment, .commit_bytes = 1});
  append(1, /*ends_mail=*/false);
  for (int i = 0; i < 12; ++i) append(2, /*ends_mail=*/false, 13);
  settle();
  ASSERT_TRUE(files_.cached().contains("worker/" + segment_file_name(3)));
  files_.remove_now("worker/" + segment_file_name(2));
  append(3);
  settle();
  EXPECT_EQ(log_->losses(), 0u) << "that one lies in the last one alone";
  append(1);
  settle();
  EXPECT_EQ(log_->losses(), 1u);
  EXPECT_THAT(lost_, ElementsAre(1));
}

TEST_F(GroupCommitTest, AMailOverMoreSegmentsThanAreKnownIsLost) {
  open({.segment_bytes = kSmallSegment, .commit_bytes = 1});
  append(1, /*ends_mail=*/false);
  for (uint64_t number = 2; number <= core::kMailSegmentsMax + 1;) {
    append(2, /*ends_mail=*/false, 13);
    settle();
    if (!files_.cached().contains("worker/" + segment_file_name(number))) continue;
    if (number > 2) files_.remove_now("worker/" + segment_file_name(number - 2));
    ++number;
  }
  for (int i = 0; i < 6; ++i) append(2, /*ends_mail=*/false, 13);
  settle();
  append(1);
  append(3);
  settle();
  EXPECT_THAT(lost_, ElementsAre(1));
  EXPECT_EQ(log_->losses(), 0u) << "nothing is wrong with the spool";
  EXPECT_EQ(log_->durable(), log_->appended());
}

// Whoever has the spool now cuts and leaves the segment that is written to.
TEST_F(GroupCommitTest, GivesUpWhatItHasAlthoughItsNextSegmentWasLostBefore) {
  open({.segment_bytes = kSmallSegment, .commit_bytes = 1});
  append(1, /*ends_mail=*/true, 13);
  const std::string second = "worker/" + segment_file_name(2);
  for (flush(); files_.pending() > 0; flush()) {
    files_.complete(0);
    if (files_.cached().contains(second)) files_.remove_now(second);
  }
  ASSERT_EQ(log_->losses(), 1u);
  EXPECT_FALSE(log_->unwritable().has_value()) << "there is room in the first one";
  append(2);
  flush();
  const core::Error error{core::Errc::io, ESTALE, "spool.lock"};
  log_->lose(error);
  EXPECT_THAT(lost_, ElementsAre(2));
  EXPECT_EQ(gaps_, 1u);
  EXPECT_TRUE(log_->unwritable().has_value());
  settle();
  log_->lose(error);
  EXPECT_EQ(gaps_, 1u) << "there is nothing left to give up";
  EXPECT_EQ(chunks_.free_count(), 2000u);
}

TEST_F(GroupCommitTest, ClosesWithoutADirectory) {
  for (const bool writes : {false, true}) {
    open(kManyWrites);
    append(1);
    settle();
    if (writes) append(2);
    files_.remove_directory_now("worker");
    log_->close();
    settle();
    EXPECT_TRUE(log_->closed());
    EXPECT_EQ(files_.open_count(), 0u);
    files_.make_directory_now("worker");
  }
}

TEST_F(MixedTest, ASyncOfAFileWithoutANameSavesNothing) {
  append_page_cache(1);
  append_disk(2);
  flush();
  files_.complete(0);
  ASSERT_TRUE(syncing());
  files_.remove_directory_now("worker");
  files_.complete(sync());
  EXPECT_EQ(gaps_, 1u);
  EXPECT_EQ(log_->losses(), 1u);
  EXPECT_EQ(log_->last_failure().sys_errno, ENOENT);

  files_.make_directory_now("worker");
  log_->restore(log_->losses(), /*first=*/1);
  settle();
  const uint64_t next = append_disk(3);
  settle();
  EXPECT_EQ(log_->durable(), next) << "the segment of the mails that are lost is nobody's business";
  EXPECT_EQ(log_->losses(), 1u);
}

TEST_F(MixedTest, AfterAFailedWriteTheCutOfAFileWithoutANameSavesNothing) {
  append_disk(1);
  flush();
  append_disk(2);
  flush();
  files_.complete(1, Ending::io_error);
  files_.complete(0);
  EXPECT_EQ(log_->durable(), 0u);
  files_.remove_directory_now("worker");
  settle();
  EXPECT_EQ(gaps_, 1u);
  EXPECT_GE(log_->losses(), 1u);
}

TEST_F(GroupCommitTest, ThePageCacheOfAFileWithoutANameIsNoneEither) {
  open({.sync = SyncPolicy::never, .commit_bytes = 1});
  append(1, true, 1, Durability::page_cache);
  flush();
  files_.remove_now(kFirst);
  files_.complete(0);
  EXPECT_THAT(lost_, ElementsAre(1));
}

}  // namespace
}  // namespace mailrace::spool
