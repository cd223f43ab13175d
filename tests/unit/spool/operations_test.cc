// SPDX-License-Identifier: GPL-3.0-or-later
// The operations log: what holds for a mail, and what a crash or a bad disk leaves of it.
#include "spool/operations.h"

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
