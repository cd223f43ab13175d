// SPDX-License-Identifier: GPL-3.0-or-later
// Chunks hold whole records and always have room for the end of the mail; the pool keeps count.
#include "spool/chunk.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

namespace mailrace::spool {
namespace {

void add(Chunk& chunk, std::string_view text) {
  std::memcpy(chunk.tail(), text.data(), text.size());
  chunk.bytes += uint32_t(text.size());
}

class ChunkTest : public testing::Test {
 protected:
  ChunkPool pool_{4};
  Chunk& chunk_ = *pool_.take();
};

TEST_F(ChunkTest, ClosesARecordThatAReaderTakes) {
  chunk_.mail_id = 42;
  chunk_.open_record();
  add(chunk_, "hello");
  ASSERT_TRUE(chunk_.close_record(RecordType::data));
  EXPECT_EQ(chunk_.bytes, record_bytes(5));
  EXPECT_EQ(place_record(chunk_.octets, SegmentKey(3), /*sequence=*/7), chunk_.bytes);
  const core::Octets octets(chunk_.octets, chunk_.bytes);
  const auto header = decode_record(octets, SegmentKey(3));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->sequence, 7u);
  EXPECT_EQ(header->mail_id, 42u);
  EXPECT_EQ(header->type, RecordType::data);
  EXPECT_TRUE(body_matches(*header, octets.subspan(core::kRecordHeaderBytes, 5)));
  for (size_t i = core::kRecordHeaderBytes + 5; i < chunk_.bytes; ++i) {
    EXPECT_EQ(chunk_.octets[i], std::byte{0}) << "padding at " << i;
  }
}

TEST_F(ChunkTest, TakesAnEmptyRecordBack) {
  chunk_.open_record();
  add(chunk_, "12345678");
  chunk_.close_record(RecordType::data);
  const uint32_t before = chunk_.bytes;
  chunk_.open_record();
  EXPECT_FALSE(chunk_.close_record(RecordType::data));
  EXPECT_EQ(chunk_.bytes, before);
}

// Whatever is filled in up to the last octet of room(), an end record fits behind it.
TEST_F(ChunkTest, FullChunkHasRoomForAnEndRecord) {
  for (size_t less = 0; less < 2 * core::kRecordAlignment; ++less) {
    chunk_.bytes = 0;
    chunk_.open_record();
    const size_t fill = chunk_.room() - less;
    std::memset(chunk_.tail(), 'x', fill);
    chunk_.bytes += uint32_t(fill);
    EXPECT_EQ(chunk_.room(), less);
    ASSERT_TRUE(chunk_.close_record(RecordType::data));
    chunk_.open_record();
    encode_end(chunk_.tail(), {});
    chunk_.bytes += uint32_t{kEndBodyBytes};
    ASSERT_TRUE(chunk_.close_record(RecordType::end));
    EXPECT_LE(chunk_.bytes, core::kChunkBytes);
  }
}

TEST(ChunkPoolTest, HandsOutEachChunkOnceAndCounts) {
  ChunkPool pool(3);
  std::set<Chunk*> chunks;
  std::set<std::byte*> octets;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(pool.free_count(), 3 - i);
    Chunk* const chunk = pool.take();
    ASSERT_NE(chunk, nullptr);
    chunks.insert(chunk);
    octets.insert(chunk->octets);
  }
  EXPECT_EQ(chunks.size(), 3u);
  EXPECT_EQ(octets.size(), 3u);
  EXPECT_EQ(pool.take(), nullptr);
  EXPECT_EQ(pool.free_count(), 0u);
}

TEST(ChunkPoolTest, OctetsMayComeBackBeforeTheChunk) {
  ChunkPool pool(1);
  std::vector<Chunk*> sent;
  for (size_t i = 0; i < core::kWritesInFlightMax * core::kWriteChunksMax; ++i) {
    Chunk* const chunk = pool.take();
    ASSERT_NE(chunk, nullptr);
    chunk->mail_id = i;
    pool.release_octets(*chunk);
    sent.push_back(chunk);
  }
  EXPECT_EQ(pool.free_count(), 1u);
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(sent[i]->mail_id, i);
    pool.give(*sent[i]);
  }
  EXPECT_EQ(pool.free_count(), 1u);
  EXPECT_NE(pool.take(), nullptr);
  EXPECT_EQ(pool.take(), nullptr);
}

TEST(ChunkPoolTest, ChunkComesBackBlank) {
  ChunkPool pool(1);
  Chunk* chunk = pool.take();
  chunk->open_record();
  chunk->ends_mail = true;
  chunk->mail_id = 9;
  pool.give(*chunk);
  chunk = pool.take();
  ASSERT_NE(chunk, nullptr);
  EXPECT_EQ(chunk->bytes, 0u);
  EXPECT_EQ(chunk->mail_id, 0u);
  EXPECT_FALSE(chunk->ends_mail);
}

TEST(ChunkQueueTest, FirstInFirstOut) {
  ChunkPool pool(3);
  Chunk& a = *pool.take();
  Chunk& b = *pool.take();
  Chunk& c = *pool.take();
  ChunkQueue queue;
  EXPECT_TRUE(queue.empty());
  queue.push(a);
  queue.push(b);
  EXPECT_EQ(&queue.pop(), &a);
  queue.push(c);
  EXPECT_EQ(queue.front(), &b);
  EXPECT_EQ(&queue.pop(), &b);
  EXPECT_EQ(&queue.pop(), &c);
  EXPECT_TRUE(queue.empty());
  queue.push(a);  // the end was forgotten, too
  EXPECT_EQ(&queue.pop(), &a);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace mailrace::spool
