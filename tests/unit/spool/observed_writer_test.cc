// SPDX-License-Identifier: GPL-3.0-or-later
// What an observer is told of a writer's open mails, and what it can give to the writer.
#include "spool/observed_writer.h"

#include "core/base/prng.h"
#include "tests/sim/mail_ledger.h"
#include "tests/sim/sim_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using core::MailHandle;
using core::MailOutcome;
using core::MailOwner;
using tests::SimFile;
using tests::SimMail;

constexpr uint64_t kSegmentBytes = 1 << 20;

class ObservedWriterTest : public testing::Test {
 protected:
  ObservedWriterTest()
      : files_(1, {{std::string(tests::kSimWorker) + "/" + free_file_name(3),
                    std::vector<std::byte>(kSegmentBytes)}}),
        writer_(files_, options(), {this, &on_committed, &on_has_room}, watch_) {
    settle();
  }

  static SpoolOptions options() {
    SpoolOptions options;
    options.directory = tests::kSimWorker;
    options.segment_bytes = kSegmentBytes;
    options.first_segment = 7;
    options.last_mail_id = 4096;
    return options;
  }
  static void on_committed(void* self, MailOwner owner, MailOutcome outcome) {
    auto& test = *static_cast<ObservedWriterTest*>(self);
    test.outcomes_[owner.slot] = outcome;
    EXPECT_EQ(owner.generation, owner.slot + 1);
  }
  static void on_has_room(void*) {}

  MailHandle begin(uint32_t owner) {
    const auto handle = ledger_.begin(writer_, {.seed = owner}, {owner, owner + 1}, wall_);
    EXPECT_TRUE(handle);
    return handle.value_or(MailHandle{});
  }
  void commit(const MailHandle& mail, size_t bytes = 100) {
    const std::vector<std::byte> data(bytes);
    EXPECT_EQ(writer_.append(mail, data).value_or(0), bytes);
    writer_.commit(mail);
  }
  void settle(SimFile::Ending ending = SimFile::Ending::good) {
    for (writer_.flush(now_, wall_); files_.pending() > 0; writer_.flush(now_, wall_)) {
      files_.complete(0, ending);
    }
  }

  SimFile files_;
  WriterWatch watch_;
  tests::MailLedger ledger_;
  std::map<uint32_t, MailOutcome> outcomes_;  // by owner
  core::Instant now_{1};
  core::WallTime wall_{1'700'000'000'000'000'000};
  ObservedWriter writer_;
};

TEST_F(ObservedWriterTest, TheOldestOpenMailIsToldUntilItHasEnded) {
  EXPECT_EQ(watch_.last_begun(), 4096u);  // of an earlier writer
  EXPECT_EQ(watch_.oldest_open(), WriterWatch::kNoMail);
  const MailHandle first = begin(1);
  const MailHandle second = begin(2);
  const MailHandle third = begin(3);
  EXPECT_EQ(watch_.last_begun(), third.mail_id);
  EXPECT_EQ(watch_.oldest_open(), first.mail_id);
  writer_.abort(second);
  EXPECT_EQ(watch_.oldest_open(), first.mail_id);
  commit(first);
  EXPECT_EQ(watch_.oldest_open(), first.mail_id);  // its end record is not on the disk
  settle();
  EXPECT_EQ(outcomes_, (std::map<uint32_t, MailOutcome>{{1, MailOutcome::durable}}));
  EXPECT_EQ(watch_.oldest_open(), third.mail_id);
  writer_.abort(third);
  EXPECT_EQ(watch_.oldest_open(), WriterWatch::kNoMail);
  EXPECT_EQ(watch_.last_begun(), third.mail_id);
}

TEST_F(ObservedWriterTest, AFailureEndsAMailToo) {
  commit(begin(1));
  writer_.flush(now_, wall_);
  while (files_.pending() > 0) files_.complete(0, SimFile::Ending::io_error);
  writer_.flush(now_, wall_);
  EXPECT_EQ(outcomes_, (std::map<uint32_t, MailOutcome>{{1, MailOutcome::failed}}));
  EXPECT_EQ(watch_.oldest_open(), WriterWatch::kNoMail);
}

// Another server has the lock: what was not reported is not stored, and nothing is written.
TEST_F(ObservedWriterTest, WhatIsRevokedIsLostBeforeTheNextWrite) {
  commit(begin(1));
  settle();
  const core::MailHandle second = begin(2);
  watch_.revoke();
  files_.through_cache = false;
  // Much, which would not wait for flush() otherwise.
  const std::vector<std::byte> data(core::kCommitBytesDefault + (64 << 10));
  EXPECT_EQ(writer_.append(second, data).value_or(0), data.size());
  commit(second);
  EXPECT_EQ(files_.pending(), 0u);
  writer_.flush(now_, wall_);
  EXPECT_TRUE(watch_.is_lost());
  for (size_t i = 0; i < files_.pending(); ++i) {
    EXPECT_NE(files_.operation(i).kind, SimFile::Kind::write);
  }
  settle();
  EXPECT_EQ(outcomes_,
            (std::map<uint32_t, MailOutcome>{{1, MailOutcome::durable}, {2, MailOutcome::failed}}));
  EXPECT_FALSE(writer_.ready());
  watch_.restore(watch_.losses(), /*first=*/20);
  settle();
  commit(begin(3));
  settle();
  EXPECT_EQ(outcomes_.at(3), MailOutcome::durable);
}

TEST_F(ObservedWriterTest, AWriteUnderWayWhenItIsRevokedIsReportedLost) {
  commit(begin(1));
  writer_.flush(now_, wall_);
  ASSERT_GT(files_.pending(), 0u);
  watch_.revoke();
  settle();
  EXPECT_EQ(outcomes_, (std::map<uint32_t, MailOutcome>{{1, MailOutcome::failed}}));
  EXPECT_TRUE(watch_.is_lost());
}

TEST_F(ObservedWriterTest, NobodyIsToldOfAMailAbortedBehindItsCommit) {
  const MailHandle first = begin(1);
  const MailHandle second = begin(2);
  commit(first);
  writer_.abort(first);
  EXPECT_EQ(watch_.oldest_open(), second.mail_id);
  settle();
  writer_.abort(first);  // late, and of nobody
  EXPECT_EQ(watch_.oldest_open(), second.mail_id);
  EXPECT_TRUE(outcomes_.empty());
}

TEST_F(ObservedWriterTest, InAnyOrderTheOldestIsTheLeastThatIsOpen) {
  core::Prng random(7);
  std::map<uint64_t, MailHandle> open;
  uint32_t owner = 0;
  for (int i = 0; i < 5000; ++i) {
    if (open.size() < 40 && random.below(2) == 0) {
      const MailHandle mail = begin(++owner);
      open[mail.mail_id] = mail;
    } else if (!open.empty()) {
      const auto chosen = std::next(open.begin(), ptrdiff_t(random.below(open.size())));
      if (random.below(2) == 0) {
        writer_.abort(chosen->second);
      } else {
        commit(chosen->second, 1);
        settle();
      }
      open.erase(chosen);
    }
    ASSERT_EQ(watch_.oldest_open(), open.empty() ? WriterWatch::kNoMail : open.begin()->first);
  }
  EXPECT_GT(outcomes_.size(), 500u);
}

TEST_F(ObservedWriterTest, OffersAreTakenInTheNextTickAndBounded) {
  for (uint64_t i = 0; i < core::kFreeSegmentsMax; ++i) EXPECT_TRUE(watch_.offer(3 + i));
  EXPECT_FALSE(watch_.offer(99));
  writer_.flush(now_, wall_);
  EXPECT_TRUE(watch_.offer(99));
}

TEST_F(ObservedWriterTest, AnOfferedSegmentIsUsedAgain) {
  EXPECT_TRUE(watch_.offer(3));
  for (uint32_t owner = 1; owner < 20; ++owner) {
    commit(begin(owner), 100'000);
    settle();
  }
  const auto files = files_.cached();
  EXPECT_FALSE(files.contains(std::string(tests::kSimWorker) + "/" + free_file_name(3)));
  EXPECT_EQ(outcomes_.size(), 19u);
}

}  // namespace
}  // namespace mailrace::spool
