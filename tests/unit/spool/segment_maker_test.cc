// SPDX-License-Identifier: GPL-3.0-or-later
// A segment is offered only when its head, its length and its name are stable.
#include "spool/segment_maker.h"

#include "core/base/limits.h"
#include "spool/segment.h"
#include "tests/sim/sim_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using core::Instant;
using testing::ElementsAre;
using tests::SimFile;
using Ending = SimFile::Ending;
using Kind = SimFile::Kind;

constexpr uint64_t kCapacity = 64 << 10;
constexpr uint64_t kSalt = 0x5a17;
constexpr uint64_t kMailId = 77;
constexpr Instant kNow{5};
constexpr core::WallTime kWall{1'700'000'000'000'000'000};

std::string path_of(uint64_t number) { return "worker/" + segment_file_name(number); }

class SegmentMakerTest : public testing::Test {
 protected:
  // Runs the operations that follow, the one with number `failing` not well.
  std::vector<Kind> run(size_t failing = SIZE_MAX, Ending ending = Ending::io_error) {
    std::vector<Kind> kinds;
    while (files_.pending() > 0) {
      EXPECT_EQ(files_.pending(), 1u);
      EXPECT_FALSE(maker_.has_ready());
      kinds.push_back(files_.operation(0).kind);
      files_.complete(0, kinds.size() - 1 == failing ? ending : Ending::good);
    }
    return kinds;
  }

  SimFile files_{/*seed=*/1};
  SegmentMaker maker_{files_, "worker", /*worker=*/3, /*first=*/8, kCapacity, kSalt};
};

TEST_F(SegmentMakerTest, MakesHeadLengthAndNameStableInThisOrder) {
  maker_.want(kNow, kWall, kMailId);
  EXPECT_FALSE(maker_.idle());
  EXPECT_THAT(run(), ElementsAre(Kind::create, Kind::allocate, Kind::write, Kind::sync,
                                 Kind::sync_directory));
  ASSERT_TRUE(maker_.has_ready());
  EXPECT_TRUE(maker_.idle());
  EXPECT_FALSE(maker_.empty());
  const tests::FileContents after_cut = files_.power_cut();
  const std::vector<std::byte>& octets = after_cut.at(path_of(8));
  EXPECT_EQ(octets.size(), kCapacity);
  const auto head = decode_segment_head(core::Octets(octets).first(kSegmentHeadBytes));
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->generation, 8u);
  EXPECT_EQ(head->worker, 3u);
  EXPECT_EQ(head->capacity, kCapacity);
  EXPECT_EQ(head->salt, kSalt);
  EXPECT_EQ(head->mail_id_floor, kMailId);
  EXPECT_EQ(head->created_at_ns, kWall.ns);
}

TEST_F(SegmentMakerTest, MakesOneAtATimeAndCountsUp) {
  maker_.want(kNow, kWall, kMailId);
  run();
  maker_.want(kNow, kWall, kMailId);
  EXPECT_EQ(files_.pending(), 0u);
  EXPECT_EQ(maker_.take().number, 8u);
  EXPECT_TRUE(maker_.empty());
  maker_.want(kNow, kWall, kMailId);
  run();
  const ReadySegment second = maker_.take();
  EXPECT_EQ(second.number, 9u);
  EXPECT_EQ(second.capacity, kCapacity);
  EXPECT_TRUE(second.file.is_open());
}

struct Failure {
  const char* name;
  size_t operation;
  uint64_t next_number;  // that the next attempt uses
};

class SegmentMakerFailureTest : public SegmentMakerTest,
                                public testing::WithParamInterface<Failure> {};

TEST_P(SegmentMakerFailureTest, SaysSoWaitsAndTriesAgain) {
  maker_.want(kNow, kWall, kMailId);
  const std::vector<Kind> kinds = run(GetParam().operation, Ending::no_space);
  EXPECT_FALSE(maker_.has_ready());
  EXPECT_TRUE(maker_.idle());
  ASSERT_TRUE(maker_.error().has_value());
  EXPECT_EQ(maker_.error()->code, core::Errc::no_space);
  if (GetParam().operation > 0) {
    // What was reserved is given back.
    EXPECT_EQ(kinds.back(), Kind::truncate);
    EXPECT_EQ(files_.cached().at(path_of(8)).size(), 0u);
  }

  EXPECT_EQ(maker_.retry_at(), kNow + SegmentMaker::kRetryAfter);
  maker_.want({maker_.retry_at().ns - 1}, kWall, kMailId);
  EXPECT_EQ(files_.pending(), 0u);
  maker_.want(maker_.retry_at(), kWall, kMailId);
  EXPECT_EQ(files_.pending(), 1u);
  EXPECT_TRUE(maker_.error().has_value());  // until there is a segment
  run();
  ASSERT_TRUE(maker_.has_ready());
  EXPECT_FALSE(maker_.error().has_value());
  EXPECT_EQ(maker_.take().number, GetParam().next_number);
  EXPECT_LE(files_.open_count(), 1u);
  EXPECT_THAT(files_.violations(), testing::IsEmpty());
}

// A file that is cut to nothing serves the next attempt, unless a sync of it has failed: another
// one may report success for what is gone.
constexpr Failure kFailures[] = {
    {"create", 0, 9}, {"allocate", 1, 8}, {"write_head", 2, 8}, {"sync", 3, 9}, {"sync_name", 4, 9},
};

INSTANTIATE_TEST_SUITE_P(Operations, SegmentMakerFailureTest, testing::ValuesIn(kFailures),
                         [](const auto& failure) { return std::string(failure.param.name); });

TEST_F(SegmentMakerTest, FullDiskLeavesOneEmptyFileHoweverLongItLasts) {
  Instant now = kNow;
  for (int i = 0; i < 100; ++i) {
    maker_.want(now, kWall, kMailId);
    const bool first = i == 0;
    run(first ? 1 : 0, Ending::no_space);
    now = maker_.retry_at();
  }
  EXPECT_EQ(files_.cached().size(), 1u);
  EXPECT_EQ(files_.open_count(), 1u);
  EXPECT_FALSE(maker_.empty());
  maker_.give_up();
  EXPECT_TRUE(maker_.empty());
  EXPECT_EQ(files_.open_count(), 0u);
}

// Where allocation promises no room, the zeros are what finds the disk full.
TEST_F(SegmentMakerTest, FillingThatFailsLeavesOneFileHoweverLongItLasts) {
  files_.bypass_cache();
  constexpr uint64_t kLarge = 3 * core::kWriteBytesMax;
  SegmentMaker maker(files_, "worker", 0, /*first=*/1, kLarge, kSalt);
  Instant now = kNow;
  for (int i = 0; i < 20; ++i) {
    maker.want(now, kWall, kMailId);
    for (int writes = 0; files_.pending() > 0;) {
      const bool fails = files_.operation(0).kind == Kind::write && ++writes == 2;
      files_.complete(0, fails ? Ending::no_space : Ending::good);
    }
    EXPECT_FALSE(maker.has_ready());
    now = maker.retry_at();
  }
  EXPECT_EQ(files_.cached().size(), 1u);
  maker.want(now, kWall, kMailId);
  size_t writes = 0;
  for (; files_.pending() > 0; files_.complete(0)) {
    writes += files_.operation(0).kind == Kind::write ? 1 : 0;
  }
  EXPECT_EQ(writes, 3u + 1u) << "all of it is filled";
  EXPECT_TRUE(maker.has_ready());
}

TEST_F(SegmentMakerTest, SetsTheLengthWhereNothingCanBeReserved) {
  maker_.want(kNow, kWall, kMailId);
  const std::vector<Kind> kinds = run(/*failing=*/1, Ending::not_supported);
  EXPECT_THAT(kinds, ElementsAre(Kind::create, Kind::allocate, Kind::truncate, Kind::write,
                                 Kind::sync, Kind::sync_directory));
  EXPECT_TRUE(maker_.has_ready());
  EXPECT_EQ(files_.cached().at(path_of(8)).size(), kCapacity);
}

TEST_F(SegmentMakerTest, WritesEachBlockOnceWhereWritesBypassThePageCache) {
  files_.bypass_cache();
  constexpr uint64_t kLarge = 2 * core::kWriteBytesMax + 3 * core::kBlockBytes + 5;
  SegmentMaker maker(files_, "worker", 0, /*first=*/1, kLarge, kSalt);
  maker.want(kNow, kWall, kMailId);
  std::vector<uint64_t> written;
  while (files_.pending() > 0) {
    const SimFile::Operation& operation = files_.operation(0);
    if (operation.kind == Kind::write) written.push_back(operation.offset);
    files_.complete(0);
  }
  EXPECT_TRUE(maker.has_ready());
  // Three pieces of zeros, then the head.
  EXPECT_THAT(written, ElementsAre(0, core::kWriteBytesMax, 2 * core::kWriteBytesMax, 0));
  EXPECT_THAT(files_.violations(), testing::IsEmpty());
  EXPECT_EQ(files_.cached().at(path_of(1)).size(), kLarge);
}

TEST_F(SegmentMakerTest, DoesNotFillOnWhileMailWaits) {
  files_.bypass_cache();
  SegmentMaker maker(files_, "worker", 0, /*first=*/1, 64 * core::kWriteBytesMax, kSalt);
  maker.want(kNow, kWall, kMailId);
  for (int i = 0; i < 4; ++i) files_.complete(0);
  maker.hurry();
  std::vector<Kind> kinds;
  for (; files_.pending() > 0; files_.complete(0)) kinds.push_back(files_.operation(0).kind);
  // The piece under way, the head, and what makes both stable.
  EXPECT_THAT(kinds, ElementsAre(Kind::write, Kind::write, Kind::sync, Kind::sync_directory));
  EXPECT_TRUE(maker.has_ready());
  // The next one is filled again.
  maker.take();
  maker.want(kNow, kWall, kMailId);
  size_t writes = 0;
  for (; files_.pending() > 0; files_.complete(0)) {
    writes += files_.operation(0).kind == Kind::write ? 1 : 0;
  }
  EXPECT_EQ(writes, 64u + 1u);
}

TEST_F(SegmentMakerTest, DoesNotFillASegmentThatNobodyWantsAnyMore) {
  files_.bypass_cache();
  SegmentMaker maker(files_, "worker", 0, /*first=*/1, 64 * core::kWriteBytesMax, kSalt);
  maker.want(kNow, kWall, kMailId);
  for (int i = 0; i < 4; ++i) files_.complete(0);
  maker.abandon();
  files_.complete(0);
  EXPECT_EQ(files_.operation(0).kind, Kind::truncate);
  files_.complete(0);
  EXPECT_EQ(files_.pending(), 0u);
  EXPECT_TRUE(maker.empty());
  EXPECT_EQ(files_.open_count(), 0u);
}

// A segment full of records gets a new head and a new name; nothing is allocated or filled.
TEST_F(SegmentMakerTest, UsesASegmentAgain) {
  const std::string free_path = "worker/" + free_file_name(3);
  SimFile files(1, {{free_path, std::vector<std::byte>(kCapacity, std::byte{0x55})}});
  SegmentMaker maker(files, "worker", 0, /*first=*/8, kCapacity, kSalt);
  EXPECT_TRUE(maker.recycle(3));
  maker.want(kNow, kWall, kMailId);
  std::vector<Kind> kinds;
  for (; files.pending() > 0; files.complete(0)) {
    kinds.push_back(files.operation(0).kind);
    // Until its head is stable it has no name that a reader looks at.
    EXPECT_EQ(files.cached().contains(path_of(8)), kinds.size() == 6);
  }
  EXPECT_THAT(kinds, ElementsAre(Kind::open, Kind::sync_directory, Kind::write, Kind::sync,
                                 Kind::rename, Kind::sync_directory));
  ASSERT_TRUE(maker.has_ready());
  const tests::FileContents after_cut = files.power_cut();
  ASSERT_EQ(after_cut.size(), 1u);
  const core::Octets octets(after_cut.at(path_of(8)));
  EXPECT_EQ(octets.size(), kCapacity);
  EXPECT_EQ(decode_segment_head(octets.first(kSegmentHeadBytes))->generation, 8u);
  EXPECT_EQ(octets[kSegmentHeadBytes], std::byte{0x55});
}

TEST_F(SegmentMakerTest, AFileThatCannotBeUsedAgainIsPassedOver) {
  const std::string free_path = "worker/" + free_file_name(3);
  SimFile files(1, {{free_path, std::vector<std::byte>(kCapacity, std::byte{0x55})}});
  SegmentMaker maker(files, "worker", 0, /*first=*/8, kCapacity, kSalt);
  EXPECT_TRUE(maker.recycle(3));
  maker.want(kNow, kWall, kMailId);
  files.complete(0, Ending::io_error);
  while (files.pending() > 0) files.complete(0);
  ASSERT_TRUE(maker.has_ready()) << "nobody waits because of it";
  EXPECT_EQ(maker.take().number, 8u);
  EXPECT_TRUE(files.cached().contains(free_path));
}

TEST_F(SegmentMakerTest, AHeadThatCannotBeWrittenToAFileIsTriedInAnotherOne) {
  SimFile files(1, {{"worker/" + free_file_name(3), std::vector<std::byte>(kCapacity)}});
  SegmentMaker maker(files, "worker", 0, /*first=*/8, kCapacity, kSalt);
  EXPECT_TRUE(maker.recycle(3));
  maker.want(kNow, kWall, kMailId);
  files.complete(0);
  files.complete(0);
  files.complete(0, Ending::io_error);
  EXPECT_FALSE(maker.has_ready());
  while (files.pending() > 0) files.complete(0);
  EXPECT_EQ(files.cached().at("worker/" + free_file_name(3)).size(), 0u) << "no free one any more";
  maker.want(maker.retry_at(), kWall, kMailId);
  while (files.pending() > 0) files.complete(0);
  EXPECT_TRUE(maker.has_ready());
}

TEST_F(SegmentMakerTest, OfFilesThatCannotBeOpenedTheNextIsTried) {
  SimFile files(1, {{"worker/" + free_file_name(3), std::vector<std::byte>(kCapacity)}});
  SegmentMaker maker(files, "worker", 0, /*first=*/8, kCapacity, kSalt);
  for (const uint64_t number : {3, 4, 5}) EXPECT_TRUE(maker.recycle(number));
  maker.want(kNow, kWall, kMailId);
  while (files.pending() > 0) files.complete(0);
  ASSERT_TRUE(maker.has_ready());
  EXPECT_EQ(files.cached().size(), 1u) << "no new one";
}

// Its old name was seen a moment before.
TEST_F(SegmentMakerTest, TheFileThatWasTakenLastIsNotTakenAgain) {
  SimFile files(1, {{"worker/" + free_file_name(3), std::vector<std::byte>(kCapacity)}});
  SegmentMaker maker(files, "worker", 0, /*first=*/8, kCapacity, kSalt);
  EXPECT_TRUE(maker.recycle(3));
  maker.want(kNow, kWall, kMailId);
  EXPECT_TRUE(maker.recycle(3));
  while (files.pending() > 0) files.complete(0);
  EXPECT_TRUE(maker.recycle(3));
  maker.take();
  maker.want(kNow, kWall, kMailId);
  EXPECT_EQ(files.operation(0).kind, Kind::create);
}

// Until a directory's sync the name that it had as a segment may come back, with all that was
// written to it.
TEST_F(SegmentMakerTest, NothingIsWrittenToAFileWhoseOldNameMayComeBack) {
  const std::string free_path = "worker/" + free_file_name(3);
  SimFile files(1, {{free_path, std::vector<std::byte>(kCapacity, std::byte{0x55})}});
  SegmentMaker maker(files, "worker", 0, /*first=*/8, kCapacity, kSalt);
  EXPECT_TRUE(maker.recycle(3));
  maker.want(kNow, kWall, kMailId);
  files.complete(0);
  ASSERT_EQ(files.operation(0).kind, Kind::sync_directory);
  files.complete(0, Ending::io_error);
  EXPECT_EQ(files.pending(), 0u);
  EXPECT_EQ(files.cached().at(free_path), std::vector<std::byte>(kCapacity, std::byte{0x55}));
}

TEST_F(SegmentMakerTest, AFileThatIsGivenTwiceIsUsedOnce) {
  for (size_t i = 0; i <= core::kFreeSegmentsMax; ++i) EXPECT_TRUE(maker_.recycle(3));
  maker_.want(kNow, kWall, kMailId);
  run();
  EXPECT_EQ(maker_.take().number, 8u);
  maker_.want(kNow, kWall, kMailId);
  EXPECT_EQ(run().front(), Kind::create);
}

TEST_F(SegmentMakerTest, AFileThatIsGoneIsAskedForOnce) {
  EXPECT_TRUE(maker_.recycle(3));
  maker_.want(kNow, kWall, kMailId);
  files_.complete(0, Ending::io_error);
  maker_.want(maker_.retry_at(), kWall, kMailId);
  run();
  EXPECT_TRUE(maker_.has_ready());
}

TEST_F(SegmentMakerTest, WhereThereIsNoFileToBeUsedAgainANewOneIsMade) {
  EXPECT_TRUE(maker_.recycle(3));
  maker_.want(kNow, kWall, kMailId);
  EXPECT_THAT(run(), ElementsAre(Kind::open, Kind::create, Kind::allocate, Kind::write, Kind::sync,
                                 Kind::sync_directory));
  EXPECT_TRUE(maker_.has_ready());
}

// --- a directory that somebody takes away --------------------------------------------------------

TEST_F(SegmentMakerTest, WithoutADirectoryItWaitsUntilItIsToldOfOne) {
  files_.remove_directory_now("worker");
  EXPECT_TRUE(maker_.recycle(3));
  maker_.want(kNow, kWall, kMailId);
  run();
  ASSERT_TRUE(maker_.error().has_value());
  EXPECT_EQ(maker_.error()->sys_errno, ENOENT);
  EXPECT_EQ(maker_.losses(), 1u);

  files_.make_directory_now("worker");
  const Instant later = maker_.retry_at();
  maker_.want(later, kWall, kMailId);
  EXPECT_EQ(files_.pending(), 0u) << "nobody said that it is ours";
  EXPECT_EQ(maker_.retry_at(), later + SegmentMaker::kRetryAfter);
  maker_.restore(/*loss=*/0, /*first=*/100);
  maker_.want(maker_.retry_at(), kWall, kMailId);
  EXPECT_EQ(files_.pending(), 0u) << "that was said before it was lost";

  maker_.restore(/*loss=*/1, /*first=*/100);
  maker_.want(later, kWall, kMailId);
  EXPECT_THAT(run(), ElementsAre(Kind::create, Kind::allocate, Kind::write, Kind::sync,
                                 Kind::sync_directory))
      << "at once, and with a new file";
  ASSERT_TRUE(maker_.has_ready());
  EXPECT_EQ(maker_.take().number, 100u);
}

// The directory goes between any two of the steps; there may be another one at once.
TEST_F(SegmentMakerTest, OffersNothingThatLostItsNameInTheMaking) {
  for (const bool replaced : {false, true}) {
    for (size_t steps = 1; steps < 5; ++steps) {
      SimFile files(1);
      SegmentMaker maker(files, "worker", 0, /*first=*/8, kCapacity, kSalt);
      maker.want(kNow, kWall, kMailId);
      for (size_t i = 0; i < steps; ++i) files.complete(0);
      files.remove_directory_now("worker");
      if (replaced) files.make_directory_now("worker");
      while (files.pending() > 0) files.complete(0);
      EXPECT_FALSE(maker.has_ready()) << steps;
      EXPECT_EQ(maker.losses(), 1u) << steps;
      EXPECT_EQ(files.open_count(), 0u) << steps;
    }
  }
}

// Another server may have found it, and given it another name, before it was needed here.
TEST_F(SegmentMakerTest, WhatLostItsNameBeforeItWasTakenIsLeftAlone) {
  maker_.want(kNow, kWall, kMailId);
  run();
  ASSERT_TRUE(maker_.check_ready());
  files_.rename_now(path_of(8), "worker/" + free_file_name(8));
  EXPECT_FALSE(maker_.check_ready());
  EXPECT_FALSE(maker_.has_ready());
  EXPECT_EQ(maker_.losses(), 1u);
  EXPECT_EQ(files_.pending(), 0u);
  EXPECT_EQ(files_.cached().at("worker/" + free_file_name(8)).size(), kCapacity);
}

TEST_F(SegmentMakerTest, ForgetsWhatItHadMadeWhenTheDirectoryIsLost) {
  maker_.want(kNow, kWall, kMailId);
  run();
  EXPECT_TRUE(maker_.recycle(3));
  maker_.lose({core::Errc::io, ESTALE, "test"});
  EXPECT_FALSE(maker_.has_ready());
  EXPECT_EQ(maker_.error()->sys_errno, ESTALE);
  EXPECT_THAT(run(), testing::IsEmpty()) << "whoever has the directory now may have the file too";
  EXPECT_TRUE(maker_.empty());
  EXPECT_EQ(files_.open_count(), 0u);
  maker_.restore(/*loss=*/1, /*first=*/1);
  maker_.want(maker_.retry_at(), kWall, kMailId);
  EXPECT_EQ(run().front(), Kind::create) << "not the one that was to be used again";
  EXPECT_EQ(maker_.take().number, 9u);
}

TEST_F(SegmentMakerTest, KeepsAFewSegmentsToUseAgain) {
  for (uint64_t number = 1; number <= core::kFreeSegmentsMax; ++number) {
    EXPECT_TRUE(maker_.recycle(number));
  }
  EXPECT_FALSE(maker_.recycle(99));
}

TEST_F(SegmentMakerTest, NeverWritesToAFileThatIsThere) {
  SimFile files(1, {{path_of(1), std::vector<std::byte>(5)}});
  SegmentMaker maker(files, "worker", 0, /*first=*/1, kCapacity, kSalt);
  maker.want(kNow, kWall, kMailId);
  files.complete(0);
  EXPECT_EQ(files.pending(), 0u);
  ASSERT_TRUE(maker.error().has_value());
  EXPECT_EQ(files.cached().at(path_of(1)).size(), 5u);
}

}  // namespace
}  // namespace mailrace::spool
