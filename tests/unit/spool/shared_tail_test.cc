// SPDX-License-Identifier: GPL-3.0-or-later
#include "spool/shared_tail.h"

#include "spool/segment.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace mailrace::spool {
namespace {

constexpr uint64_t kHead = kSegmentHeadBytes;

// Octets that tell their segment and offset.
std::vector<uint64_t> octets_of(uint64_t number, uint64_t offset, uint64_t bytes) {
  std::vector<uint64_t> words(bytes / 8);
  for (size_t i = 0; i < words.size(); ++i) words[i] = number << 40 | (offset + 8 * i);
  return words;
}

class SharedTailTest : public testing::Test {
 protected:
  SharedTailTest() { writer_.set_wanted(true); }

  std::optional<uint64_t> put(uint64_t number, uint64_t offset, uint64_t bytes) {
    auto words = octets_of(number, offset, bytes);
    const core::Octets octets = std::as_bytes(std::span(words)).first(bytes);
    const size_t half = bytes / 16 * 8;
    const auto position = writer_.put(octets.first(half));
    const auto behind = writer_.put(octets.subspan(half));
    EXPECT_TRUE(!position || behind == *position + half);
    return position;
  }
  void add(uint64_t number, uint64_t offset, uint64_t bytes) {
    writer_.add(number, offset, bytes, put(number, offset, bytes));
  }

  // Whether octets of a segment are there, and are the right ones.
  bool has(uint64_t number, uint64_t offset, uint64_t bytes) {
    const auto extent = reader_.find(number);
    if (!extent || offset < extent->begin || offset + bytes > extent->end) return false;
    std::vector<std::byte> target(bytes);
    if (!reader_.copy(*extent, offset, target)) return false;
    if (bytes == 0) return true;
    const uint64_t first = offset / 8 * 8;
    const auto expected = octets_of(number, first, core::align_up(offset + bytes, 8) - first);
    EXPECT_EQ(
        std::memcmp(target.data(),
                    reinterpret_cast<const std::byte*>(expected.data()) + (offset - first), bytes),
        0)
        << number << " " << offset << " " << bytes;
    return true;
  }

  std::unique_ptr<SharedTail> tail_ = std::make_unique<SharedTail>();
  TailWriter writer_{*tail_};
  TailReader reader_{*tail_};
};

TEST_F(SharedTailTest, WhatIsAddedCanBeRead) {
  EXPECT_FALSE(reader_.find(1));
  add(1, kHead, 64);
  add(1, kHead + 64, 4096);
  const auto extent = reader_.find(1);
  ASSERT_TRUE(extent);
  EXPECT_EQ(extent->begin, kHead);
  EXPECT_EQ(extent->end, kHead + 64 + 4096);
  EXPECT_TRUE(has(1, kHead, 64 + 4096));
  for (const uint64_t from : std::initializer_list<uint64_t>{0, 1, 7, 8, 9, 63}) {
    for (const uint64_t bytes : std::initializer_list<uint64_t>{0, 1, 7, 8, 9, 17, 100}) {
      EXPECT_TRUE(has(1, kHead + from, bytes)) << from << " " << bytes;
    }
  }
}

TEST_F(SharedTailTest, SegmentsFollowEachOther) {
  add(7, 8192, 64);  // the first one from somewhere on
  add(8, kHead, 128);
  add(8, kHead + 128, 128);
  EXPECT_TRUE(has(7, 8192, 64));
  EXPECT_TRUE(has(8, kHead, 256));
  EXPECT_FALSE(reader_.find(6)) << "the disk knows";
  const auto next = reader_.find(9);
  ASSERT_TRUE(next) << "nothing has landed in it";
  EXPECT_EQ(next->end, kHead);
  for (uint64_t number = 9; number < 8 + core::kSharedTailSegments; ++number) {
    add(number, kHead, 8);
  }
  EXPECT_TRUE(has(8, kHead, 256));
  EXPECT_FALSE(reader_.find(7));
}

TEST_F(SharedTailTest, TheOldestOctetsAreWrittenOver) {
  constexpr uint64_t kStep = 1 << 20;
  uint64_t end = kHead;
  for (; end < kHead + core::kSharedTailBytes; end += kStep) add(1, end, kStep);
  EXPECT_TRUE(has(1, kHead, 8));
  add(1, end, 8);
  EXPECT_FALSE(has(1, kHead, 8));
  EXPECT_TRUE(has(1, kHead + 8, core::kSharedTailBytes));
  // The extent of a reader who was slow.
  const auto extent = reader_.find(1);
  add(1, end + 8, 3 * kStep);
  std::vector<std::byte> target(16);
  EXPECT_FALSE(reader_.copy(*extent, kHead + 8, target));
  EXPECT_TRUE(reader_.copy(*extent, end, core::MutableOctets(target).first(8)));
}

TEST_F(SharedTailTest, NobodySeesWhatWasOnlyPut) {
  const auto first = put(1, kHead, 64);
  EXPECT_FALSE(reader_.find(1));
  const auto second = put(1, kHead + 64, 128);
  put(1, kHead + 192, 8);  // whose write fails
  const auto next = put(2, kHead, 64);
  writer_.add(1, kHead, 64, first);
  EXPECT_TRUE(has(1, kHead, 64));
  EXPECT_FALSE(has(1, kHead, 65));
  writer_.add(1, kHead + 64, 128, second);
  writer_.add(2, kHead, 64, next);
  EXPECT_TRUE(has(1, kHead, 192));
  EXPECT_FALSE(has(1, kHead, 193));
  EXPECT_TRUE(has(2, kHead, 64));
}

TEST_F(SharedTailTest, WhatWasPutBeforeSomebodyReadsIsAHole) {
  writer_.set_wanted(false);
  const auto unread = put(1, kHead, 64);
  EXPECT_FALSE(unread);
  writer_.set_wanted(true);
  const auto read = put(1, kHead + 64, 64);
  writer_.add(1, kHead, 64, unread);
  EXPECT_FALSE(reader_.find(1));
  writer_.add(1, kHead + 64, 64, read);
  EXPECT_FALSE(has(1, kHead, 64));
  EXPECT_TRUE(has(1, kHead + 64, 64));

  // Nobody reads for a while, with writes under way at either end of it.
  const auto before = put(1, kHead + 128, 64);
  writer_.set_wanted(false);
  const auto within = put(1, kHead + 192, 64);
  writer_.set_wanted(true);
  const auto behind = put(1, kHead + 256, 64);
  writer_.add(1, kHead + 128, 64, before);
  writer_.add(1, kHead + 192, 64, within);
  EXPECT_FALSE(reader_.find(1));
  writer_.add(1, kHead + 256, 64, behind);
  EXPECT_FALSE(has(1, kHead + 192, 64));
  EXPECT_TRUE(has(1, kHead + 256, 64));
}

TEST_F(SharedTailTest, WhatWasPutIntoMemoryThatWasGivenBackIsGone) {
  const auto lost = put(1, kHead, 64);
  writer_.set_wanted(false);
  ASSERT_TRUE(writer_.forget());
  std::memset(static_cast<void*>(tail_.get()), 0, sizeof *tail_);
  writer_.set_wanted(true);
  const auto kept = put(1, kHead + 64, 64);
  writer_.add(1, kHead, 64, lost);
  EXPECT_FALSE(reader_.find(1));
  writer_.add(1, kHead + 64, 64, kept);
  EXPECT_TRUE(has(1, kHead + 64, 64));
  EXPECT_FALSE(has(1, kHead, 64));
}

TEST_F(SharedTailTest, NothingIsThereWithoutAReaderOrAfterAWithdrawal) {
  writer_.set_wanted(false);
  add(1, kHead, 64);
  EXPECT_FALSE(reader_.find(1));
  EXPECT_FALSE(reader_.find(2));
  writer_.set_wanted(true);
  add(1, kHead + 64, 64);
  EXPECT_FALSE(has(1, kHead, 64));
  EXPECT_TRUE(has(1, kHead + 64, 64));
  writer_.set_wanted(false);
  EXPECT_TRUE(has(1, kHead + 64, 64)) << "nothing has come since";
  add(1, kHead + 128, 64);
  EXPECT_FALSE(reader_.find(1));
  writer_.set_wanted(true);
  add(1, kHead + 192, 64);
  const auto extent = reader_.find(1);
  ASSERT_TRUE(extent);
  EXPECT_EQ(extent->begin, kHead + 192) << "the segment is not there twice";
  EXPECT_TRUE(has(1, kHead + 192, 64));
  writer_.withdraw();
  EXPECT_FALSE(reader_.find(1));
}

TEST_F(SharedTailTest, MemoryThatWasGivenBackIsBegunAnew) {
  add(1, kHead, 64);
  EXPECT_FALSE(writer_.forget()) << "somebody reads";
  writer_.set_wanted(false);
  ASSERT_TRUE(writer_.forget());
  std::memset(static_cast<void*>(tail_.get()), 0, sizeof *tail_);
  EXPECT_FALSE(reader_.find(1));
  writer_.set_wanted(true);
  EXPECT_FALSE(reader_.find(1));
  add(1, kHead + 64, 64);
  EXPECT_FALSE(has(1, kHead, 64)) << "zeros";
  EXPECT_TRUE(has(1, kHead + 64, 64));
}

// Of a write that failed nothing is added, and the rest goes into another segment.
TEST_F(SharedTailTest, AGapBeginsAnew) {
  add(1, kHead, 64);
  add(1, kHead + 128, 64);
  EXPECT_FALSE(has(1, kHead, 64)) << "the disk has it";
  EXPECT_TRUE(has(1, kHead + 128, 64));
}

// Another process may write anything, and die at any time.
TEST_F(SharedTailTest, NonsenseIsReadInsideTheMemory) {
  add(1, kHead, 64);
  tail_->version.store(7);
  EXPECT_FALSE(reader_.find(1)) << "being changed, for ever";
  tail_->version.store(8);
  std::vector<std::byte> target(4096);
  for (const uint64_t value : {uint64_t{1}, uint64_t{1} << 63, UINT64_MAX}) {
    SharedTail::Segment& segment = tail_->segments[1];
    segment.base.store(value);
    segment.begin.store(0);
    segment.end.store(UINT64_MAX);
    const auto extent = reader_.find(1);
    ASSERT_TRUE(extent);
    reader_.copy(*extent, UINT64_MAX - target.size(), target);
    segment.begin.store(2);
    segment.end.store(1);
    EXPECT_FALSE(reader_.find(1));
  }
}

TEST_F(SharedTailTest, ReadersBesideAWriterSeeWholeOctetsOrNone) {
  constexpr uint64_t kWrites = 3000;
  constexpr uint64_t kBytes = 24 << 10;
  constexpr uint64_t kPerSegment = 700;
  std::atomic<bool> over{false};
  std::atomic<uint64_t> newest{0};
  std::thread writing([&] {
    for (uint64_t i = 0; i < kWrites; ++i) {
      const uint64_t number = 1 + i / kPerSegment;
      add(number, kHead + i % kPerSegment * kBytes, kBytes);
      newest.store(number);
    }
    over.store(true);
  });
  uint64_t found = 0;
  uint64_t end_before = 0;
  uint64_t number_before = 0;
  while (!over.load()) {
    const uint64_t number = newest.load();
    if (number == 0) continue;
    const auto extent = reader_.find(number);
    if (!extent) continue;
    if (number == number_before) {
      EXPECT_GE(extent->end, end_before);
    }
    number_before = number;
    end_before = extent->end;
    if (extent->end - extent->begin < kBytes) continue;
    if (has(number, extent->end - kBytes, kBytes)) ++found;
    // The oldest that there can be: it may be written over at this moment.
    const uint64_t length = std::min(extent->end - extent->begin, core::kSharedTailBytes);
    has(number, extent->end - length, kBytes);
  }
  writing.join();
  EXPECT_GT(found, 0u);
}

}  // namespace
}  // namespace mailrace::spool
