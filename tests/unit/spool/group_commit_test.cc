// SPDX-License-Identifier: GPL-3.0-or-later
// durable <= landed <= written <= appended, whatever lands first; and when a write is due.
#include "spool/group_commit.h"

#include "tests/sim/sim_file.h"
#include "tests/unit/spool/group_commit_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using core::Instant;
using testing::ElementsAre;
using testing::IsEmpty;
using tests::SimFile;
using Ending = SimFile::Ending;
using Kind = SimFile::Kind;

TEST_F(GroupCommitTest, DurableIsTheEndOfWhatIsDoneWithoutAHole) {
  open(kManyWrites);
  std::vector<uint64_t> ends;
  for (uint64_t mail = 1; mail <= 4; ++mail) {
    ends.push_back(append(mail));
    flush();
  }
  ASSERT_EQ(files_.pending(), 4u);
  EXPECT_EQ(log_->written(), ends[3]);
  files_.complete(3);
  files_.complete(1);
  EXPECT_EQ(log_->durable(), 0u);
  EXPECT_THAT(durable_, IsEmpty());
  files_.complete(0);
  EXPECT_EQ(log_->durable(), ends[1]);
  files_.complete(0);
  EXPECT_THAT(durable_, ElementsAre(ends[1], ends[3]));
  EXPECT_EQ(chunks_.free_count(), 2000u);
}

TEST_F(GroupCommitTest, SmallCommitsShareTheNextWrite) {
  open({.commit_bytes = 100 * kRecord});
  append(1);
  flush();
  append(2);
  append(3);
  EXPECT_EQ(flush(), std::nullopt) << "nothing is due before the write has landed";
  ASSERT_EQ(writes(), 1u);
  files_.complete(0);
  flush();
  ASSERT_EQ(writes(), 1u);
  EXPECT_EQ(files_.operation(0).bytes, 2 * kRecord + kMark);
}

TEST_F(GroupCommitTest, AFewCommitsDoNotWaitForTheWriteUnderWayIfTheProcessorWould) {
  open({.commit_bytes = 100 * kRecord});
  uint64_t mail = 0;
  const auto append_some = [&](uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) append(++mail);
    flush();
  };
  append_some(1);
  files_.idle = true;
  append_some(core::kCommitsBesideWrite - 1);
  EXPECT_EQ(writes(), 1u) << "too few";
  files_.idle = false;
  append_some(1);
  EXPECT_EQ(writes(), 1u) << "there is other work";
  files_.idle = true;
  flush();
  EXPECT_EQ(writes(), 2u);
  append_some(core::kCommitsBesideWrite);
  EXPECT_EQ(writes(), 2u) << "a third is not worth it";
}

TEST_F(GroupCommitTest, WhatIsNotSyncedLandsSoonEnoughForAFewCommitsToWait) {
  open({.sync = SyncPolicy::never, .commit_bytes = 100 * kRecord});
  files_.idle = true;
  append(1);
  flush();
  for (uint64_t mail = 2; mail < 2 + core::kCommitsBesideWrite; ++mail) append(mail);
  flush();
  EXPECT_EQ(writes(), 1u);
}

TEST_F(GroupCommitTest, ManyOctetsDoNotWaitForTheWriteUnderWay) {
  open({.commit_bytes = 2 * kRecord});
  append(1);
  flush();
  append(2);
  flush();
  EXPECT_EQ(writes(), 1u);
  append(3);
  flush();
  EXPECT_EQ(writes(), 2u);
}

// The first segment of a spool, or one that is suddenly needed: it is filled with zeros, but a mail
// does not wait for all of them.
TEST_F(GroupCommitTest, AMailDoesNotWaitForLongUntilTheSegmentIsFilled) {
  files_.bypass_cache();
  constexpr uint64_t kPieces = 1000;
  log_.emplace(files_, chunks_,
               SpoolOptions{.directory = "worker", .segment_bytes = kPieces * core::kWriteBytesMax},
               GroupCommitEvents{this, &on_moved, &on_lost, &on_gap, &is_lost});
  const uint64_t end = append(1);
  uint64_t operations = 0;
  for (flush(); log_->durable() < end && operations < kPieces; flush(), ++operations) {
    files_.complete(0);
    now_ = now_ + core::milliseconds(5);
  }
  EXPECT_EQ(log_->durable(), end);
  EXPECT_LT(operations, 40u);  // 100 ms of filling, and what else it takes
}

TEST_F(GroupCommitTest, BesideTwoWritesItTakesTwiceAsMany) {
  open({.commit_bytes = 2 * kRecord});
  std::vector<size_t> under_way;
  for (uint64_t mail = 1; mail < 12; mail += 2) {
    append(mail);
    append(mail + 1);
    flush();
    under_way.push_back(writes());
  }
  EXPECT_THAT(under_way, ElementsAre(1, 2, 2, 3, 3, 4));
}

TEST_F(GroupCommitTest, HasSomeWritesUnderWayAndGathersMeanwhile) {
  open(kManyWrites);
  constexpr uint64_t kMost = core::kWritesInFlightMax;
  for (uint64_t mail = 1; mail <= kMost + 6; ++mail) {
    append(mail);
    flush();
  }
  EXPECT_EQ(writes(), kMost);
  EXPECT_EQ(log_->written(), kMost * kRecord);
  EXPECT_EQ(log_->appended(), (kMost + 6) * kRecord);
  files_.complete(0);
  flush();
  ASSERT_EQ(writes(), kMost);
  EXPECT_EQ(files_.operation(kMost - 1).bytes, 6 * kRecord + kMark);  // six mails, one write
  settle();
  EXPECT_EQ(log_->durable(), log_->appended());
  EXPECT_EQ(log_->writes(), kMost + 1);
}

TEST_F(GroupCommitTest, FailureTakesEverythingBehindItInTheSegmentAndNothingBeforeIt) {
  open(kManyWrites);
  for (uint64_t mail = 1; mail <= 4; ++mail) {
    append(mail);
    flush();
  }
  append(2, /*ends_mail=*/false);  // the rest of a lost mail is not written
  append(5);
  files_.complete(1, Ending::io_error);
  EXPECT_THAT(lost_, ElementsAre(2, 3, 4));
  EXPECT_EQ(log_->failures(), 1u);
  EXPECT_EQ(log_->last_failure().sys_errno, EIO);
  EXPECT_EQ(log_->durable(), 0u);
  files_.complete(0);
  EXPECT_EQ(log_->durable(), 2 * kRecord);  // it passes over what was reported lost
  settle();
  EXPECT_EQ(log_->durable(), log_->appended());
  EXPECT_THAT(lost_, ElementsAre(2, 3, 4));
  EXPECT_EQ(files_.cached().at("worker/0000000000000001.segment").size(), 4096 + kRecord + kMark);
  EXPECT_EQ(log_->appended(), 6 * kRecord);
  EXPECT_EQ(gaps_, 0u);
  EXPECT_EQ(chunks_.free_count(), 2000u);
}

TEST_F(GroupCommitTest, EarlierFailureMovesTheCut) {
  open(kManyWrites);
  for (uint64_t mail = 1; mail <= 3; ++mail) {
    append(mail);
    flush();
  }
  files_.complete(2, Ending::short_write);
  EXPECT_THAT(lost_, ElementsAre(3));
  files_.complete(0, Ending::io_error);
  EXPECT_THAT(lost_, ElementsAre(1, 2, 3));
  settle();
  EXPECT_EQ(files_.cached().at("worker/0000000000000001.segment").size(), 4096u);
}

TEST_F(GroupCommitTest, FailedCutIsAGapForMailsThatGoOn) {
  open({});
  append(1);
  flush();
  files_.complete(0, Ending::io_error);
  ASSERT_EQ(files_.operation(0).kind, Kind::truncate);
  files_.complete(0, Ending::io_error);
  EXPECT_EQ(gaps_, 1u);
  append(2);
  settle();
  EXPECT_EQ(log_->durable(), log_->appended());
  EXPECT_FALSE(lost_.contains(2));
}

TEST_F(GroupCommitTest, NextSegmentWaitsForTheWritesToThisOne) {
  open({.segment_bytes = kSmallSegment, .commit_bytes = 1});
  uint64_t mail = 0;
  // Two writes under way that fill the segment; the next one is sealed off from it.
  for (int i = 0; i < 2; ++i) {
    for (int k = 0; k < 2; ++k) append(++mail, true, 13);
    flush();
  }
  append(++mail, true, 13);
  flush();
  ASSERT_EQ(writes(), 3u);  // two with mails, one with the index; the seal waits for all of them
  for (size_t i = 0; i < files_.pending();) {
    // The next segment becomes ready; still nothing is written to it.
    const SimFile::Operation& operation = files_.operation(i);
    if (operation.kind == Kind::write && operation.offset > 0) {
      ++i;
    } else {
      files_.complete(i);
      flush();
      i = 0;
    }
  }
  EXPECT_EQ(writes(), 3u);
  while (writes() == 3 || files_.operation(0).path == "worker/0000000000000001.segment") {
    ASSERT_LT(log_->durable(), log_->appended());
    files_.complete(0);
    flush();
  }
  EXPECT_EQ(files_.operation(0).path, "worker/0000000000000002.segment");
  EXPECT_EQ(files_.operation(0).offset, kSegmentHeadBytes);
  settle();
  EXPECT_EQ(log_->durable(), log_->appended());
}

TEST_F(GroupCommitTest, CommitWaitsForCompanyAsLongAsItIsTold) {
  open({.commit_delay = core::milliseconds(2)});
  append(1);
  const Instant first = now_;
  EXPECT_EQ(flush(), first + core::milliseconds(2));
  now_ = now_ + core::milliseconds(1);
  append(2);
  EXPECT_EQ(flush(), first + core::milliseconds(2));
  EXPECT_EQ(writes(), 0u);
  now_ = now_ + core::milliseconds(1);
  EXPECT_EQ(flush(), std::nullopt);
  ASSERT_EQ(writes(), 1u);
  EXPECT_EQ(files_.operation(0).bytes, 2 * kRecord + kMark);
}

TEST_F(GroupCommitTest, DataIsWrittenAheadOfItsCommitInBlocks) {
  open({});
  uint64_t bytes = 0;
  while (bytes < core::kCommitBytesDefault) {
    EXPECT_EQ(flush(), std::nullopt);
    EXPECT_EQ(writes(), 0u);
    bytes = append(1, /*ends_mail=*/false, 15);
  }
  flush();
  ASSERT_EQ(writes(), 1u);
  EXPECT_EQ(files_.operation(0).bytes, bytes + kMark);
}

TEST_F(GroupCommitTest, NothingIsSyncedWhereNobodyIsPromisedTheDisk) {
  open({.segment_bytes = kSmallSegment, .sync = SyncPolicy::never, .commit_bytes = 1});
  for (uint64_t mail = 1; mail <= 10; ++mail) {
    const uint64_t end = append(mail, true, 10, Durability::page_cache);
    flush();
    ASSERT_EQ(writes(), 1u);
    for (size_t i = 0; i < files_.pending(); ++i) {
      const SimFile::Operation& operation = files_.operation(i);
      EXPECT_FALSE(operation.synced);
      EXPECT_FALSE(operation.kind == Kind::sync && operation.data_only);
    }
    settle();
    EXPECT_EQ(log_->landed(), end);
  }
}

// --- the page cache ------------------------------------------------------------------------------

class PageCacheTest : public GroupCommitTest {
 protected:
  // Writes a third more than the page cache may keep, and notes what is dropped meanwhile.
  void write(SyncPolicy sync) {
    open({.segment_bytes = 2 * core::kCachedBytesMax, .sync = sync});
    while (log_->appended() < core::kCachedBytesMax / 3 * 4) {
      append(++mails_, true, 15, Durability::page_cache);
      for (flush(); files_.pending() > 0; flush()) complete_first();
    }
  }
  void complete_first() {
    const SimFile::Operation& operation = files_.operation(0);
    syncs_ += operation.data_only ? 1 : 0;
    if (operation.kind == Kind::drop_cached) {
      dropped_to_ = operation.offset + operation.bytes;
      written_back_ = operation.write_back;
    }
    files_.complete(0);
  }

  uint64_t mails_ = 0;
  uint64_t syncs_ = 0;
  uint64_t dropped_to_ = 0;
  bool written_back_ = false;
};

TEST_F(PageCacheTest, KeepsTheNewestOfWhatIsStable) {
  write(SyncPolicy::with_each_write);
  EXPECT_GT(dropped_to_, core::kCachedBytesMax / 4);
  EXPECT_FALSE(written_back_);
  EXPECT_THAT(files_.violations(), IsEmpty());
}

TEST_F(PageCacheTest, WhatNobodySyncsIsWrittenBackFirst) {
  write(SyncPolicy::never);
  EXPECT_GT(dropped_to_, core::kCachedBytesMax / 4);
  EXPECT_TRUE(written_back_);
  EXPECT_EQ(syncs_, 0u);
}

TEST_F(PageCacheTest, WhereMailsDifferWhatNobodyWaitsForIsSyncedNowAndThen) {
  write(SyncPolicy::behind_writes);
  EXPECT_GT(dropped_to_, core::kCachedBytesMax / 4);
  EXPECT_FALSE(written_back_) << "an error of it would be missing from the sync";
  EXPECT_GE(syncs_, 2u);
  EXPECT_LE(syncs_, 4u);
  EXPECT_THAT(files_.violations(), IsEmpty());
}

TEST_F(PageCacheTest, PastItNothingIsDropped) {
  files_.bypass_cache();
  write(SyncPolicy::behind_writes);
  EXPECT_EQ(dropped_to_, 0u);
  EXPECT_EQ(syncs_, 0u);
}

// --- mails that are promised different things ----------------------------------------------------

TEST_F(MixedTest, PageCacheIsTheEndOfTheWriteAndDiskTheEndOfTheSyncBehindIt) {
  const uint64_t first = append_page_cache(1);
  flush();
  EXPECT_FALSE(files_.operation(0).synced);
  files_.complete(0);
  EXPECT_EQ(log_->landed(), first);
  EXPECT_FALSE(syncing()) << "nobody waits for it";

  const uint64_t second = append_disk(2);
  flush();
  EXPECT_FALSE(files_.operation(0).synced);
  files_.complete(0);
  EXPECT_EQ(log_->landed(), second);
  EXPECT_EQ(log_->durable(), 0u) << "it shares a file with a write that was not synced";
  ASSERT_TRUE(syncing());
  files_.complete(sync());
  EXPECT_EQ(log_->durable(), second);
}

TEST_F(MixedTest, ASyncCoversWhatHadLandedWhenItBegan) {
  const uint64_t first = append_disk(1);
  flush();
  files_.complete(0);
  ASSERT_TRUE(syncing());
  const uint64_t second = append_disk(2);
  append_page_cache(3);
  flush();
  ASSERT_EQ(writes(), 1u);
  files_.complete(1);
  files_.complete(sync());
  EXPECT_EQ(log_->durable(), first) << "the second one landed while the sync was under way";
  ASSERT_TRUE(syncing());
  files_.complete(sync());
  EXPECT_GT(log_->durable(), second);
  EXPECT_FALSE(syncing());
}

TEST_F(MixedTest, ASegmentIsLeftOnlyWhenItIsStable) {
  append_page_cache(1);
  flush();
  files_.complete(0);
  append(2, /*ends_mail=*/false, 15, Durability::page_cache);
  append(2, /*ends_mail=*/false, 15, Durability::page_cache);
  append(2, /*ends_mail=*/false, 15, Durability::page_cache);
  const uint64_t behind = append(2, /*ends_mail=*/true, 15, Durability::page_cache);
  for (flush(); !syncing(); flush()) {
    ASSERT_GT(files_.pending(), 0u);
    files_.complete(0);
  }
  // All but the sync goes on, and nothing is written to the next segment.
  while (files_.pending() > 1) {
    files_.complete(sync() == 0 ? 1 : 0);
    flush();
  }
  ASSERT_TRUE(syncing());
  EXPECT_LT(log_->written(), behind);
  settle();
  EXPECT_EQ(log_->landed(), behind);
  EXPECT_GT(log_->durable(), 0u);
}

TEST_F(MixedTest, AFailedSyncLosesThoseWhoWaitAndTheSegmentIsLeft) {
  append_page_cache(1);
  const uint64_t end = append_disk(2);
  flush();
  files_.complete(0);
  ASSERT_TRUE(syncing());
  const std::string path = files_.operation(sync()).path;
  append_disk(3);
  flush();
  ASSERT_EQ(writes(), 1u);
  files_.complete(sync(), Ending::io_error);
  EXPECT_EQ(gaps_, 1u) << "who has octets in the log and was not reported is lost";
  EXPECT_THAT(lost_, ElementsAre(3)) << "its write is under way";
  EXPECT_EQ(log_->failures(), 1u);
  EXPECT_EQ(log_->last_failure().sys_errno, EIO);
  settle();
  // What was reported stays in the file; the write behind it is cut off.
  EXPECT_EQ(files_.cached().at(path).size(), kSegmentHeadBytes + end + kMark);
  const uint64_t next = append_disk(4);
  flush();
  ASSERT_EQ(writes(), 1u);
  EXPECT_NE(files_.operation(0).path, path);
  settle();
  EXPECT_EQ(log_->durable(), next);
}

TEST_F(MixedTest, AWriteThatFailsLeavesThoseBeforeItToTheSyncOfTheCut) {
  const uint64_t first = append_disk(1);
  flush();
  append_disk(2);
  flush();
  ASSERT_EQ(writes(), 2u);
  files_.complete(1, Ending::io_error);
  files_.complete(0);
  EXPECT_EQ(log_->durable(), 0u);
  EXPECT_FALSE(syncing());
  settle();
  EXPECT_GE(log_->durable(), first);
  EXPECT_THAT(lost_, ElementsAre(2));
  EXPECT_EQ(gaps_, 0u);
}

TEST_F(MixedTest, ClosesWhileASyncIsUnderWay) {
  append_disk(1);
  flush();
  files_.complete(0);
  ASSERT_TRUE(syncing());
  log_->close();
  settle();
  EXPECT_TRUE(log_->closed());
  EXPECT_EQ(log_->durable(), log_->appended());
  EXPECT_EQ(files_.open_count(), 0u);
  EXPECT_THAT(files_.violations(), IsEmpty());
}

TEST_F(GroupCommitTest, NobodyIsKeptWaitingWhileNoSegmentCanBeMade) {
  files_.faults.delay_max = 0;
  log_.emplace(files_, chunks_, SpoolOptions{.directory = "worker", .segment_bytes = 1 << 20},
               GroupCommitEvents{this, &on_moved, &on_lost, &on_gap, &is_lost});
  EXPECT_FALSE(log_->unwritable().has_value());
  append(1);
  flush();
  files_.complete(0, Ending::no_space);
  ASSERT_TRUE(log_->unwritable().has_value());
  EXPECT_EQ(log_->unwritable()->code, core::Errc::no_space);
  EXPECT_EQ(flush(), now_ + SegmentMaker::kRetryAfter);
  EXPECT_THAT(lost_, ElementsAre(1));
  EXPECT_THAT(durable_, ElementsAre(0));  // told
  EXPECT_EQ(chunks_.free_count(), 2000u);

  now_ = now_ + SegmentMaker::kRetryAfter;
  EXPECT_EQ(flush(), std::nullopt);  // the attempt's end wakes us
  settle();
  EXPECT_FALSE(log_->unwritable().has_value());
  const uint64_t end = append(2);
  settle();
  EXPECT_EQ(log_->durable(), end);
}

TEST_F(GroupCommitTest, ClosesBehindASeal) {
  open({});
  append(1);
  log_->close();
  EXPECT_FALSE(log_->closed());
  settle();
  EXPECT_TRUE(log_->closed());
  EXPECT_EQ(files_.open_count(), 0u);
  EXPECT_EQ(log_->durable(), kRecord);
  EXPECT_EQ(files_.cached().at("worker/0000000000000001.segment").size(),
            4096 + kRecord + index_bytes(1) + kMark + kMark + kSealRecordBytes);
}

// What the records in a write of chunks and a mark are; the mark's body is in `mark`.
std::vector<RecordType> types_of(const SimFile::Operation& write, MarkBody& mark) {
  std::vector<RecordType> types;
  for (core::Octets rest(write.octets); !rest.empty();) {
    const auto header = decode_record(rest, SegmentKey(1));
    if (!header) break;
    types.push_back(header->type);
    const core::Octets body = rest.subspan(core::kRecordHeaderBytes, header->body_bytes);
    EXPECT_TRUE(body_matches(*header, body));
    if (header->type == RecordType::mark) mark = decode_mark(body).value();
    rest = rest.subspan(record_bytes(header->body_bytes));
  }
  return types;
}

TEST_F(GroupCommitTest, MarkSaysWhatHadLandedBeforeTheWriteBegan) {
  open(kManyWrites);
  for (uint64_t mail = 1; mail <= 3; ++mail) {
    append(mail);
    flush();
  }
  files_.complete(1);  // the second lands, the first does not
  append(4);
  flush();
  MarkBody mark;
  EXPECT_THAT(types_of(files_.operation(2), mark), ElementsAre(RecordType::data, RecordType::mark));
  EXPECT_EQ(mark.durable_bytes, kSegmentHeadBytes);
  files_.complete(0);
  append(5);
  flush();
  types_of(files_.operation(2), mark);
  EXPECT_EQ(mark.durable_bytes, kSegmentHeadBytes + 2 * (kRecord + kMark));
}

TEST_F(GroupCommitTest, WritesWholeBlocksWhereTheFilesWantThem) {
  files_.bypass_cache();
  open(kManyWrites);
  for (uint32_t records = 1; records <= 15; ++records) {
    append(records, true, records);
    flush();
    ASSERT_EQ(writes(), 1u);
    const SimFile::Operation& write = files_.operation(0);
    EXPECT_EQ(write.bytes, core::align_up(records * kRecord + kMark, core::kBlockBytes));
    MarkBody mark;
    EXPECT_EQ(types_of(write, mark).size(), records + 1);
    settle();
  }
  log_->close();
  settle();
  EXPECT_TRUE(log_->closed());
  EXPECT_THAT(files_.violations(), IsEmpty());
  EXPECT_EQ(files_.cached().at("worker/0000000000000001.segment").size() % core::kBlockBytes, 0u);
}

TEST_F(GroupCommitTest, OneWriteIsBounded) {
  constexpr size_t kChunks = core::kWriteBytesMax / core::kChunkBytes * 2;
  open({.segment_bytes = 64 << 20});
  append(1);
  flush();  // under way, so that the others gather behind it
  for (size_t i = 0; i < kChunks; ++i) append(2, false, 15);
  append(2);
  flush();
  settle();
  EXPECT_THAT(files_.violations(), IsEmpty());
  EXPECT_EQ(log_->durable(), log_->appended());
}

TEST_F(GroupCommitTest, ClosesWhatItNeverUsed) {
  log_.emplace(files_, chunks_, SpoolOptions{.directory = "worker", .segment_bytes = 1 << 20},
               GroupCommitEvents{this, &on_moved, &on_lost, &on_gap, &is_lost});
  flush();
  ASSERT_EQ(files_.pending(), 1u);  // a segment is being made
  log_->close();
  while (files_.pending() > 0) {
    EXPECT_FALSE(log_->closed());
    files_.complete(0);
    EXPECT_FALSE(log_->closed() && files_.open_count() > 0);
    flush();
  }
  EXPECT_TRUE(log_->closed());
  EXPECT_EQ(files_.open_count(), 0u);
  EXPECT_EQ(files_.cached().at("worker/0000000000000001.segment").size(), kSegmentHeadBytes);
}

// Filled with zeros, or used before: the next server need not do that again.
TEST_F(GroupCommitTest, ASegmentThatNothingWasWrittenToIsKeptAsAFreeOne) {
  files_.bypass_cache();
  open({});
  log_->close();
  settle();
  EXPECT_TRUE(log_->closed());
  EXPECT_EQ(files_.open_count(), 0u);
  const tests::FileContents after_cut = files_.power_cut();
  ASSERT_EQ(after_cut.size(), 1u);
  EXPECT_EQ(after_cut.begin()->first, "worker/" + free_file_name(1));
  EXPECT_EQ(after_cut.begin()->second.size(), 1u << 20);
}

TEST_F(GroupCommitTest, TheNextSegmentIsKeptWhenThisOneIsSealed) {
  files_.bypass_cache();
  open({});
  for (uint64_t mail = 1; mail <= 20; ++mail) append(mail, true, 15);  // more than a quarter
  settle();
  log_->close();
  settle();
  EXPECT_TRUE(log_->closed());
  const tests::FileContents files = files_.cached();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_TRUE(files.contains("worker/" + segment_file_name(1)));
  EXPECT_EQ(files.at("worker/" + free_file_name(2)).size(), 1u << 20);
}

TEST_F(GroupCommitTest, ClosesEvenIfASegmentCannotBeKept) {
  for (const Kind failing : {Kind::rename, Kind::sync_directory}) {
    SimFile files(/*seed=*/1);
    files.bypass_cache();
    GroupCommit log(files, chunks_, {.directory = "worker", .segment_bytes = 1 << 20},
                    GroupCommitEvents{this, &on_moved, &on_lost, &on_gap, &is_lost});
    for (log.flush(now_, kWall); files.pending() > 0; log.flush(now_, kWall)) files.complete(0);
    log.close();
    for (log.flush(now_, kWall); files.pending() > 0; log.flush(now_, kWall)) {
      const bool fails = files.operation(0).kind == failing;
      files.complete(0, fails ? Ending::io_error : Ending::good);
    }
    EXPECT_TRUE(log.closed());
    EXPECT_EQ(files.open_count(), 0u);
  }
}

using GroupCommitDeathTest = GroupCommitTest;

TEST_F(GroupCommitDeathTest, TakesNothingAfterClose) {
  open({});
  log_->close();
  EXPECT_DEATH(append(1), "check failed");
}

}  // namespace
}  // namespace mailrace::spool
