// SPDX-License-Identifier: GPL-3.0-or-later
// The operations log: what holds for a mail, and what a crash or a bad disk leaves of it.
#include "spool/operations.h"

#include "core/base/limits.h"
#include "spool/segment.h"
#include "tests/support/memory_disk.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;

constexpr size_t kHeadBytes = 64;
const std::string kPath = "/spool/operations.log";

Operation operation(OperationKind kind, uint64_t mail_id) { return {kind, 2, mail_id, {9}, 4, 5}; }

/// Holds mails 1, 2 and 3, and releases 2.
void write_four(MemoryDisk& disk) {
  Operations log(disk, "/spool");
  ASSERT_TRUE(log.append(operation(OperationKind::hold, 1)));
  ASSERT_TRUE(log.append(operation(OperationKind::hold, 2)));
  ASSERT_TRUE(log.append(operation(OperationKind::hold, 3)));
  ASSERT_TRUE(log.append(operation(OperationKind::release, 2)));
}

TEST(OperationsTest, NoFileSaysNothing) {
  MemoryDisk disk;
  Operations log(disk, "/spool");
  ASSERT_TRUE(log.refresh());
  EXPECT_FALSE(log.of(1).held);
  EXPECT_TRUE(log.marks().empty());
}

TEST(OperationsTest, TheLastWordHoldsButForDelete) {
  MemoryDisk disk;
  write_four(disk);
  Operations log(disk, "/spool");
  ASSERT_TRUE(log.append(operation(OperationKind::remove, 3)));
  ASSERT_TRUE(log.append(operation(OperationKind::release, 3)));
  EXPECT_TRUE(log.of(1).held);
  EXPECT_EQ(log.of(1).worker, 2u);
  EXPECT_EQ(log.of(1).first_segment, 4u);
  EXPECT_EQ(log.of(1).last_segment, 5u);
  EXPECT_FALSE(log.of(2).held);
  EXPECT_TRUE(log.of(3).deleted);
  EXPECT_EQ(log.damages(), 0u);
  EXPECT_EQ(disk.open_count, 0u);
}

TEST(OperationsTest, WhatIsAppendedIsSeenByThoseWhoHaveItOpen) {
  MemoryDisk disk;
  Operations reader(disk, "/spool");
  ASSERT_TRUE(reader.refresh());
  write_four(disk);
  EXPECT_FALSE(reader.of(1).held);
  ASSERT_TRUE(reader.refresh());
  EXPECT_TRUE(reader.of(1).held);
  disk.files.erase(kPath);
  ASSERT_TRUE(reader.refresh());
  EXPECT_FALSE(reader.of(1).held);
}

TEST(OperationsTest, ATornRecordAtTheEndIsNone) {
  MemoryDisk whole;
  write_four(whole);
  for (size_t bytes = 0; bytes < whole.files[kPath].size(); ++bytes) {
    MemoryDisk disk;
    disk.files[kPath] = {whole.files[kPath].begin(), whole.files[kPath].begin() + ptrdiff_t(bytes)};
    Operations log(disk, "/spool");
    ASSERT_TRUE(log.refresh()) << bytes;
    EXPECT_EQ(log.damages(), 0u);
    const size_t records = bytes < kHeadBytes ? 0 : (bytes - kHeadBytes) / kOperationBytes;
    EXPECT_EQ(log.of(1).held, records >= 1) << bytes;
    EXPECT_EQ(log.of(3).held, records >= 3) << bytes;
    // The next record takes its place.
    ASSERT_TRUE(log.append(operation(OperationKind::hold, 9))) << bytes;
    EXPECT_EQ(disk.files[kPath].size(), kHeadBytes + (records + 1) * kOperationBytes);
    Operations again(disk, "/spool");
    ASSERT_TRUE(again.refresh());
    EXPECT_TRUE(again.of(9).held);
    EXPECT_EQ(again.damages(), 0u);
  }
}

TEST(OperationsTest, ABadRecordWithAGoodOneBehindItIsDamage) {
  for (size_t i = 0; i < 3 * kOperationBytes; ++i) {
    MemoryDisk disk;
    write_four(disk);
    disk.files[kPath][kHeadBytes + i] ^= std::byte{4};
    Operations log(disk, "/spool");
    ASSERT_TRUE(log.refresh());
    EXPECT_EQ(log.damages(), 1u) << i;
    EXPECT_EQ(log.marks().size(), i / kOperationBytes == 1 ? 3u : 2u) << i;
  }
}

/// A log of as many records as it may have: of mails 0, 1, 2, each in a segment of its number.
std::vector<std::byte> full_log(MemoryDisk& disk) {
  write_four(disk);
  std::vector<std::byte> octets = disk.files[kPath];
  octets.resize(kHeadBytes + core::kOperationsMax * kOperationBytes);
  for (uint64_t i = 0; i < core::kOperationsMax; ++i) {
    const auto kind = i % 2 == 0 ? OperationKind::hold : OperationKind::remove;
    encode_operation(octets.data() + kHeadBytes + i * kOperationBytes, {kind, 2, i, {9}, i, i}, i);
  }
  return octets;
}

TEST(OperationsTest, AFullLogForgetsMailsThatAreGone) {
  MemoryDisk disk;
  disk.files[kPath] = full_log(disk);
  for (const uint64_t number : {100, 101, 5000}) {
    disk.files["/spool/worker-0002/" + segment_file_name(number)] = {};
  }
  disk.files[kPath + ".new"].resize(17);  // left by a crash
  Operations reader(disk, "/spool");
  ASSERT_TRUE(reader.refresh());
  EXPECT_TRUE(reader.of(50).held);

  Operations log(disk, "/spool");
  ASSERT_TRUE(log.append({OperationKind::hold, 2, 101, {9}, 101, 101}));
  EXPECT_EQ(disk.files.size(), 4u) << "nothing is left behind";
  EXPECT_EQ(disk.files[kPath].size(), kHeadBytes + 4 * kOperationBytes);
  for (Operations* const one : {&log, &reader}) {
    ASSERT_TRUE(one->refresh());
    EXPECT_EQ(one->marks().size(), 3u);
    EXPECT_TRUE(one->of(100).held);
    EXPECT_FALSE(one->of(100).deleted);
    EXPECT_TRUE(one->of(101).held);
    EXPECT_TRUE(one->of(101).deleted);
    EXPECT_EQ(one->of(5000).first_segment, 5000u);
    EXPECT_EQ(one->of(5000).worker, 2u);
    EXPECT_EQ(one->damages(), 0u);
  }
  EXPECT_EQ(disk.open_count, 0u);
}

// Also one whose length says nothing: as much was appended to the new log as was read of the old.
TEST(OperationsTest, ALogThatWasWrittenAnewIsReadAnew) {
  MemoryDisk disk;
  const std::vector<std::byte> full = full_log(disk);
  disk.directories.insert("/spool/worker-0002");
  Operations reader(disk, "/spool");
  ASSERT_TRUE(reader.refresh());
  EXPECT_TRUE(reader.of(1).held);
  disk.files[kPath] = full;
  Operations log(disk, "/spool");
  for (uint64_t id = 6; id < 11; ++id) ASSERT_TRUE(log.append(operation(OperationKind::hold, id)));
  ASSERT_TRUE(reader.refresh());
  EXPECT_EQ(reader.marks().size(), 5u);
  EXPECT_FALSE(reader.of(1).held);
}

TEST(OperationsTest, AFullLogOfMailsThatAreThereTakesNoMore) {
  MemoryDisk disk;
  disk.files[kPath] = full_log(disk);  // of a worker whose directory cannot be listed
  Operations log(disk, "/spool");
  const auto appended = log.append(operation(OperationKind::hold, 3));
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, core::Errc::busy);
  EXPECT_EQ(log.marks().size(), core::kOperationsMax);
}

TEST(OperationsTest, AFullLogWithABadRecordIsLeftAsItIs) {
  MemoryDisk disk;
  disk.files[kPath] = full_log(disk);
  disk.directories.insert("/spool/worker-0002");
  disk.files[kPath][kHeadBytes + 7] ^= std::byte{1};
  const auto before = disk.files[kPath];
  Operations log(disk, "/spool");
  EXPECT_FALSE(log.append(operation(OperationKind::hold, 3)));
  EXPECT_EQ(disk.files[kPath], before);
}

TEST(OperationsTest, AHeadOfZerosWithMoreBehindItIsDamage) {
  MemoryDisk disk;
  write_four(disk);
  std::fill_n(disk.files[kPath].begin(), kHeadBytes, std::byte{0});
  Operations log(disk, "/spool");
  EXPECT_FALSE(log.refresh());
  EXPECT_FALSE(log.append(operation(OperationKind::hold, 9)));
  disk.files[kPath].assign(kHeadBytes + kOperationBytes, std::byte{0});  // a crash while it is made
  EXPECT_TRUE(log.append(operation(OperationKind::hold, 9)));
}

TEST(OperationsTest, AStrangersFileIsNotTouched) {
  MemoryDisk disk;
  disk.files[kPath] = std::vector<std::byte>(200, std::byte{'x'});
  const auto before = disk.files[kPath];
  Operations log(disk, "/spool");
  EXPECT_FALSE(log.refresh());
  EXPECT_FALSE(log.append(operation(OperationKind::hold, 1)));
  EXPECT_EQ(disk.files[kPath], before);
}

}  // namespace
}  // namespace mailrace::spool
