// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/ring_restrictions.h"

#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace mailrace::net {
namespace {

class RingRestrictionsTest : public testing::Test {
 protected:
  void open(RingUse use) {
    ASSERT_TRUE(ring_.open(/*direct_count=*/4, kAllRingFeatures, use).has_value());
  }
  // The result of what next_sqe() was filled with.
  int run() {
    EXPECT_TRUE(ring_.submit_and_wait());
    int result = 0;
    EXPECT_EQ(ring_.visit_completions([&](const io_uring_cqe& cqe) { result = cqe.res; }), 1u);
    return result;
  }
  int try_connect() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(1);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    io_uring_prep_connect(&ring_.next_sqe(), socket, reinterpret_cast<sockaddr*>(&address),
                          sizeof address);
    const int result = run();
    ::close(socket);
    return result;
  }
  int try_unlink(const std::string& path) {
    io_uring_prep_unlink(&ring_.next_sqe(), path.c_str(), 0);
    return run();
  }
  int try_linked_nop() {
    io_uring_sqe& sqe = ring_.next_sqe();
    io_uring_prep_nop(&sqe);
    io_uring_sqe_set_flags(&sqe, IOSQE_IO_LINK);
    return run();
  }

  Ring ring_;
};

TEST_F(RingRestrictionsTest, AWorkersRingTakesWhatWorkersDo) {
  open(RingUse::worker);
  io_uring_prep_nop(&ring_.next_sqe());
  EXPECT_EQ(run(), 0);
  io_uring_prep_openat(&ring_.next_sqe(), AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
  const int file = run();
  ASSERT_GE(file, 0);
  io_uring_prep_close(&ring_.next_sqe(), file);
  EXPECT_EQ(run(), 0);
}

TEST_F(RingRestrictionsTest, AndNothingElse) {
  const tests::TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  std::ofstream(path) << "still here";
  open(RingUse::worker);
  EXPECT_EQ(try_connect(), -EACCES);
  EXPECT_EQ(try_unlink(path), -EACCES);
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(try_linked_nop(), -EACCES);
  const int event = ::eventfd(0, EFD_CLOEXEC);
  EXPECT_EQ(io_uring_register_eventfd(&ring_.handle(), event), -EACCES);
  ::close(event);
}

TEST_F(RingRestrictionsTest, StayWhatTheyAre) {
  open(RingUse::worker);
  io_uring_restriction all{};
  all.opcode = IORING_RESTRICTION_SQE_OP;
  all.sqe_op = IORING_OP_CONNECT;
  EXPECT_LT(io_uring_register_restrictions(&ring_.handle(), &all, 1), 0);
  EXPECT_EQ(try_connect(), -EACCES);
}

TEST_F(RingRestrictionsTest, AnotherRingTakesAnything) {
  open(RingUse::any);
  EXPECT_EQ(try_connect(), -ECONNREFUSED);
  EXPECT_EQ(try_unlink("/nothing/here"), -ENOENT);
  EXPECT_EQ(try_linked_nop(), 0);
}

}  // namespace
}  // namespace mailrace::net
