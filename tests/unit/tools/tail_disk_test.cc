// SPDX-License-Identifier: GPL-3.0-or-later
// A consumer's disk beside a server's memory, both in this process.
#include "tools/lib/tail_disk.h"

#include "spool/segment.h"
#include "spool/spool_reader.h"
#include "tests/support/temporary_directory.h"
#include "tools/serve/tail_service.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>

namespace mailrace::tools {
namespace {

constexpr uint64_t kHead = spool::kSegmentHeadBytes;

class TailDiskTest : public testing::Test {
 protected:
  TailDiskTest() : disk_(directory_.path()) {
    std::filesystem::create_directory(directory_.path() + "/" + spool::worker_directory_name(1));
    service_.emplace();
    EXPECT_EQ(service_->open(directory_.path(), {0, 2}), std::nullopt);
    EXPECT_TRUE(service_->show());
  }

  void connect() {
    disk_.look_for_server();
    service_->look(true);
    disk_.look_for_server();
  }

  // A segment of which the disk has nothing but `filler`.
  core::FileHandle make_segment(uint64_t number, char filler) {
    const std::string path = spool::segment_path(directory_.path(), 1, number);
    std::ofstream(path, std::ios::binary) << std::string(kHead + 64, filler);
    return disk_.open(path, /*writable=*/false).value();
  }

  void share(uint64_t number, uint64_t offset, const std::string& text) {
    spool::TailWriter& writer = *service_->writer(1);
    writer.add(number, offset, text.size(), writer.put(std::as_bytes(std::span(text))));
  }

  std::string read(core::FileHandle file, uint64_t offset, size_t bytes) {
    std::string text(bytes, '?');
    const auto got =
        disk_.read(file, offset, {reinterpret_cast<std::byte*>(text.data()), text.size()});
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
  EXPECT_EQ(service_->open(directory_.path(), {0, 2}), std::nullopt);
  EXPECT_TRUE(service_->show());
  connect();
  share(3, kHead, "ABCDEFGH");
  share(3, kHead + 8, std::string(64, 'x'));
  EXPECT_EQ(read(file, kHead, 100), "ABCDEFGH" + std::string(64, 'x'));
  disk_.close(file);
}

TEST_F(TailDiskTest, WhatWasSeenOnTheDiskDoesNotVanish) {
  const auto file = make_segment(3, '-');
  EXPECT_EQ(read(file, kHead, 48), std::string(48, '-'));
  connect();
  share(3, kHead, "abcdefgh");
  EXPECT_EQ(read(file, kHead, 48), std::string(48, '-'));
  share(3, kHead + 8, std::string(40, 'x'));
  EXPECT_EQ(read(file, kHead, 64), "abcdefgh" + std::string(40, 'x'));
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

TEST_F(TailDiskTest, WhatWasGivenBackIsReadFromTheDisk) {
  const auto file = make_segment(3, '-');
  connect();
  share(3, kHead, "abcdefgh");
  EXPECT_EQ(read(file, kHead, 8), "abcdefgh");
  disk_.close(file);
  disk_ = TailDisk(directory_.path());
  for (int looks = 0; looks < 5; ++looks) service_->look(true);
  const auto again = make_segment(3, '-');
  connect();
  EXPECT_EQ(read(again, kHead, 8), "--------");
  share(3, kHead + 64, "ijklmnop");
  EXPECT_EQ(read(again, kHead, 8), "--------");
  EXPECT_EQ(read(again, kHead + 64, 8), "ijklmnop");
  disk_.close(again);
}

TEST_F(TailDiskTest, AServerThatLostTheSpoolIsLeft) {
  const auto file = make_segment(3, '-');
  connect();
  share(3, kHead, "abcdefgh");
  EXPECT_EQ(read(file, kHead, 100), "abcdefgh");
  service_->look(false);
  EXPECT_EQ(read(file, kHead, 100), std::string(64, '-'));
  disk_.look_for_server();
  service_->look(false);
  disk_.look_for_server();
  EXPECT_EQ(read(file, kHead, 100), std::string(64, '-'));
  disk_.close(file);
}

TEST_F(TailDiskTest, AnothersSocketIsLeftAlone) {
  TailService second;
  ASSERT_EQ(second.open(directory_.path(), {0, 2}), std::nullopt);
  ASSERT_TRUE(second.show());
  const std::string socket = directory_.path() + "/" + kTailSocketName;
  service_->close();
  EXPECT_TRUE(std::filesystem::exists(socket));
  second.close();
  EXPECT_FALSE(std::filesystem::exists(socket));
}

// Whoever sits where a server should be.
class FakeServer {
 public:
  explicit FakeServer(const std::string& directory) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory + "/" + kTailSocketName;
    std::memcpy(address.sun_path, path.data(), path.size());
    ::unlink(path.c_str());
    listening_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listening_.get(), 5), 0);
  }

  // Greets the next one; without a descriptor if `fd` is none.
  void greet(const TailGreeting& greeting, int fd, size_t bytes = sizeof(TailGreeting)) {
    reader_.reset(::accept(listening_.get(), nullptr, nullptr));
    iovec piece{const_cast<TailGreeting*>(&greeting), bytes};
    alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (fd >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    EXPECT_EQ(::sendmsg(reader_.get(), &message, 0), ssize_t(bytes));
  }

 private:
  net::Fd listening_;
  net::Fd reader_;
};

net::Fd memory_of(uint64_t bytes, int seals) {
  net::Fd memory(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(memory.get(), off_t(bytes)), 0);
  EXPECT_EQ(::fcntl(memory.get(), F_ADD_SEALS, seals), 0);
  return memory;
}

TEST_F(TailDiskTest, AGreetingThatIsNoneIsNotBelieved) {
  service_->close();
  FakeServer server(directory_.path());
  const uint64_t bytes = 2 * sizeof(spool::SharedTail);
  const net::Fd good = memory_of(bytes, F_SEAL_SHRINK);
  const net::Fd may_shrink = memory_of(bytes, F_SEAL_GROW);
  const net::Fd is_short = memory_of(bytes - 1, F_SEAL_SHRINK);
  const auto is_believed = [&](const TailGreeting& greeting, int fd, size_t size) {
    SharedTails tails(directory_.path());
    tails.connect();
    server.greet(greeting, fd, size);
    tails.connect();
    return tails.of(1).has_value();
  };
  constexpr size_t kWhole = sizeof(TailGreeting);
  EXPECT_TRUE(is_believed({.workers = 2}, good.get(), kWhole));
  EXPECT_FALSE(is_believed({.workers = 2}, -1, kWhole));
  EXPECT_FALSE(is_believed({.workers = 2}, good.get(), kWhole - 1));
  EXPECT_FALSE(is_believed({.magic = 1, .workers = 2}, good.get(), kWhole));
  EXPECT_FALSE(is_believed({.workers = 3}, good.get(), kWhole));
  EXPECT_FALSE(is_believed({.workers = UINT32_MAX}, good.get(), kWhole));
  EXPECT_FALSE(is_believed({.workers = 2}, may_shrink.get(), kWhole));
  EXPECT_FALSE(is_believed({.workers = 2}, is_short.get(), kWhole));
}

}  // namespace
}  // namespace mailrace::tools
