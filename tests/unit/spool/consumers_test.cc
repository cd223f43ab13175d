// SPDX-License-Identifier: GPL-3.0-or-later
// Cursor files: who has one, and which of its two states holds.
#include "spool/consumers.h"

#include "core/base/limits.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/memory_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;

const std::string kPath = cursor_path("/spool", "backup");

uint64_t segment_of(MemoryDisk& disk) {
  const auto slot = read_cursor(disk, kPath);
  return slot ? slot->cursor.worker(0).position.segment : UINT64_MAX;
}

/// A cursor file that was saved so often.
void save_times(MemoryDisk& disk, uint64_t times) {
  CursorFile file(disk, "/spool", "backup");
  ASSERT_TRUE(file.open());
  for (uint64_t i = 1; i <= times; ++i) {
    file.cursor().advance(0, {i, 4096});
    ASSERT_TRUE(file.save({int64_t(i)}));
  }
}

TEST(ConsumersTest, NamesAreWhatAFileMayBeCalled) {
  for (const char* good : {"a", "9", "backup-2", "a.b_c", "A"}) EXPECT_TRUE(is_consumer_name(good));
  for (const char* bad : {"", ".", "..", "-a", "_a", "a/b", "a b", "\xc3\xa4", "a\n"}) {
    EXPECT_FALSE(is_consumer_name(bad)) << bad;
  }
  EXPECT_TRUE(is_consumer_name(std::string(core::kConsumerNameBytesMax, 'x')));
  EXPECT_FALSE(is_consumer_name(std::string(core::kConsumerNameBytesMax + 1, 'x')));
}

TEST(ConsumersTest, OnlyCursorFilesAreListed) {
  MemoryDisk disk;
  EXPECT_TRUE(list_consumers(disk, "/spool")->empty());
  for (const char* name : {"b.cursor", "a.cursor", "a.cursor.lock", ".cursor", "-x.cursor", "c"}) {
    disk.files["/spool/consumers/" + std::string(name)] = {};
  }
  EXPECT_EQ(*list_consumers(disk, "/spool"), (std::vector<std::string>{"a", "b"}));
}

TEST(CursorFileTest, WhatWasSavedIsReadAgain) {
  MemoryDisk disk;
  for (uint64_t times = 0; times < 5; ++times) {
    disk.files.clear();
    save_times(disk, times);
    EXPECT_EQ(segment_of(disk), times);
    CursorFile again(disk, "/spool", "backup");
    ASSERT_TRUE(again.open());
    EXPECT_EQ(again.cursor().worker(0).position.segment, times);
  }
  EXPECT_EQ(disk.open_count, 0u);
}

TEST(CursorFileTest, ATornUpdateLeavesTheStateBefore) {
  for (uint64_t times = 1; times < 5; ++times) {
    MemoryDisk disk;
    save_times(disk, times);
    const auto before = disk.files[kPath];
    {
      CursorFile file(disk, "/spool", "backup");
      ASSERT_TRUE(file.open());
      file.cursor().advance(0, {times + 1, 4096});
      ASSERT_TRUE(file.save({}));
    }
    const auto after = disk.files[kPath];
    ASSERT_EQ(segment_of(disk), times + 1);
    // Some octets of the update came down, and the others did not.
    const size_t slot = times % 2 == 0 ? core::kCursorSlotBytes : 0;
    const size_t bytes = core::kCursorHeadBytes + core::kCursorWorkerBytes;
    for (const bool front : {true, false}) {
      for (size_t cut = 1; cut < bytes; ++cut) {
        auto& file = disk.files[kPath];
        file = after;
        for (size_t at = slot + (front ? cut : 0); at < slot + (front ? bytes : cut); ++at) {
          file[at] = at < before.size() ? before[at] : std::byte{0};
        }
        const bool same = file == after;  // octets that do not differ
        ASSERT_EQ(segment_of(disk), same ? times + 1 : times) << cut << " of slot at " << slot;
      }
    }
  }
}

// A consumer whose last save failed is started again, and the power goes out in its next save: of a
// state of several sectors one at least must be there as a whole.
TEST(CursorFileTest, APowerCutAfterASaveThatFailedLeavesAState) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    tests::SimDisk disk(seed, tests::FileContents{});
    const auto move = [](CursorFile& file, uint64_t segment) {
      for (uint32_t worker = 0; worker < 60; ++worker)
        file.cursor().advance(worker, {segment, 4096});
    };
    {
      CursorFile file(disk, "/spool", "backup");
      ASSERT_TRUE(file.open());
      move(file, 1);
      ASSERT_TRUE(file.save({}));
      move(file, 2);
      disk.ignores_syncs = true;  // killed before its sync
      ASSERT_TRUE(file.save({}));
      disk.ignores_syncs = false;
    }
    {
      CursorFile file(disk, "/spool", "backup");
      ASSERT_TRUE(file.open());
      move(file, 3);
      disk.cut_at = disk.operations();
      EXPECT_FALSE(file.save({}));
    }
    MemoryDisk after;
    after.files = disk.power_cut();
    EXPECT_THAT(segment_of(after), testing::AnyOf(2u, 3u));
  }
}

TEST(CursorFileTest, ATornRegistrationIsAConsumerAtTheStart) {
  MemoryDisk disk;
  save_times(disk, 0);
  const auto whole = disk.files[kPath];
  for (size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    disk.files[kPath] = {whole.begin(), whole.begin() + ptrdiff_t(bytes)};
    EXPECT_EQ(segment_of(disk), 0u) << bytes;
    CursorFile file(disk, "/spool", "backup");
    ASSERT_TRUE(file.open()) << bytes;
    file.cursor().advance(0, {4, 4096});
    ASSERT_TRUE(file.save({}));
    EXPECT_EQ(segment_of(disk), 4u) << bytes;
  }
}

TEST(CursorFileTest, ADamagedFileIsNoConsumerAtTheStart) {
  MemoryDisk disk;
  save_times(disk, 3);
  for (const size_t slot : {0u, 1u})
    disk.files[kPath][slot * core::kCursorSlotBytes] ^= std::byte{1};
  EXPECT_EQ(read_cursor(disk, kPath).error().code, core::Errc::corrupt);
  CursorFile file(disk, "/spool", "backup");
  EXPECT_FALSE(file.open());
}

TEST(CursorFileTest, ThereIsABoundToConsumers) {
  MemoryDisk disk;
  for (size_t i = 0; i < core::kConsumersMax; ++i) {
    CursorFile file(disk, "/spool", "c" + std::to_string(i));
    EXPECT_TRUE(file.open());
  }
  {
    CursorFile more(disk, "/spool", "more");
    EXPECT_EQ(more.open().error().code, core::Errc::busy);
  }
  ASSERT_TRUE(forget_consumer(disk, "/spool", "c7"));
  EXPECT_EQ(forget_consumer(disk, "/spool", "c7").error().sys_errno, ENOENT);
  CursorFile more(disk, "/spool", "more");
  EXPECT_TRUE(more.open());
}

TEST(ConsumersTest, TheGreatestSegmentThatAnyCursorIsInIsKnownByWorker) {
  MemoryDisk disk;
  for (const auto& [name, segment] : {std::pair{"a", 7}, std::pair{"b", 5}}) {
    CursorFile file(disk, "/spool", name);
    ASSERT_TRUE(file.open());
    file.cursor().advance(0, {uint64_t(segment), 4096});
    file.cursor().advance(3, {uint64_t(segment * segment), 4096});
    ASSERT_TRUE(file.save({}));
  }
  const std::string bad = cursor_path("/spool", "c");
  disk.files[bad] = std::vector<std::byte>(2 * core::kCursorSlotBytes, std::byte{1});
  std::vector<std::string> failed;
  const auto segments = cursor_segments(
      disk, "/spool", [&](const std::string& path, const core::Error&) { failed.push_back(path); });
  EXPECT_EQ(segments, (std::map<uint32_t, uint64_t>{{0, 7}, {3, 49}}));
  EXPECT_EQ(failed, std::vector<std::string>{bad});
}

}  // namespace
}  // namespace mailrace::spool
