// SPDX-License-Identifier: GPL-3.0-or-later
// Writes that are put together ahead of when they are due.
#include "tests/sim/sim_file.h"
#include "tests/unit/spool/group_commit_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

namespace mailrace::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Ending = tests::SimFile::Ending;

class PutTogetherTest : public GroupCommitTest {
 protected:
  void SetUp() override { files_.bypass_cache(); }

  std::optional<uint64_t> append_apart(uint64_t mail_id, core::Octets body) {
    Chunk& chunk = *chunks_.take_bare();
    chunk.mail_id = mail_id;
    chunk.mail_slot = uint32_t(mail_id);
    chunk.begins_mail = begun_.insert(mail_id).second;
    const auto end = log_->append_apart(chunk, RecordType::data, body);
    if (!end) chunks_.give(chunk);
    return end;
  }

  const std::vector<std::byte> body_ = std::vector<std::byte>(20'003, std::byte{'y'});
};

TEST_F(PutTogetherTest, MemoryIsBackBeforeTheWriteBegins) {
  open({});
  append(1, /*ends_mail=*/false);
  append(2);
  EXPECT_EQ(chunks_.free_count(), 2000u);
  EXPECT_EQ(files_.buffers_out(), 1u);
  EXPECT_EQ(writes(), 0u);
  EXPECT_EQ(log_->written(), 0u);
  flush();
  ASSERT_EQ(writes(), 1u);
  EXPECT_EQ(log_->written(), 2 * kRecord);
  append(3);
  EXPECT_EQ(files_.buffers_out(), 2u) << "the next one";
  settle();
  EXPECT_EQ(log_->durable(), 3 * kRecord);
  EXPECT_EQ(files_.buffers_out(), 0u);
  EXPECT_THAT(files_.violations(), IsEmpty());
}

TEST_F(PutTogetherTest, MuchIsSentAheadOfTheEndOfTheTick) {
  for (const uint64_t commit_bytes : {core::kCommitBytesFloor, 2 * core::kWriteAtOnceBytes}) {
    const uint64_t much = std::max<uint64_t>(commit_bytes, core::kWriteAtOnceBytes);
    const uint64_t first = log_ ? 10 : 1;  // segments of the log before are there
    open({.first_segment = first, .segment_bytes = 64 << 20, .commit_bytes = commit_bytes});
    while (log_->appended() + 15 * kRecord < much) append(1, /*ends_mail=*/false, 15);
    log_->send_ahead();
    EXPECT_EQ(writes(), 0u);
    append(1, /*ends_mail=*/false, 15);
    EXPECT_EQ(writes(), 0u) << "not by appending: the mail's id may not be known yet";
    log_->send_ahead();
    EXPECT_EQ(writes(), 1u);
    while (log_->appended() - log_->written() + record_bytes(body_.size()) < much) {
      ASSERT_TRUE(append_apart(1, body_).has_value());
    }
    log_->send_ahead();
    EXPECT_EQ(writes(), 1u);
    ASSERT_TRUE(append_apart(1, body_).has_value());
    log_->send_ahead();
    EXPECT_EQ(writes(), 2u);
    settle();
  }
}

// Beside two writes twice as much is enough, which no write holds: the next piece has room all the
// same.
TEST_F(PutTogetherTest, APieceHasRoomHoweverManyWritesAreUnderWay) {
  open({.segment_bytes = 64 << 20});
  const std::vector<std::byte> piece(core::kReceiveBufferBytes);
  while (writes() < core::kWritesInFlightMax) {
    ASSERT_TRUE(append_apart(1, piece).has_value()) << writes();
    log_->send_ahead();
  }
  EXPECT_EQ(append_apart(1, piece), std::nullopt);
}

TEST_F(PutTogetherTest, IsNotSentAheadWhenItIsRevoked) {
  std::atomic<bool> revoked{true};
  open({.segment_bytes = 64 << 20, .revoked = &revoked});
  while (log_->appended() < core::kCommitBytesDefault) append(1, /*ends_mail=*/false, 15);
  log_->send_ahead();
  EXPECT_EQ(writes(), 0u);
  revoked = false;
  log_->send_ahead();
  EXPECT_EQ(writes(), 1u);
}

// What has no room at the end of a segment shows that nothing more will come.
TEST_F(PutTogetherTest, IsWrittenWhenSomethingHadNoRoom) {
  open({.segment_bytes = kSmallSegment});
  for (int i = 0; i < 3; ++i) append(1, /*ends_mail=*/false, 15);
  ASSERT_EQ(chunks_.free_count(), 1999u);
  flush();
  EXPECT_GE(writes(), 1u);
}

TEST_F(PutTogetherTest, ARecordApartStandsWhereItsTurnIs) {
  open({});
  append(1, /*ends_mail=*/false);
  const auto end = append_apart(1, body_);
  EXPECT_EQ(end, kRecord + record_bytes(body_.size()));
  EXPECT_EQ(append(1), *end + kRecord);
  flush();
  ASSERT_EQ(writes(), 1u);
  const core::Octets octets(files_.operation(0).octets);
  const SegmentKey key(1);
  const auto header = decode_record(octets.subspan(kRecord), key);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->sequence, 1u);
  EXPECT_EQ(header->body_bytes, body_.size());
  const core::Octets body = octets.subspan(kRecord + core::kRecordHeaderBytes, body_.size());
  EXPECT_TRUE(body_matches(*header, body));
  EXPECT_TRUE(std::ranges::equal(body, body_));
  EXPECT_TRUE(decode_record(octets.subspan(*end), key).has_value());
}

// Then its octets are gathered in chunks, as those of others are.
TEST_F(PutTogetherTest, ARecordApartIsNotTakenWhereNothingIsPutTogether) {
  open(kManyWrites);
  for (size_t i = 0; i < core::kWritesInFlightMax; ++i) {
    append(i + 1);
    flush();
  }
  ASSERT_EQ(writes(), core::kWritesInFlightMax);
  EXPECT_FALSE(log_->puts_together());
  const uint64_t appended = log_->appended();
  EXPECT_EQ(append_apart(20, body_), std::nullopt);
  EXPECT_EQ(log_->appended(), appended);
  settle();
  EXPECT_TRUE(log_->puts_together());
  const std::vector<std::byte> large(core::kWriteBytesMax - kMark);
  EXPECT_EQ(append_apart(20, large), std::nullopt) << "no write has room for it";
  EXPECT_EQ(log_->appended(), appended);
  EXPECT_TRUE(append_apart(20, body_).has_value());
  settle();
  EXPECT_EQ(log_->durable(), log_->appended());
  EXPECT_EQ(chunks_.free_count(), 2000u);
}

// What comes behind a chunk that has to wait for the next segment waits as well.
TEST_F(PutTogetherTest, ARecordApartOvertakesNothing) {
  open({.segment_bytes = kSmallSegment});
  for (int i = 0; i < 3; ++i) append(1, /*ends_mail=*/false, 15);
  ASSERT_EQ(chunks_.free_count(), 1999u) << "the last one has no room";
  EXPECT_TRUE(log_->puts_together());
  EXPECT_EQ(append_apart(1, core::Octets(body_).first(64)), std::nullopt);
}

TEST_F(PutTogetherTest, ThroughTheCacheNothingIs) {
  files_.through_cache = true;
  open({});
  EXPECT_FALSE(log_->puts_together());
  append(1);
  EXPECT_EQ(chunks_.free_count(), 1999u);
  EXPECT_EQ(append_apart(1, body_), std::nullopt);
}

// It is for a segment that no reader follows to there.
TEST_F(PutTogetherTest, IsLostWithTheWriteBeforeIt) {
  open({});
  append(1);
  flush();
  ASSERT_EQ(writes(), 1u);
  append(2, /*ends_mail=*/false);
  append_apart(3, body_);
  append(4);
  files_.complete(0, Ending::io_error);
  EXPECT_THAT(lost_, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(files_.buffers_out(), 0u);
  EXPECT_EQ(chunks_.free_count(), 2000u);
  settle();
  append(5);
  settle();
  EXPECT_EQ(log_->durable(), log_->appended());
  EXPECT_THAT(lost_, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(log_->failures(), 1u);
  EXPECT_THAT(files_.violations(), IsEmpty());
}

TEST_F(PutTogetherTest, IsLostWithTheDirectory) {
  open({});
  append(1, /*ends_mail=*/false);
  append(2);
  log_->lose({core::Errc::io, ENOENT, "somebody"});
  EXPECT_THAT(lost_, ElementsAre(1, 2));
  EXPECT_EQ(files_.buffers_out(), 0u);
  log_->close();
  settle();
  EXPECT_TRUE(log_->closed());
}

TEST_F(PutTogetherTest, IsWrittenBeforeTheEnd) {
  open({});
  append(1, /*ends_mail=*/false);
  log_->close();
  settle();
  EXPECT_TRUE(log_->closed());
  EXPECT_EQ(log_->landed(), kRecord);
  EXPECT_EQ(files_.buffers_out(), 0u);
}

// Of a write that somebody began to read in the middle of, nothing is shared.
TEST_F(PutTogetherTest, IsSharedAsAWholeOrNotAtAll) {
  const auto shared = std::make_unique<SharedTail>();
  TailWriter tail(*shared);
  const TailReader reader(*shared);
  open({.tail = &tail});
  append(1, /*ends_mail=*/false);
  tail.set_wanted(true);
  append(1);
  settle();
  EXPECT_FALSE(reader.find(1).has_value());
  append(2);
  tail.set_wanted(false);
  append(2);
  tail.set_wanted(true);
  append(2);
  settle();
  EXPECT_FALSE(reader.find(1).has_value());
  append(3, /*ends_mail=*/false);
  append_apart(3, body_);
  append(3);
  flush();
  ASSERT_EQ(writes(), 1u);
  const std::vector<std::byte> written = files_.operation(0).octets;
  const uint64_t at = files_.operation(0).offset;
  settle();
  const auto extent = reader.find(1);
  ASSERT_TRUE(extent.has_value());
  EXPECT_EQ(extent->begin, at);
  EXPECT_EQ(extent->end, at + written.size());
  std::vector<std::byte> read(written.size());
  ASSERT_TRUE(reader.copy(*extent, at, read));
  EXPECT_EQ(read, written);
}

}  // namespace
}  // namespace mailrace::spool
