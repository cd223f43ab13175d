// SPDX-License-Identifier: GPL-3.0-or-later
// Recovery cuts what a crash left, and only that.
#include "spool/recovery.h"

#include "core/base/crc32c.h"
#include "core/base/limits.h"
#include "spool/segment.h"
#include "tests/support/memory_disk.h"
#include "tests/support/segment_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;
using tests::SegmentBuilder;

std::string path_of(uint64_t number, uint32_t worker = 0) {
  return segment_path("/spool", worker, number);
}

SegmentBuilder two_mails(uint64_t generation) {
  SegmentBuilder segment(generation);
  segment.add_mail({.mail_id = 10 * generation, .data = "first"});
  segment.add_mail({.mail_id = 10 * generation + 1, .data = "second mail"});
  return segment;
}

TEST(RecoveryTest, AnEmptySpoolHasNothingToRecover) {
  MemoryDisk disk;
  disk.directories.insert("/spool");
  const auto recovery = recover(disk, "/spool");
  ASSERT_TRUE(recovery);
  EXPECT_TRUE(recovery->workers.empty());
  EXPECT_FALSE(recover(disk, "/nowhere"));
}

// To go on from the first segment and the first mail id would be worse than not to start.
TEST(RecoveryTest, ADirectoryThatCannotBeListedIsNoEmptyOne) {
  constexpr std::pair<int, int> kFailing[] = {{1, 1}, {1, 9}, {2, 9}};  // looks, first and last
  for (const auto& [first, last] : kFailing) {
    MemoryDisk disk;
    disk.files[path_of(7)] = two_mails(7).octets();
    int looks = 0;
    disk.before_list = [&](const std::string& path) {
      if (path != "/spool/worker-0000") return 0;
      ++looks;
      return first <= looks && looks <= last ? -EMFILE : 0;
    };
    const auto recovery = recover_worker(disk, "/spool", 0);
    ASSERT_FALSE(recovery);
    EXPECT_EQ(recovery.error().sys_errno, EMFILE);
  }
}

TEST(RecoveryTest, TellsAWriterWhereToGoOn) {
  MemoryDisk disk;
  SegmentBuilder last = two_mails(7);
  last.add_envelope({.mail_id = 900, .data = ""});  // never accepted, but its number is used
  last.add_seal();
  disk.files[path_of(3)] = two_mails(3).octets();
  disk.files[path_of(7)] = last.octets();
  disk.files[path_of(0x2a, 5)] = two_mails(0x2a).octets();
  disk.directories.insert("/spool/worker-0006");
  const auto recovery = recover(disk, "/spool");
  ASSERT_TRUE(recovery);
  ASSERT_EQ(recovery->workers.size(), 3u);
  EXPECT_EQ(recovery->workers[0].worker, 0u);
  EXPECT_EQ(recovery->workers[0].next_segment, 8u);
  EXPECT_EQ(recovery->workers[0].last_mail_id, 900u);
  EXPECT_EQ(recovery->workers[0].mails, 4u);
  EXPECT_EQ(recovery->workers[0].octets, 32u);
  EXPECT_EQ(recovery->workers[1].worker, 5u);
  EXPECT_EQ(recovery->workers[1].next_segment, 0x2bu);
  EXPECT_EQ(recovery->workers[2].next_segment, 1u);
  EXPECT_EQ(recovery->findings_count, 0u);
  EXPECT_EQ(recovery->tails_cut, 0u);
  EXPECT_EQ(disk.open_count, 0u);
}

// Of a server that was killed, and whose last writes were not synced yet.
TEST(RecoveryTest, WhatWasWrittenToLastIsStableBeforeAnythingIsWrittenBehindIt) {
  for (const bool has_seal : {true, false}) {
    MemoryDisk disk;
    SegmentBuilder last = two_mails(2);
    if (has_seal) last.add_seal();
    disk.files[path_of(1)] = two_mails(1).octets();
    disk.files[path_of(2)] = last.octets();
    disk.files[path_of(3)] = {};
    ASSERT_TRUE(recover(disk, "/spool"));
    EXPECT_EQ(disk.synced, std::set<std::string>{path_of(2)});
    EXPECT_EQ(disk.open_count, 0u);
  }
}

TEST(RecoveryTest, CutsATornTailAtEveryOctetToTheValidPrefix) {
  const SegmentBuilder segment = two_mails(1);
  const uint64_t last = segment.offsets().back();
  constexpr uint64_t kReservedBytes = 3;  // at the end of an end record; zeros like what follows
  for (uint64_t size = last; size < segment.end() - kReservedBytes; ++size) {
    MemoryDisk disk;
    auto& octets = disk.files[path_of(1)];
    octets = segment.octets();
    octets.resize(size);
    octets.resize(segment.end() + 65536);
    const auto recovery = recover(disk, "/spool");
    ASSERT_TRUE(recovery);
    EXPECT_EQ(recovery->findings_count, 0u);
    EXPECT_EQ(recovery->workers[0].mails, 1u) << size;
    EXPECT_EQ(recovery->tails_cut, 1u);
    EXPECT_EQ(octets.size(), last);
    const auto again = recover(disk, "/spool");
    EXPECT_EQ(again->tails_cut, 0u);
    EXPECT_EQ(again->workers[0].mails, 1u);
  }
}

TEST(RecoveryTest, NeverCutsWhatHasWholeRecordsBehindIt) {
  const SegmentBuilder segment = two_mails(1);
  for (size_t bad = 0; bad + 1 < segment.offsets().size(); ++bad) {
    MemoryDisk disk;
    auto octets = segment.octets();
    octets[segment.offsets()[bad] + 1] ^= std::byte{1};
    octets.resize(octets.size() + 4096);
    disk.files[path_of(1)] = octets;
    const auto recovery = recover(disk, "/spool");
    ASSERT_TRUE(recovery);
    EXPECT_GE(recovery->findings_count, 1u);
    EXPECT_EQ(recovery->findings[0].file, path_of(1));
    EXPECT_EQ(recovery->findings[0].offset, segment.offsets()[bad]);
    EXPECT_EQ(recovery->workers[0].mails, 1u);
    EXPECT_TRUE(disk.files[path_of(1)] == octets);
  }
}

// As a writer leaves it: the three mails are one write, whose mark says where it began. When there
// was a next segment they had all been acknowledged; in the last one nobody knows.
TEST(RecoveryTest, NeverCutsWholeRecordsOfASegmentThatWasLeft) {
  for (const bool was_left : {true, false}) {
    SegmentBuilder segment(1);
    segment.add_mail({.mail_id = 7, .data = "data"});
    segment.add_mark(0);
    const uint64_t begin = segment.end();
    for (uint64_t mail = 1; mail <= 3; ++mail) segment.add_mail({.mail_id = mail, .data = "data"});
    segment.add_mark(begin);
    auto octets = segment.octets();
    octets[begin + core::kRecordHeaderBytes] ^= std::byte{1};  // of the first one's envelope
    MemoryDisk disk;
    disk.files[path_of(1)] = octets;
    SegmentBuilder next(2);
    if (was_left) next.add_mail({.mail_id = 4, .data = "data"});
    next.allocate(65536);
    disk.files[path_of(2)] = next.octets();
    const auto recovery = recover(disk, "/spool");
    ASSERT_TRUE(recovery);
    EXPECT_EQ(recovery->findings_count > 0, was_left);
    EXPECT_EQ(disk.files[path_of(1)].size(), was_left ? octets.size() : begin);
    EXPECT_EQ(recovery->workers[0].mails, was_left ? 4u : 1u);
  }
}

// However many zeros stand between: a reader of a live spool stops looking, recovery does not.
TEST(RecoveryTest, FindsRecordsBehindManyZeros) {
  SegmentBuilder segment = two_mails(1);
  const uint64_t hole = segment.end();
  const std::string data(core::kRecordBodyBytesMax, 'x');
  for (uint64_t bytes = 0; bytes <= core::kReaderSearchZerosMax; bytes += data.size()) {
    segment.add_data(99, data);
  }
  segment.add_data(99, "whole");
  MemoryDisk disk;
  auto octets = segment.octets();
  std::fill(octets.begin() + ptrdiff_t(hole), octets.begin() + ptrdiff_t(segment.offsets().back()),
            std::byte{0});
  disk.files[path_of(1)] = octets;
  const auto recovery = recover(disk, "/spool");
  EXPECT_EQ(recovery->tails_cut, 0u);
  EXPECT_EQ(recovery->findings_count, 1u);
  EXPECT_EQ(disk.files[path_of(1)].size(), octets.size());
}

// While a segment was neither sealed nor cut, nothing was written to the next one: it was only made
// ahead, and its zeros need not be read. Where the one before was left, they are.
TEST(RecoveryTest, DoesNotSearchASegmentThatWasOnlyMadeAhead) {
  for (const bool left : {false, true}) {
    MemoryDisk disk;
    SegmentBuilder tail = two_mails(1);
    tail.allocate(left ? tail.end() : 1 << 20);  // its capacity
    disk.files[path_of(1)] = tail.octets();
    SegmentBuilder ahead(2);
    for (int i = 0; i < 2; ++i) ahead.add_data(1, std::string(core::kReaderBufferBytes, 'x'));
    ahead.add_mail({.mail_id = 20, .data = "far behind"});
    auto octets = ahead.octets();
    std::fill(octets.begin() + kSegmentHeadBytes,
              octets.begin() + std::ptrdiff_t(ahead.offsets()[2]), std::byte{0});
    disk.files[path_of(2)] = octets;
    const auto recovery = recover(disk, "/spool");
    ASSERT_TRUE(recovery);
    EXPECT_EQ(recovery->segments_removed, left ? 0u : 1u);
    EXPECT_EQ(disk.files.contains(path_of(2)), left);
    EXPECT_EQ(recovery->workers[0].next_segment, 3u);
  }
}

// A server goes on to the next one also where it could not cut the one before.
// The seal of the first and the first octets of the second one are lost: neighbours on a disk.
TEST(RecoveryTest, SearchesItsStartForTheSealOfTheOneBeforeMayBeLost) {
  MemoryDisk disk;
  SegmentBuilder tail = two_mails(1);
  tail.allocate(1 << 20);  // its capacity
  disk.files[path_of(1)] = tail.octets();
  auto octets = two_mails(2).octets();
  std::fill_n(octets.begin() + kSegmentHeadBytes, core::kRecordHeaderBytes, std::byte{0});
  disk.files[path_of(2)] = octets;
  const auto recovery = recover(disk, "/spool");
  ASSERT_TRUE(recovery);
  EXPECT_EQ(recovery->segments_removed, 0u);
  EXPECT_TRUE(disk.files[path_of(2)] == octets);
  EXPECT_EQ(recovery->workers[0].mails, 3u);
  EXPECT_GT(recovery->findings_count, 0u);
}

TEST(RecoveryTest, SearchesASegmentBehindOneThatWasNotCutUnlessItsStartIsOfNoRecord) {
  MemoryDisk disk;
  SegmentBuilder tail = two_mails(1);
  tail.allocate(1 << 20);  // its capacity
  disk.files[path_of(1)] = tail.octets();
  auto octets = two_mails(2).octets();
  octets[kSegmentHeadBytes + 9] ^= std::byte{1};
  disk.files[path_of(2)] = octets;
  const auto recovery = recover(disk, "/spool");
  ASSERT_TRUE(recovery);
  EXPECT_EQ(recovery->segments_removed, 0u);
  EXPECT_EQ(disk.files[path_of(2)], octets);
  EXPECT_EQ(recovery->workers[0].mails, 3u);
  EXPECT_GT(recovery->findings_count, 0u);
}

TEST(RecoveryTest, RemovesSegmentsWithoutAnyRecord) {
  MemoryDisk disk;
  disk.files[path_of(1)] = two_mails(1).octets();
  disk.files[path_of(2)] = {};
  disk.files[path_of(3)] = std::vector<std::byte>(100'000);
  SegmentBuilder fresh(4);
  fresh.allocate(100'000);
  disk.files[path_of(4)] = fresh.octets();
  SegmentBuilder torn(5);
  torn.add_data(1, "torn");
  auto octets = torn.octets();
  octets.resize(octets.size() - 9);
  disk.files[path_of(5)] = octets;
  const auto recovery = recover(disk, "/spool");
  EXPECT_EQ(recovery->segments_removed, 4u);
  EXPECT_EQ(recovery->findings_count, 0u);
  EXPECT_EQ(disk.files.size(), 1u);
  EXPECT_EQ(recovery->workers[0].next_segment, 6u);  // a number is never used twice
}

// No crash leaves that: a segment has its head before the first record is written. With the only
// head the salt is lost, so no record checks.
TEST(RecoveryTest, NeverRemovesASegmentWhoseHeadWasWiped) {
  MemoryDisk disk;
  SegmentBuilder segment(1, 0, /*salt=*/7);
  segment.add_mail({.mail_id = 1, .data = "one"});
  segment.add_mark(segment.end());
  segment.allocate(1 << 20);
  auto octets = segment.octets();
  std::fill_n(octets.begin(), 72, std::byte{0});
  disk.files[path_of(1)] = octets;
  const auto recovery = recover(disk, "/spool");
  ASSERT_TRUE(recovery);
  EXPECT_EQ(recovery->segments_removed, 0u);
  EXPECT_TRUE(disk.files.contains(path_of(1)) && disk.files[path_of(1)] == octets);
  ASSERT_EQ(recovery->findings_count, 2u);
  EXPECT_EQ(recovery->findings[0].offset, kSegmentHeadBytes);
  EXPECT_EQ(recovery->findings[1].offset, 0u);
  EXPECT_EQ(std::string(recovery->findings[1].what), "segment.head");
  EXPECT_EQ(recovery->workers[0].next_segment, 2u);
}

// A segment that was cut has nothing but records in it: zeros at its end were some.
TEST(RecoveryTest, NeverCutsASegmentThatWasCutBeforeAndLeft) {
  MemoryDisk disk;
  SegmentBuilder segment = two_mails(1);
  auto octets = segment.octets();
  std::fill(octets.begin() + std::ptrdiff_t(segment.offsets()[3]), octets.end(), std::byte{0});
  disk.files[path_of(1)] = octets;
  disk.files[path_of(2)] = two_mails(2).octets();
  const auto recovery = recover(disk, "/spool");
  ASSERT_TRUE(recovery);
  EXPECT_TRUE(disk.files[path_of(1)] == octets);
  ASSERT_EQ(recovery->findings_count, 1u);
  EXPECT_EQ(recovery->findings[0].file, path_of(1));
  EXPECT_EQ(recovery->findings[0].offset, segment.offsets()[3]);
}

// Their names keep numbers from being used twice, even when nothing else is left.
TEST(RecoveryTest, FindsSegmentsThatWaitToBeUsedAgain) {
  MemoryDisk disk;
  disk.files["/spool/worker-0000/" + free_file_name(9)] = two_mails(9).octets();
  disk.files["/spool/worker-0000/strange.free"] = {};
  const auto recovery = recover(disk, "/spool");
  ASSERT_EQ(recovery->workers.size(), 1u);
  EXPECT_EQ(recovery->workers[0].next_segment, 10u);
  EXPECT_EQ(recovery->workers[0].mails, 0u);
  ASSERT_EQ(recovery->workers[0].free_segments.size(), 1u);
  EXPECT_EQ(recovery->workers[0].free_segments[0].number, 9u);
  EXPECT_EQ(recovery->workers[0].free_segments[0].bytes, two_mails(9).octets().size());
  EXPECT_EQ(disk.open_count, 0u);
}

TEST(RecoveryTest, KeepsAWholeSegmentWithoutRecordsForTheNextUse) {
  MemoryDisk disk;
  SegmentBuilder ahead(3);
  ahead.allocate(1 << 20);  // its capacity
  disk.files[path_of(3)] = ahead.octets();
  const auto recovery = recover(disk, "/spool");
  EXPECT_EQ(recovery->segments_removed, 0u);
  EXPECT_EQ(recovery->segments_kept, 1u);
  EXPECT_FALSE(disk.files.contains(path_of(3)));
  EXPECT_TRUE(disk.files.contains("/spool/worker-0000/" + free_file_name(3)));
  ASSERT_EQ(recovery->workers[0].free_segments.size(), 1u);
  EXPECT_EQ(recovery->workers[0].free_segments[0].bytes, 1u << 20);
  EXPECT_EQ(recovery->workers[0].next_segment, 4u);
}

TEST(RecoveryTest, CutsWhatIsAllocatedBehindASeal) {
  SegmentBuilder segment = two_mails(1);
  segment.add_seal();
  const uint64_t end = segment.end();
  segment.allocate(65536);
  MemoryDisk disk;
  disk.files[path_of(1)] = segment.octets();
  EXPECT_EQ(recover(disk, "/spool")->tails_cut, 1u);
  EXPECT_EQ(disk.files[path_of(1)].size(), end);
}

TEST(RecoveryTest, LeavesATailThatCannotBeRead) {
  SegmentBuilder segment = two_mails(1);
  segment.allocate(65536);
  MemoryDisk disk;
  disk.files[path_of(1)] = segment.octets();
  disk.unreadable_from = 16384;
  const auto recovery = recover(disk, "/spool");
  EXPECT_EQ(recovery->workers[0].mails, 2u);
  EXPECT_EQ(recovery->tails_cut, 0u);
  EXPECT_GE(recovery->findings_count, 1u);
  EXPECT_EQ(disk.files[path_of(1)].size(), 65536u);
}

TEST(RecoveryTest, LeavesAFormatVersionThatIsNotOurs) {
  SegmentBuilder segment = two_mails(1);
  auto octets = segment.octets();
  core::store_le(octets.data() + 8, uint32_t{kSegmentVersion + 1});
  const uint32_t crc = core::crc32c(0, core::Octets(octets).first(60));
  core::store_le(octets.data() + 60, core::crc32c(crc, core::Octets(octets).subspan(64, 8)));
  MemoryDisk disk;
  disk.files[path_of(1)] = octets;
  const auto recovery = recover(disk, "/spool");
  EXPECT_EQ(recovery->workers[0].mails, 0u);
  ASSERT_EQ(recovery->findings_count, 1u);
  EXPECT_EQ(std::string(recovery->findings[0].what), "segment.version");
  EXPECT_TRUE(disk.files[path_of(1)] == octets);
}

TEST(RecoveryTest, DamageOfOneSegmentStopsNothing) {
  MemoryDisk disk;
  for (uint64_t number = 1; number <= 3; ++number) {
    disk.files[path_of(number)] = two_mails(number).octets();
  }
  std::fill(disk.files[path_of(2)].begin(), disk.files[path_of(2)].end(), std::byte{0x5a});
  const auto recovery = recover(disk, "/spool");
  EXPECT_EQ(recovery->workers[0].mails, 4u);
  EXPECT_EQ(recovery->findings_count, 2u);  // the head, and all behind it
  EXPECT_EQ(disk.files.size(), 3u);
}

TEST(RecoveryTest, CountsFindingsBeyondThoseItKeeps) {
  SegmentBuilder segment(1);
  for (uint64_t id = 0; id < core::kFindingsMax + 10; ++id) segment.add_end(id, 1, 1);
  MemoryDisk disk;
  disk.files[path_of(1)] = segment.octets();
  const auto recovery = recover(disk, "/spool");
  EXPECT_EQ(recovery->findings.size(), core::kFindingsMax);
  EXPECT_EQ(recovery->findings_count, core::kFindingsMax + 10);
}

}  // namespace
}  // namespace mailrace::spool
