// SPDX-License-Identifier: GPL-3.0-or-later
// Segments of a real directory are taken away when nobody needs them, and not before.
#include "tools/serve/housekeeping.h"

#include "spool/consumers.h"
#include "spool/segment.h"
#include "spool/spool_reader.h"
#include "tests/support/segment_builder.h"
#include "tests/support/spool_command.h"
#include "tests/support/temporary_directory.h"
#include "tools/lib/file_lock.h"
#include "tools/serve/look_pace.h"
#include "tools/spool/walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace mailrace::tools {
namespace {

using Names = std::set<std::string>;

constexpr uint64_t kSegmentBytes = 1 << 20;  // as SegmentBuilder says in their heads

/// Segments 1 to 4 of a worker with a mail each; the last one is being written to.
class HousekeepingTest : public testing::Test {
 protected:
  HousekeepingTest() : spool_(directory_.path() + "/spool"), worker_(spool_ + "/worker-0000") {
    std::filesystem::create_directories(worker_);
    for (uint64_t number = 1; number <= 4; ++number) write(number, number * 1024);
  }

  void write(uint64_t number, uint64_t mail_id) const {
    tests::SegmentBuilder segment(number);
    segment.add_mail({.mail_id = mail_id, .data = "data"});
    auto octets = segment.octets();
    octets.resize(kSegmentBytes);
    std::ofstream(spool::segment_path(spool_, 0, number), std::ios::binary)
        << core::as_text(octets);
  }
  void consume() const {
    EXPECT_EQ(tests::run_spool_command({"export", spool_, "--consumer", "c", "--format", "maildir",
                                        "--output", directory_.path() + "/out"})
                  .exit_code,
              0);
  }
  size_t look() { return housekeeping_->look(); }
  void open(const spool::RetentionRules& rules = {}, bool has_worker = true) {
    std::vector<spool::WriterWatch*> watches;
    if (has_worker) watches.push_back(&watch_);
    housekeeping_.emplace(HousekeepingOptions{spool_, kSegmentBytes, rules}, watches, log_);
  }
  Names names() const {
    Names found;
    for (const auto& entry : std::filesystem::directory_iterator(worker_)) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }
  static std::string segment(uint64_t number) { return spool::segment_file_name(number); }
  static std::string free(uint64_t number) { return spool::free_file_name(number); }

  tests::TemporaryDirectory directory_;
  std::string spool_;
  std::string worker_;
  spool::WriterWatch watch_;
  Log log_{LogFormat::json, LogLevel::error};
  std::optional<Housekeeping> housekeeping_;
};

TEST(LookPace, IsQuickForAWhileBehindALookThatTookSomething) {
  LookPace pace;
  EXPECT_EQ(pace.interval(), LookPace::kIdle);
  pace.note_look(0);
  EXPECT_EQ(pace.interval(), LookPace::kIdle);
  pace.note_look(2);
  for (uint32_t i = 0; i < LookPace::kLooksInUse; ++i) {
    EXPECT_EQ(pace.interval(), LookPace::kInUse);
    pace.note_look(0);
  }
  EXPECT_EQ(pace.interval(), LookPace::kIdle);
}

TEST_F(HousekeepingTest, WithoutConsumersAndRulesNothingIsTaken) {
  open();
  EXPECT_EQ(look(), 0u);
  EXPECT_EQ(names().size(), 4u);
  EXPECT_FALSE(std::filesystem::exists(spool_ + "/operations.lock"));
}

TEST_F(HousekeepingTest, WhatAConsumerHasPassedIsThereToBeUsedAgain) {
  open();
  EXPECT_EQ(look(), 0u);
  consume();
  EXPECT_EQ(look(), 0u);  // mails of the old segments may end in segment 4, where the consumer is
  write(5, 5 * 1024);
  consume();
  EXPECT_EQ(look(), 3u);
  EXPECT_EQ(names(), (Names{free(1), free(2), free(3), segment(4), segment(5)}));
  EXPECT_EQ(tests::run_spool_command({"verify", spool_}).exit_code, 0);
}

TEST_F(HousekeepingTest, NoMoreThanAFewAreKeptToBeUsedAgain) {
  open();
  consume();
  look();
  for (uint64_t number = 5; number < 12; ++number) write(number, number * 1024);
  consume();
  EXPECT_EQ(look(), 3u);
  write(12, 12 * 1024);
  consume();
  EXPECT_EQ(look(), 7u);
  EXPECT_EQ(names(), (Names{free(1), free(2), free(3), free(4), segment(11), segment(12)}));
}

TEST_F(HousekeepingTest, MoreAreKeptOfAWorkerThatFillsThemFast) {
  open();
  consume();
  look();
  for (uint64_t number = 5; number <= 11; ++number) write(number, number * 1024);
  consume();
  EXPECT_EQ(look(), 3u);
  for (uint64_t number = 12; number <= 18; ++number) write(number, number * 1024);
  consume();
  EXPECT_EQ(look(), 7u);
  for (uint64_t number = 1; number <= 10; ++number) EXPECT_TRUE(names().contains(free(number)));
  EXPECT_EQ(names().size(), 18u);
}

TEST_F(HousekeepingTest, OthersLengthsAndWorkersThatDoNotRunAreRemoved) {
  open({}, /*has_worker=*/false);
  consume();
  look();
  write(5, 5 * 1024);
  consume();
  EXPECT_EQ(look(), 3u);
  EXPECT_EQ(names(), (Names{segment(4), segment(5)}));
}

TEST_F(HousekeepingTest, AConsumerThatIsBehindKeepsThemAndForgetLetsThemGo) {
  consume();
  PosixDisk disk;
  {
    spool::CursorFile slow(disk, spool_, "slow");
    ASSERT_TRUE(slow.open());
  }
  open();
  look();
  write(5, 5 * 1024);
  consume();
  EXPECT_EQ(look(), 0u);
  ASSERT_TRUE(spool::forget_consumer(disk, spool_, "slow"));
  EXPECT_EQ(look(), 3u);
}

TEST_F(HousekeepingTest, ACursorThatCannotBeReadKeepsEverything) {
  open();
  consume();
  look();
  write(5, 5 * 1024);
  consume();
  std::ofstream(spool::cursor_path(spool_, "other")) << std::string(600'000, 'x');
  EXPECT_EQ(look(), 0u);
}

TEST_F(HousekeepingTest, AHeldMailKeepsItsSegment) {
  ASSERT_EQ(tests::run_spool_command({"hold", spool_, queue_id(2048)}).exit_code, 0);
  open();
  consume();
  look();
  write(5, 5 * 1024);
  consume();
  EXPECT_EQ(look(), 2u);
  EXPECT_TRUE(names().contains(segment(2)));
  ASSERT_EQ(tests::run_spool_command({"release", spool_, queue_id(2048)}).exit_code, 0);
  EXPECT_EQ(look(), 0u);  // it is still pending
  consume();
  EXPECT_EQ(look(), 1u);
}

TEST_F(HousekeepingTest, AHeldMailKeepsItsSegmentWithoutConsumers) {
  ASSERT_EQ(tests::run_spool_command({"hold", spool_, queue_id(2048)}).exit_code, 0);
  spool::RetentionRules rules;
  rules.retain_bytes = 1;
  open(rules);
  EXPECT_EQ(look(), 2u);
  EXPECT_EQ(names(), (Names{free(1), segment(2), free(3), segment(4)}));
}

TEST_F(HousekeepingTest, NothingIsTakenWhileSomebodyHoldsAMail) {
  spool::RetentionRules rules;
  rules.retain_bytes = 1;
  open(rules);
  FileLock lock;
  ASSERT_EQ(lock.acquire(spool_ + "/operations.lock", FileLock::Kind::try_exclusive), 0);
  EXPECT_EQ(look(), 0u);
  lock.release();
  EXPECT_EQ(look(), 3u);
}

// Who has stopped while he holds a mail stops retention, and the disk fills up.
TEST_F(HousekeepingTest, WhoKeepsItFromTheOperationsLogForLongIsNamed) {
  spool::RetentionRules rules;
  rules.retain_bytes = 1;
  Log log(LogFormat::json, LogLevel::warning);
  Housekeeping housekeeping({spool_, kSegmentBytes, rules}, {&watch_}, log);
  FileLock lock;
  ASSERT_EQ(lock.acquire(spool_ + "/operations.lock", FileLock::Kind::try_exclusive), 0);
  testing::internal::CaptureStdout();
  for (uint32_t i = 1; i < Housekeeping::kLooksLockedOut; ++i) housekeeping.look();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  testing::internal::CaptureStdout();
  for (int i = 0; i < 10; ++i) housekeeping.look();
  const std::string said = testing::internal::GetCapturedStdout();
  EXPECT_NE(said.find("operations.lock"), std::string::npos) << said;
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
}

TEST_F(HousekeepingTest, ADamagedOperationsLogKeepsEverything) {
  ASSERT_EQ(tests::run_spool_command({"hold", spool_, queue_id(2048)}).exit_code, 0);
  ASSERT_EQ(tests::run_spool_command({"hold", spool_, queue_id(1024)}).exit_code, 0);
  std::fstream(spool_ + "/operations.log", std::ios::in | std::ios::out | std::ios::binary)
          .seekp(80)
      << 'x';
  spool::RetentionRules rules;
  rules.retain_bytes = 1;
  open(rules);
  EXPECT_EQ(look(), 0u);
}

TEST_F(HousekeepingTest, TheThreadLooksAgainAndAgainAndEndsAtOnce) {
  spool::RetentionRules rules;
  rules.retain_bytes = 1;
  open(rules);
  housekeeping_->start();
  for (int i = 0; i < 1000 && names().contains(segment(3)); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_FALSE(names().contains(segment(3)));
  housekeeping_->stop();
}

}  // namespace
}  // namespace mailrace::tools
