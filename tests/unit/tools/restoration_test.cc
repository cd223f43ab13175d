// SPDX-License-Identifier: GPL-3.0-or-later
// Directories that were taken away are made again, locked, before a writer is sent there.
#include "tools/serve/restoration.h"

#include "core/port/mail_sink.h"
#include "spool/consumers.h"
#include "spool/segment.h"
#include "tests/sim/sim_file.h"
#include "tests/support/temporary_directory.h"
#include "tools/serve/look_pace.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace mailrace::tools {
namespace {

/// A worker's writer on a disk of its own, whose directory is gone there.
class LostWriter {
 public:
  explicit LostWriter(spool::WriterWatch& watch)
      : writer_(files_, options(), {nullptr, &on_committed, &on_has_room}, watch) {
    files_.remove_directory_now(kDirectory);
    segment_made();
    files_.make_directory_now(kDirectory);
  }
  void tick() { writer_.flush(now_, {}); }
  /// Lets it go on. returns   the number of the segment that it made; 0: it made none
  uint64_t segment_made() {
    for (writer_.flush(now_, {}); files_.pending() > 0; writer_.flush(now_, {})) files_.complete(0);
    now_ = now_ + spool::SegmentMaker::kRetryAfter;
    const auto names = files_.names_in(kDirectory);
    return names.empty() ? 0 : spool::parse_segment_file_name(names.back()).value_or(0);
  }

 private:
  static constexpr char kDirectory[] = "worker";
  static spool::SpoolOptions options() {
    spool::SpoolOptions options;
    options.directory = kDirectory;
    return options;
  }
  static void on_committed(void*, core::MailOwner, core::MailOutcome) {}
  static void on_has_room(void*) {}

  tests::SimFile files_{1};
  core::Instant now_{1};
  spool::ObservedWriter writer_;
};

class RestorationTest : public testing::Test {
 protected:
  RestorationTest() {
    EXPECT_EQ(directories_.take(), std::nullopt);
    EXPECT_EQ(directories_.make_worker(0), std::nullopt);
  }
  bool is_there(const std::string& name) const {
    return std::filesystem::is_directory(spool_ + "/" + name);
  }
  int lock(FileLock& lock) const {
    return lock.acquire(spool_ + "/lock", FileLock::Kind::try_exclusive);
  }

  tests::TemporaryDirectory directory_;
  std::string spool_ = directory_.path() + "/spool";
  std::string worker_ = spool_ + "/worker-0000";
  SpoolDirectories directories_{spool_};
  spool::WriterWatch watch_;
  Log log_{LogFormat::json, LogLevel::error};
  Restoration restoration_{spool_, directories_, {&watch_}, log_};
};

TEST_F(RestorationTest, MakesAWorkersDirectoryAgainAndSendsItThere) {
  LostWriter writer(watch_);
  ASSERT_TRUE(watch_.is_lost());
  std::filesystem::remove_all(worker_);
  EXPECT_EQ(writer.segment_made(), 0u) << "nobody said that it may";
  restoration_.look();
  EXPECT_TRUE(is_there("worker-0000"));
  EXPECT_FALSE(watch_.is_lost());
  EXPECT_GT(writer.segment_made(), 0u);
}

TEST_F(RestorationTest, MakesAWholeSpoolAgainAndLocksIt) {
  LostWriter writer(watch_);
  std::filesystem::remove_all(spool_);
  EXPECT_FALSE(directories_.is_taken());
  restoration_.look();
  EXPECT_TRUE(directories_.is_taken());
  EXPECT_TRUE(is_there("worker-0000"));
  EXPECT_GT(writer.segment_made(), 0u);
  FileLock other;
  EXPECT_EQ(lock(other), EWOULDBLOCK);
  std::string pid;
  std::getline(std::ifstream(spool_ + "/lock"), pid);
  EXPECT_EQ(pid, std::to_string(::getpid()));
}

// A writer that has not written since does not know yet; another server must not come in between.
TEST_F(RestorationTest, TakesTheLockAgainBeforeAnybodyNoticed) {
  for (const std::string& gone : {spool_ + "/lock", spool_}) {
    std::filesystem::remove_all(gone);
    restoration_.look();
    EXPECT_TRUE(directories_.is_taken());
    FileLock other;
    EXPECT_EQ(lock(other), EWOULDBLOCK);
  }
}

TEST_F(RestorationTest, SendsNobodyToASpoolThatAnotherServerHas) {
  LostWriter writer(watch_);
  std::filesystem::remove_all(spool_);
  std::filesystem::create_directories(worker_);
  {
    FileLock other;
    ASSERT_EQ(lock(other), 0);
    restoration_.look();
    EXPECT_TRUE(watch_.is_lost());
    EXPECT_EQ(writer.segment_made(), 0u);
  }
  restoration_.look();
  EXPECT_GT(writer.segment_made(), 0u);
}

// Somebody has removed the lock alone, and another server was quicker to make it again: it may be
// using every file that is there.
TEST_F(RestorationTest, NobodyWritesOnOnceAnotherServerHasTheLock) {
  LostWriter writer(watch_);
  restoration_.look();
  ASSERT_GT(writer.segment_made(), 0u);
  std::filesystem::remove(spool_ + "/lock");
  {
    FileLock other;
    ASSERT_EQ(lock(other), 0);
    EXPECT_TRUE(restoration_.look());
    EXPECT_FALSE(watch_.is_lost());
    writer.tick();
    EXPECT_TRUE(watch_.is_lost());
  }
  EXPECT_TRUE(restoration_.look());
  writer.tick();
  EXPECT_FALSE(watch_.is_lost());
}

// It cannot know of a server that goes on without it.
TEST_F(RestorationTest, AServerThatStartsWaitsWhereTheLockIsGone) {
  std::filesystem::remove(spool_ + "/lock");
  const auto began = std::chrono::steady_clock::now();
  SpoolDirectories other(spool_);
  std::thread server([this] {
    std::this_thread::sleep_for(LookPace::kIdle);
    restoration_.look();
  });
  EXPECT_EQ(other.take_at_start(), std::nullopt);
  server.join();
  EXPECT_GE(std::chrono::steady_clock::now() - began, 2 * LookPace::kIdle);
  EXPECT_FALSE(directories_.is_taken());
  EXPECT_TRUE(other.is_taken());
}

// It may be another directory, e.g. one from a backup.
TEST_F(RestorationTest, NumbersOfSegmentsThatAreThereOrWerePassedAreNotUsedAgain) {
  std::ofstream(worker_ + "/" + spool::segment_file_name(20)) << "records";
  std::ofstream(worker_ + "/" + spool::free_file_name(30)) << "records";
  LostWriter first(watch_);
  restoration_.look();
  EXPECT_EQ(first.segment_made(), 31u);

  PosixDisk disk;
  spool::CursorFile cursor(disk, spool_, "backup");
  ASSERT_TRUE(cursor.open());
  cursor.cursor().advance(0, {40, 4096});
  ASSERT_TRUE(cursor.save({}));
  spool::WriterWatch watch;
  LostWriter second(watch);
  Restoration(spool_, directories_, {&watch}, log_).look();
  EXPECT_EQ(second.segment_made(), 41u);
}

TEST_F(RestorationTest, WhatCannotBeMadeIsTriedAgain) {
  LostWriter writer(watch_);
  std::filesystem::remove_all(spool_);
  std::ofstream(spool_) << "a file";
  restoration_.look();
  EXPECT_TRUE(watch_.is_lost());
  std::filesystem::remove(spool_);
  restoration_.look();
  EXPECT_FALSE(watch_.is_lost());
  EXPECT_GT(writer.segment_made(), 0u);
}

}  // namespace
}  // namespace mailrace::tools
