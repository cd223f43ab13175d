// SPDX-License-Identifier: GPL-3.0-or-later
// Mails in, records out: what they cost, who is told when, and what happens at each limit.
#include "spool/writer.h"

#include "spool/segment.h"
#include "tests/sim/mail_ledger.h"
#include "tests/sim/sim_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mailrace::spool {
namespace {

using core::MailHandle;
using core::MailOutcome;
using core::MailOwner;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using tests::SimFile;
using tests::SimMail;

constexpr size_t kChunks = core::spool_chunks(core::kSpoolMemoryDefault);

class WriterTest : public testing::Test {
 protected:
  void SetUp() override { open({}); }

  void open(SpoolOptions options, uint64_t last_mail_id = 0) {
    options.directory = tests::kSimWorker;
    options.last_mail_id = last_mail_id;
    if (options.segment_bytes == core::kSegmentBytesDefault) options.segment_bytes = 2 << 20;
    files_ = std::make_unique<SimFile>(1);
    if (past_cache_) files_->bypass_cache();
    writer_ = std::make_unique<Writer>(*files_, options,
                                       core::MailSinkEvents{this, &on_committed, &on_has_room});
    settle();
  }

  static void on_committed(void* self, MailOwner owner, MailOutcome outcome) {
    WriterTest& test = *static_cast<WriterTest*>(self);
    test.outcomes_.emplace_back(owner.slot, outcome);
    if (test.ids_.contains(owner.slot)) test.ledger_.at(test.ids_[owner.slot]).outcome = outcome;
  }
  static void on_has_room(void* self) { ++static_cast<WriterTest*>(self)->has_room_; }

  core::Result<MailHandle> begin(const SimMail& mail, uint32_t owner = 0) {
    const auto handle = ledger_.begin(*writer_, mail, {owner, 7}, wall_);
    if (handle) ids_[owner] = handle->mail_id;
    return handle;
  }
  // A whole mail, up to its commit.
  void put(const SimMail& mail, size_t piece_bytes, uint32_t owner) {
    const auto handle = begin(mail, owner);
    ASSERT_TRUE(handle.has_value());
    const std::vector<std::byte> data = mail.data();
    for (size_t at = 0; at < data.size(); at += piece_bytes) {
      const auto piece =
          core::Octets(data).subspan(at, std::min<size_t>(piece_bytes, data.size() - at));
      ASSERT_EQ(writer_->append(*handle, piece).value_or(0), piece.size());
    }
    ledger_.at(handle->mail_id).committed = true;
    writer_->commit(*handle);
  }
  std::optional<core::Instant> flush() { return writer_->flush(now_, wall_); }
  void settle() {
    for (flush(); files_->pending() > 0; flush()) files_->complete(0);
  }
  void expect_ledger_holds() {
    tests::MemoryDisk disk;
    disk.files = files_->power_cut();
    ledger_.compare(disk, /*crashed=*/false, "at the end");
    EXPECT_THAT(ledger_.problems, IsEmpty());
    EXPECT_THAT(files_->violations(), IsEmpty());
  }

  bool past_cache_ = false;
  std::unique_ptr<SimFile> files_;
  tests::MailLedger ledger_;
  std::map<uint32_t, uint64_t> ids_;
  std::vector<std::pair<uint32_t, MailOutcome>> outcomes_;
  uint32_t has_room_ = 0;
  core::Instant now_{1'000'000};
  core::WallTime wall_{1'700'000'000'000'000'000};
  std::unique_ptr<Writer> writer_;
};

TEST_F(WriterTest, ReportsNothingBeforeTheWriteLands) {
  put({.seed = 5, .data_bytes = 700}, 700, /*owner=*/3);
  EXPECT_THAT(outcomes_, IsEmpty());
  flush();
  flush();
  EXPECT_THAT(outcomes_, IsEmpty());
  ASSERT_EQ(files_->pending(), 1u);
  EXPECT_TRUE(files_->operation(0).synced);
  files_->complete(0);
  EXPECT_THAT(outcomes_, ElementsAre(Pair(3, MailOutcome::durable)));
  EXPECT_EQ(writer_->open_mails(), 0u);
  EXPECT_EQ(writer_->free_chunks(), kChunks);
  expect_ledger_holds();
}

struct Trickle {
  const char* name;
  uint64_t data_bytes;
};

class WriterTrickleTest : public WriterTest, public testing::WithParamInterface<Trickle> {};

// Pieces are gathered: a sender that sends octet by octet costs no more disk than any other.
TEST_P(WriterTrickleTest, OneOctetAtATimeCostsAtMostFivePerCentAndOneKibibyte) {
  const uint64_t bytes = GetParam().data_bytes;
  const SimMail mail{.seed = 6, .data_bytes = bytes};
  put(mail, 1, /*owner=*/1);
  EXPECT_LE(writer_->log().appended(), bytes + bytes / 20 + 1024);
  settle();
  EXPECT_THAT(outcomes_, ElementsAre(Pair(1, MailOutcome::durable)));
  expect_ledger_holds();
}

constexpr Trickle kTrickles[] = {
    {"nothing", 0},        {"one_octet", 1},           {"hundred", 100},
    {"four_kib", 4 << 10}, {"hundred_kib", 100 << 10}, {"one_mib", 1 << 20},
};

INSTANTIATE_TEST_SUITE_P(Sizes, WriterTrickleTest, testing::ValuesIn(kTrickles),
                         [](const auto& trickle) { return std::string(trickle.param.name); });

// Sizes around the end of a chunk, where records are closed and chunks change.
TEST_F(WriterTest, EverySizeAroundAChunkIsStoredWhole) {
  open({.segment_bytes = 32 << 20});
  uint32_t owner = 0;
  for (uint64_t bytes = core::kChunkBytes - 400; bytes < core::kChunkBytes + 40; bytes += 3) {
    put({.seed = 100 + owner, .data_bytes = bytes}, 5'000, owner);
    ++owner;
  }
  settle();
  EXPECT_EQ(outcomes_.size(), owner);
  expect_ledger_holds();
}

// Pieces that are gathered in chunks, and pieces that go to the write as they are, in turn.
TEST_F(WriterTest, PiecesOfEverySizeAreStoredWholePastTheCache) {
  past_cache_ = true;
  open({.segment_bytes = 32 << 20});
  uint32_t owner = 0;
  for (size_t piece = core::kRecordApartBytesMin - 9; piece < core::kRecordApartBytesMin + 9;
       ++piece) {
    put({.seed = 200 + owner, .data_bytes = 40'000 + piece}, piece, owner);
    ++owner;
  }
  for (const size_t piece : {core::kChunkBytes, core::kReceiveBufferBytes - 3}) {
    put({.seed = 300 + owner, .data_bytes = 3 << 20}, piece, owner);
    ++owner;
  }
  settle();
  EXPECT_EQ(outcomes_.size(), owner);
  EXPECT_EQ(files_->buffers_out(), 0u);
  expect_ledger_holds();
}

// A mail that is received has one chunk, whatever comes of it at a time.
TEST_F(WriterTest, LargePiecesTakeNoMemoryPastTheCache) {
  past_cache_ = true;
  open({});
  const auto handle = begin({.seed = 7, .data_bytes = 0});
  ASSERT_TRUE(handle.has_value());
  const std::vector<std::byte> piece(core::kReceiveBufferBytes, std::byte{'x'});
  for (size_t bytes = 0; bytes < core::kWriteBytesMax / 2; bytes += piece.size()) {
    ASSERT_EQ(writer_->append(*handle, piece).value_or(0), piece.size());
    EXPECT_EQ(writer_->free_chunks(), kChunks - 1);
  }
  writer_->abort(*handle);
  EXPECT_EQ(writer_->free_chunks(), kChunks);
}

// Small chunks wait behind a write that the end of a segment has stopped, and nobody commits.
TEST_F(WriterTest, MemoryThatRunsOutAtTheEndOfASegmentComesBack) {
  past_cache_ = true;
  const std::vector<std::byte> data(core::kReceiveBufferBytes, std::byte{'x'});
  int short_ones = 0;
  for (size_t used = 1'400'000; used < 2'090'000; used += 50'000) {
    ids_.clear();
    has_room_ = 0;
    open({.memory_bytes = core::kSpoolMemoryFloor});
    const auto before = begin({.seed = 5, .data_bytes = 0}, /*owner=*/9'999);
    ASSERT_TRUE(before.has_value());
    for (size_t at = 0; at < used; at += data.size()) {
      ASSERT_TRUE(writer_->append(*before, data).has_value());
      settle();
    }
    writer_->commit(*before);
    settle();
    std::vector<MailHandle> slow;
    while (writer_->ready().has_value()) {
      const auto handle = begin({.seed = 6, .data_bytes = 0}, uint32_t(slow.size()));
      if (!handle) break;
      slow.push_back(*handle);
      ASSERT_EQ(writer_->append(*handle, core::Octets(data).first(250)).value_or(0), 250u);
    }
    settle();
    bool waits = false;
    for (const MailHandle& handle : slow) {
      constexpr size_t kPiece = core::kRecordApartBytesMin + 1'000;
      const auto taken = writer_->append(handle, core::Octets(data).first(kPiece));
      ASSERT_TRUE(taken.has_value());
      waits |= *taken < kPiece;
      settle();
    }
    short_ones += waits ? 1 : 0;
    EXPECT_TRUE(!waits || has_room_ > 0) << used;
    EXPECT_GT(writer_->free_chunks(), 0u) << used;
  }
  RecordProperty("short_ones", short_ones);
}

// Found when its end is put into the write, which is before commit() has returned.
TEST_F(WriterTest, AMailThatLiesInTooManyFilesIsNotAccepted) {
  past_cache_ = true;
  open({.segment_bytes = 64 << 10, .commit_bytes = core::kCommitBytesFloor});
  const auto handle = begin({.seed = 8, .data_bytes = 0}, /*owner=*/1);
  ASSERT_TRUE(handle.has_value());
  const std::vector<std::byte> piece(core::kReceiveBufferBytes, std::byte{'x'});
  ASSERT_EQ(writer_->append(*handle, piece).value_or(0), piece.size());
  for (uint64_t number = 2; number <= core::kMailSegmentsMax + 1;) {
    put({.seed = 9, .data_bytes = piece.size()}, piece.size(), /*owner=*/2);
    settle();
    const std::string directory(tests::kSimWorker);
    if (files_->find(directory + "/" + segment_file_name(number)) == nullptr) continue;
    if (number > 2) files_->remove_now(directory + "/" + segment_file_name(number - 2));
    ++number;
  }
  outcomes_.clear();
  writer_->commit(*handle);
  settle();
  EXPECT_THAT(outcomes_, ElementsAre(Pair(1, MailOutcome::failed)));
}

TEST_F(WriterTest, ThousandRecipientsTakeSeveralEnvelopeRecords) {
  put({.seed = 9, .data_bytes = 2'000, .recipients = core::kRecipientsMax}, 500, 1);
  EXPECT_GT(writer_->log().appended(), 4 * core::kChunkBytes);
  settle();
  EXPECT_THAT(outcomes_, ElementsAre(Pair(1, MailOutcome::durable)));
  expect_ledger_holds();
}

// However many octets of recipients there are: begin() leaves room for the trace field.
TEST_F(WriterTest, FirstAppendIsTakenWholeEvenWithoutAFreeChunk) {
  for (uint32_t recipients = 120; recipients < 180; ++recipients) {
    const auto handle = begin({.seed = 21, .data_bytes = 0, .recipients = recipients});
    ASSERT_TRUE(handle.has_value());
    const size_t free = writer_->free_chunks();
    const std::vector<std::byte> trace(core::kReceivedFieldBytesMax);
    EXPECT_EQ(writer_->append(*handle, trace).value_or(0), trace.size()) << recipients;
    EXPECT_EQ(writer_->free_chunks(), free) << recipients;
    writer_->abort(*handle);
  }
}

TEST_F(WriterTest, MailIdsGrowThoughTheClockGoesBack) {
  uint64_t last = 0;
  for (int i = 0; i < 50; ++i) {
    wall_.ns += i % 3 == 0 ? -3'600'000'000'000 : 1'000;
    const auto handle = begin({.seed = 1});
    ASSERT_TRUE(handle.has_value());
    EXPECT_GT(handle->mail_id, last);
    last = handle->mail_id;
    writer_->abort(*handle);
  }
}

// Some that came behind the last one may have been handed off, and lost.
TEST_F(WriterTest, MailIdsGrowAcrossARestart) {
  const uint64_t last = ~uint64_t{0} >> 2;
  open({.worker = 5}, last);
  const auto handle = begin({.seed = 1});
  ASSERT_TRUE(handle.has_value());
  EXPECT_GT(handle->mail_id, last + (core::kMailIdGapUs << 10));
  EXPECT_EQ(handle->mail_id % core::kWorkersMax, 5u);
}

TEST_F(WriterTest, MailIdsGrowAcrossRestartsWithoutMail) {
  const uint64_t last = ~uint64_t{0} >> 2;
  open({.worker = 5, .salt = 1}, last);
  const auto files = files_->cached();
  const auto first = files.find(std::string(tests::kSimWorker) + "/" + segment_file_name(1));
  ASSERT_NE(first, files.end());
  const auto head = decode_segment_head(core::Octets(first->second).first(kSegmentHeadBytes));
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->mail_id_floor, last + (core::kMailIdGapUs << 10));
}

TEST_F(WriterTest, AbortedMailsAreGoneAtEveryStage) {
  const auto fresh = begin({.seed = 1, .data_bytes = 10}, 1);
  writer_->abort(*fresh);
  const auto half = begin({.seed = 2, .data_bytes = 10}, 2);
  ASSERT_TRUE(writer_->append(*half, std::vector<std::byte>(40'000)).has_value());
  writer_->abort(*half);
  put({.seed = 3, .data_bytes = 10}, 10, 3);
  writer_->abort({0, 0, 0});  // a handle of the past is nobody's
  settle();
  EXPECT_THAT(outcomes_, ElementsAre(Pair(3, MailOutcome::durable)));
  EXPECT_EQ(writer_->open_mails(), 0u);
  EXPECT_EQ(writer_->free_chunks(), kChunks);
  expect_ledger_holds();
}

TEST_F(WriterTest, MailAbortedAfterCommitIsReportedToNobody) {
  const auto handle = begin({.seed = 1}, 1);
  ledger_.at(handle->mail_id).committed = true;
  writer_->commit(*handle);
  flush();
  writer_->abort(*handle);
  EXPECT_EQ(writer_->open_mails(), 1u);  // the log still has it
  settle();
  EXPECT_THAT(outcomes_, IsEmpty());
  EXPECT_EQ(writer_->open_mails(), 0u);
  expect_ledger_holds();
}

TEST_F(WriterTest, MoreMailsThanItHoldsAreRefusedUntilOneEnds) {
  std::vector<MailHandle> handles;
  for (size_t i = 0; i < core::kOpenMailsMax; ++i) {
    const auto handle = begin({.seed = 4});
    ASSERT_TRUE(handle.has_value());
    handles.push_back(*handle);
  }
  ASSERT_FALSE(writer_->ready().has_value());
  EXPECT_EQ(writer_->ready().error().code, core::Errc::busy);
  const auto refused = begin({.seed = 4});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, core::Errc::busy);
  writer_->abort(handles.back());
  EXPECT_TRUE(writer_->ready().has_value());
  EXPECT_TRUE(begin({.seed = 4}).has_value());
}

// Back-pressure: with all chunks on their way, append() takes what fits and says when to go on.
TEST_F(WriterTest, TakesLessWhenMemoryIsOutAndGoesOnWhenItIsBack) {
  open({.segment_bytes = 256 << 20});
  const SimMail mail{.seed = 8, .data_bytes = kChunks * core::kChunkBytes + 100'000};
  const std::vector<std::byte> data = mail.data();
  const auto handle = begin(mail, 1);
  ASSERT_TRUE(handle.has_value());
  const auto taken = writer_->append(*handle, data);
  ASSERT_TRUE(taken.has_value());
  EXPECT_LT(*taken, data.size());
  EXPECT_EQ(writer_->free_chunks(), 0u);
  EXPECT_EQ(begin({.seed = 9}).error().code, core::Errc::busy);
  EXPECT_EQ(writer_->append(*handle, core::Octets(data).subspan(*taken)).value_or(1), 0u);

  flush();
  EXPECT_EQ(has_room_, 0u);
  files_->complete(0);
  EXPECT_EQ(has_room_, 0u);
  flush();
  EXPECT_EQ(has_room_, 1u);
  flush();
  EXPECT_EQ(has_room_, 1u);
  const auto rest = core::Octets(data).subspan(*taken);
  EXPECT_EQ(writer_->append(*handle, rest).value_or(0), rest.size());
  ledger_.at(handle->mail_id).committed = true;
  writer_->commit(*handle);
  settle();
  EXPECT_THAT(outcomes_, ElementsAre(Pair(1, MailOutcome::durable)));
  EXPECT_EQ(writer_->free_chunks(), kChunks);
  expect_ledger_holds();
}

// What is under way goes on, and has the rest of the memory to itself.
TEST_F(WriterTest, NoTransactionIsWelcomeFromTheLowMarkOfMemoryUntilTheHighOne) {
  constexpr size_t kFew = core::spool_chunks(core::kSpoolMemoryFloor);
  constexpr size_t kLow = core::chunks_low(kFew);
  open({.segment_bytes = 64 << 20, .memory_bytes = core::kSpoolMemoryFloor});
  const auto handle = begin({.seed = 8, .data_bytes = core::kSpoolMemoryFloor}, 1);
  ASSERT_TRUE(handle.has_value());
  const std::vector<std::byte> data(core::kChunkBytes);
  while (writer_->free_chunks() > kLow) {
    ASSERT_EQ(writer_->append(*handle, data).value_or(0), data.size());
  }
  flush();
  EXPECT_TRUE(writer_->ready().has_value()) << "the mark itself is fine";
  while (writer_->free_chunks() == kLow) {
    ASSERT_EQ(writer_->append(*handle, data).value_or(0), data.size());
  }
  flush();
  ASSERT_FALSE(writer_->ready().has_value());
  EXPECT_EQ(writer_->ready().error().code, core::Errc::busy);
  EXPECT_TRUE(begin({.seed = 9}, 2).has_value()) << "its MAIL was accepted before";

  size_t lands = 0;
  while (writer_->free_chunks() < core::chunks_back(kFew)) {
    EXPECT_FALSE(writer_->ready().has_value()) << writer_->free_chunks() << " are free";
    ASSERT_GT(files_->pending(), 0u);
    files_->complete(0);
    flush();
    ++lands;
  }
  EXPECT_GT(lands, 1u) << "one write frees less than what lies between the marks";
  EXPECT_TRUE(writer_->ready().has_value());
}

TEST_F(WriterTest, ClosingRefusesNewMailsAndReportsTheOthers) {
  put({.seed = 5, .data_bytes = 10}, 10, 1);
  writer_->close();
  EXPECT_FALSE(writer_->ready().has_value());
  EXPECT_FALSE(begin({.seed = 5}, 2).has_value());
  settle();
  EXPECT_TRUE(writer_->closed());
  EXPECT_THAT(outcomes_, ElementsAre(Pair(1, MailOutcome::durable)));
}

TEST_F(WriterTest, IsNotClosedBeforeALostMailHeardOfIt) {
  const auto handle = begin({.seed = 5, .data_bytes = 1}, 1);
  const std::vector<std::byte> enough(core::kCommitBytesDefault + 2 * core::kChunkBytes);
  ASSERT_TRUE(writer_->append(*handle, enough).has_value());
  flush();
  files_->complete(0, SimFile::Ending::io_error);
  writer_->commit(*handle);
  writer_->close();
  while (files_->pending() > 0) files_->complete(0);
  EXPECT_FALSE(writer_->closed());
  settle();
  EXPECT_TRUE(writer_->closed());
  EXPECT_THAT(outcomes_, ElementsAre(Pair(1, MailOutcome::failed)));
}

using WriterDeathTest = WriterTest;

TEST_F(WriterDeathTest, CommitsOnce) {
  const auto handle = begin({.seed = 5});
  writer_->commit(*handle);
  EXPECT_DEATH(writer_->commit(*handle), "check failed");
}

}  // namespace
}  // namespace mailrace::spool
