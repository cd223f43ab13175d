// SPDX-License-Identifier: GPL-3.0-or-later
// A consumer's disk beside a server's memory, both in this process.
#include "tools/lib/tail_disk.h"

#include "spool/segment.h"
#include "spool/spool_reader.h"
#include "tests/support/temporary_directory.h"
#include "tools/serve/tail_service.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace mailrace::tools {
namespace {

constexpr uint64_t kHead = spool::kSegmentHeadBytes;

class TailDiskTest : public testing::Test {
 protected:
  TailDiskTest() : disk_(directory_.path()) {
    std::filesystem::create_directory(directory_.path() + "/" + spool::worker_directory_name(1));
    service_.emplace();
    EXPECT_EQ(service_->open(directory_.path(), 2), std::nullopt);
  }

  void connect() {
    disk_.look_for_server();
    service_->look();
    disk_.look_for_server();
  }

  // A segment of which the disk has nothing but `filler`.
  core::FileHandle make_segment(uint64_t number, char filler) {
    const std::string path = spool::segment_path(directory_.path(), 1, number);
    std::ofstream(path, std::ios::binary) << std::string(kHead + 64, filler);
    return disk_.open(path, /*writable=*/false).value();
  }

  void share(uint64_t number, uint64_t offset, std::string text) {
    const iovec piece{text.data(), text.size()};
    service_->writer(1)->add(number, offset, {&piece, 1});
  }

  std::string read(core::FileHandle file, uint64_t offset, size_t bytes) {
    std::string text(bytes, '?');
    const auto got = disk_.read(
        file, offset, {reinterpret_cast<std::byte*>(text.data()), text.size()});
    return text.substr(0, got.value());
  }

  tests::TemporaryDirectory directory_;
  std::optional<TailService> service_;
  TailDisk disk_;
};

TEST_F(TailDiskTest, OctetsComeFromTheServer) {
  const auto file = make_segment(3, '-');
  connect();
  share(3, kHead, "abcdefgh");
  EXPECT_EQ(read(file, kHead, 8), "abcdefgh");
  EXPECT_EQ(read(file, kHead + 2, 100), "cdefgh") << "there the segment ends for now";
  EXPECT_EQ(read(file, kHead + 8, 100), "");
  EXPECT_EQ(read(file, kHead - 2, 4), "--ab");
  share(3, kHead + 8, "ijklmnop");
  EXPECT_EQ(read(file, kHead + 7, 100), "hijklmnop");
  const auto next = make_segment(4, '+');
  EXPECT_EQ(read(next, kHead, 8), "") << "nothing has landed there";
  EXPECT_EQ(read(next, 0, 4), "++++");
  disk_.close(next);
  disk_.close(file);
}

TEST_F(TailDiskTest, WithoutAServerTheDiskIsAsked) {
  const auto file = make_segment(3, '-');
  connect();
  share(3, kHead, "abcdefgh");
  EXPECT_EQ(read(file, kHead, 100), "abcdefgh");
  service_.reset();  // as when it is killed
  EXPECT_EQ(read(file, kHead, 100), std::string(64, '-'));
  // And the next one is found.
  service_.emplace();
  EXPECT_EQ(service_->open(directory_.path(), 2), std::nullopt);
  connect();
  share(3, kHead, "ABCDEFGH");
  share(3, kHead + 8, std::string(64, 'x'));
  EXPECT_EQ(read(file, kHead, 100), "ABCDEFGH" + std::string(64, 'x'));
  disk_.close(file);
}

TEST_F(TailDiskTest, WhatWasSeenOnTheDiskDoesNotVanish) {
  const auto file = make_segment(3, '-');
  EXPECT_EQ(read(file, kHead, 24), std::string(24, '-'));
  connect();
  share(3, kHead, "abcdefgh");
  EXPECT_EQ(read(file, kHead, 24), std::string(24, '-'));
  share(3, kHead + 8, "ijklmnopqrstuvwx");
  EXPECT_EQ(read(file, kHead, 64), "abcdefghijklmnopqrstuvwx");
  disk_.close(file);
}

TEST_F(TailDiskTest, OtherFilesAndSegmentsAreTheDisks) {
  const auto file = make_segment(3, '-');
  connect();
  share(4, kHead, "abcdefgh");
  EXPECT_EQ(read(file, kHead, 8), "--------") << "older than what is shared";
  const std::string path = directory_.path() + "/other";
  std::ofstream(path) << "text";
  const auto other = disk_.open(path, /*writable=*/false).value();
  EXPECT_EQ(read(other, 0, 8), "text");
  disk_.close(other);
  disk_.close(file);
}

TEST_F(TailDiskTest, NothingIsSharedWithoutReaders) {
  const auto file = make_segment(3, '-');
  share(3, kHead, "abcdefgh");
  connect();
  EXPECT_EQ(read(file, kHead + 24, 8), "--------");
  disk_.close(file);
}

// Whoever sits where a server should be.
TEST_F(TailDiskTest, AGreetingThatIsNoneIsNotBelieved) {
  service_->close();
  TailService other;
  ASSERT_EQ(other.open(directory_.path(), 1), std::nullopt);  // has no worker 1
  const auto file = make_segment(3, '-');
  disk_.look_for_server();
  other.look();
  disk_.look_for_server();
  EXPECT_EQ(read(file, kHead, 8), "--------");
  disk_.close(file);
}

}  // namespace
}  // namespace mailrace::tools
