// SPDX-License-Identifier: GPL-3.0-or-later
#include "spool/mail_id_floor.h"

#include "spool/observed_writer.h"
#include "spool/recovery.h"
#include "spool/segment_files.h"
#include "spool/segment_tracker.h"
#include "tests/sim/sim_file.h"
#include "tests/support/memory_disk.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;

const std::string kSpool = "/spool";
const std::string kWorker = "/spool/worker-0003";

MemoryDisk disk_with_worker() {
  MemoryDisk disk;
  disk.directories.insert(kSpool);
  disk.directories.insert(kWorker);
  return disk;
}

TEST(MailIdFloorTest, IsZeroWhereNothingWasTakenAway) {
  MemoryDisk disk = disk_with_worker();
  EXPECT_EQ(read_mail_id_floor(disk, kSpool, 3).value_or(1), 0u);
}

TEST(MailIdFloorTest, SaysWhatWasWrittenLast) {
  MemoryDisk disk = disk_with_worker();
  for (const uint64_t id : {uint64_t{900}, uint64_t{1} << 63, uint64_t{7}}) {
    ASSERT_TRUE(write_mail_id_floor(disk, kSpool, 3, id));
    EXPECT_EQ(read_mail_id_floor(disk, kSpool, 3).value_or(0), id);
  }
  EXPECT_EQ(disk.files.size(), 1u);
  EXPECT_EQ(disk.open_count, 0u);
}

TEST(MailIdFloorTest, WhatACrashLeftBesideItIsInNobodysWay) {
  MemoryDisk disk = disk_with_worker();
  disk.files[mail_id_floor_path(kSpool, 3) + ".new"].resize(5);
  ASSERT_TRUE(write_mail_id_floor(disk, kSpool, 3, 900));
  EXPECT_EQ(read_mail_id_floor(disk, kSpool, 3).value_or(0), 900u);
  EXPECT_EQ(disk.files.size(), 1u);
}

TEST(MailIdFloorTest, WhatDoesNotCheckIsRefused) {
  MemoryDisk disk = disk_with_worker();
  ASSERT_TRUE(write_mail_id_floor(disk, kSpool, 3, 900));
  const auto whole = disk.files[mail_id_floor_path(kSpool, 3)];
  auto& octets = disk.files[mail_id_floor_path(kSpool, 3)];
  for (size_t i = 0; i < whole.size(); ++i) {
    octets = whole;
    octets[i] ^= std::byte{0x10};
    EXPECT_FALSE(read_mail_id_floor(disk, kSpool, 3)) << i;
    octets.assign(whole.begin(), whole.begin() + ptrdiff_t(i));
    EXPECT_FALSE(read_mail_id_floor(disk, kSpool, 3)) << i;
  }
  const auto recovery = recover(disk, kSpool);
  ASSERT_TRUE(recovery);
  EXPECT_EQ(recovery->findings_count, 1u);
  EXPECT_EQ(recovery->findings[0].file, mail_id_floor_path(kSpool, 3));
}

TEST(MailIdFloorTest, RecoveryGivesOutNoIdUpToIt) {
  MemoryDisk disk = disk_with_worker();
  ASSERT_TRUE(write_mail_id_floor(disk, kSpool, 3, 900));
  const auto recovery = recover(disk, kSpool);
  ASSERT_TRUE(recovery);
  ASSERT_EQ(recovery->workers.size(), 1u);
  EXPECT_EQ(recovery->workers[0].last_mail_id, 900u);
  EXPECT_EQ(recovery->workers[0].mail_id_floor, 900u);
}

// The segment is not even there: what counts is that its ids are known before it goes.
TEST(MailIdFloorTest, IsStableBeforeASegmentIsTakenAway) {
  MemoryDisk disk = disk_with_worker();
  tests::SimFile files(1);
  WriterWatch watch;
  WriterWatch other;
  SpoolOptions options{.directory = kWorker, .worker = 3, .last_mail_id = 4096};
  const ObservedWriter writer(files, options, {}, watch);
  SegmentTracker tracker(disk, kSpool, 1 << 20, {&other, &other, &other, &watch});
  EXPECT_FALSE(tracker.take_away({.worker = 3, .number = 1}));
  EXPECT_EQ(read_mail_id_floor(disk, kSpool, 3).value_or(0), 4096u);
}

}  // namespace
}  // namespace mailrace::spool
