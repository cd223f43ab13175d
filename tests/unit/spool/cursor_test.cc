// SPDX-License-Identifier: GPL-3.0-or-later
// Acknowledgements in any order, and the octets of a saved state.
#include "spool/cursor.h"

#include "core/base/crc32c.h"
#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace mailrace::spool {
namespace {

constexpr PendingMail kFirst{0, 1024, 1, {1, 5000}};
constexpr PendingMail kSecond{0, 2048, 1, {2, 4096}};
constexpr PendingMail kOther{3, 3, 7, {7, 4200}};

Cursor three_pending() {
  Cursor cursor;
  cursor.hand_out(kFirst);
  cursor.hand_out(kOther);
  cursor.hand_out(kSecond);
  return cursor;
}

TEST(CursorTest, WhatIsHandedOutIsPendingUntilItIsAcknowledged) {
  Cursor cursor = three_pending();
  EXPECT_TRUE(cursor.is_pending(0, kFirst.end));
  EXPECT_EQ(cursor.worker(0).position, (LogPosition{2, 4096 + core::kRecordAlignment}));
  EXPECT_EQ(cursor.first_pending_segment(0), 1u);
  // In any order.
  EXPECT_TRUE(cursor.acknowledge(0, kSecond.end));
  EXPECT_FALSE(cursor.acknowledge(0, kSecond.end));
  EXPECT_TRUE(cursor.is_pending(0, kFirst.end));
  EXPECT_TRUE(cursor.acknowledge(0, kFirst.end));
  EXPECT_EQ(cursor.first_pending_segment(0), std::nullopt);
  EXPECT_EQ(cursor.first_pending_segment(3), 7u);
  EXPECT_EQ(cursor.worker(0).position.segment, 2u);
}

TEST(CursorTest, APositionNeverMovesBack) {
  Cursor cursor = three_pending();
  cursor.advance(0, {1, 9000});
  EXPECT_EQ(cursor.worker(0).position.segment, 2u);
  cursor.advance(0, {5, 4096});
  EXPECT_EQ(cursor.worker(0).position, (LogPosition{5, 4096}));
  EXPECT_EQ(cursor.worker(9), WorkerCursor{});
}

TEST(CursorTest, ReadingNeverBeginsBehindThePosition) {
  Cursor cursor = three_pending();
  cursor.set_read_from(0, 9);
  EXPECT_EQ(cursor.worker(0).read_from, 2u);
  cursor.set_read_from(0, 1);
  EXPECT_EQ(cursor.worker(0).read_from, 1u);
  cursor.set_read_from(8, 1);  // not known, and not made up
  EXPECT_FALSE(cursor.workers().contains(8));
}

TEST(CursorTest, ItHasABound) {
  Cursor cursor;
  for (uint64_t i = 0; i < core::kCursorPendingMax; ++i) {
    ASSERT_TRUE(cursor.has_room());
    cursor.hand_out({0, i, 1, {1, 4096 + 64 * i}});
  }
  EXPECT_FALSE(cursor.has_room());
  cursor.acknowledge(0, {1, 4096});
  EXPECT_TRUE(cursor.has_room());
  cursor.hand_out({0, 1, 2, {2, 4096}});
  for (uint32_t worker = 0; worker < core::kWorkersMax + 1; ++worker)
    cursor.advance(worker, {3, 0});
  EXPECT_EQ(cursor.workers().size(), core::kWorkersMax);
  const CursorSlot slot{1, {}, cursor};
  EXPECT_LE(slot.encode().size(), core::kCursorSlotBytes);
}

TEST(CursorSlotTest, DecodeUndoesEncode) {
  CursorSlot slot{77, {1'700'000'000'000'000'000}, three_pending()};
  slot.cursor.set_read_from(3, 5);
  const auto octets = slot.encode();
  const auto decoded = CursorSlot::decode(octets);
  ASSERT_TRUE(decoded) << decoded.error().where;
  EXPECT_EQ(decoded->sequence, 77u);
  EXPECT_EQ(decoded->saved_at, slot.saved_at);
  EXPECT_EQ(decoded->cursor, slot.cursor);
  // What an earlier, longer state left behind it does not count.
  auto longer = octets;
  longer.resize(core::kCursorSlotBytes, std::byte{0xee});
  EXPECT_EQ(CursorSlot::decode(longer)->cursor, slot.cursor);
}

TEST(CursorSlotTest, NoOctetOfItMayChange) {
  const auto octets = CursorSlot{5, {1}, three_pending()}.encode();
  for (size_t i = 0; i < octets.size(); ++i) {
    auto changed = octets;
    changed[i] ^= std::byte{0x10};
    EXPECT_FALSE(CursorSlot::decode(changed)) << "octet " << i;
  }
  for (size_t bytes = 0; bytes < octets.size(); ++bytes) {
    EXPECT_FALSE(CursorSlot::decode(core::Octets(octets).first(bytes))) << bytes << " octets";
  }
}

// What checks and cannot be: each row changes octets of a good slot, and its checksum with them.
TEST(CursorSlotTest, AStateThatCannotBeIsCorrupt) {
  const size_t worker = core::kCursorHeadBytes;
  const size_t pending = worker + 2 * core::kCursorWorkerBytes;
  struct Row {
    const char* what;
    size_t at;
    uint64_t value;
    core::Errc code;
  };
  const Row rows[] = {
      {"a later version", 8, 2, core::Errc::unsupported},
      {"a worker that cannot be", worker, core::kWorkersMax, core::Errc::corrupt},
      {"workers out of order", worker, 3, core::Errc::corrupt},
      {"reading from behind the position", worker + 24, 3, core::Errc::corrupt},
      {"pending behind the position", pending + 24, 3, core::Errc::corrupt},
      {"pending of a worker that is not there", pending, 1, core::Errc::corrupt},
      {"pending out of order", pending + core::kCursorPendingBytes + 24, 0, core::Errc::corrupt},
      {"pending that ends before it begins", pending + 16, 2, core::Errc::corrupt},
  };
  for (const Row& row : rows) {
    auto octets = CursorSlot{5, {1}, three_pending()}.encode();
    if (row.at == 8 || row.at == worker || row.at == pending) {
      core::store_le(&octets[row.at], uint32_t(row.value));
    } else {
      core::store_le(&octets[row.at], row.value);
    }
    const uint32_t head = core::crc32c(0, core::Octets(octets).first(60));
    core::store_le(&octets[60],
                   core::crc32c(head, core::Octets(octets).subspan(core::kCursorHeadBytes)));
    const auto decoded = CursorSlot::decode(octets);
    ASSERT_FALSE(decoded) << row.what;
    EXPECT_EQ(decoded.error().code, row.code) << row.what;
  }
}

}  // namespace
}  // namespace mailrace::spool
