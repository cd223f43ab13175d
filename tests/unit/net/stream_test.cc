// SPDX-License-Identifier: GPL-3.0-or-later
// A stream's end waits for the kernel: its slot is somebody else's only once nothing is under way.
#include "net/stream.h"

#include "net/fd.h"
#include "net/ring_failure.h"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace mailrace::net {
namespace {

constexpr int kSlot = 0;
constexpr int kRounds = 200;

class StreamTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ring_.open(1).has_value()) << ring_unavailable(0);
    if (!ring_.features().socket_commands) GTEST_SKIP() << "no direct descriptors here";
  }

  // Puts one end of a connection into the slot. returns the other end
  Fd connect() {
    std::array<int, 2> ends;
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    EXPECT_EQ(io_uring_register_files_update(&ring_.handle(), kSlot, ends.data(), 1), 1);
    ::close(ends[0]);
    return Fd(ends[1]);
  }

  // Lets completions in until the stream is quiet.
  void finish(Stream& stream) {
    while (!stream.quiet()) {
      ring_.submit_and_wait();
      ring_.visit_completions([&](const io_uring_cqe& cqe) {
        if (Token::unpack(cqe.user_data).op == Op::shutdown) stream.on_shutdown();
      });
    }
  }

  Ring ring_;
};

// The kernel looks a direct descriptor up when a helper thread gets to the shutdown. If the slot
// had a new tenant by then, the new one would be shut down.
TEST_F(StreamTest, AShutdownNeverReachesTheNextTenantOfTheSlot) {
  for (int round = 0; round < kRounds; ++round) {
    const Fd first_peer = connect();
    Stream stream(ring_, Token{Op::ignore, 0, 0}, kSlot, 0);
    stream.shutdown_write();
    EXPECT_FALSE(stream.quiet());
    finish(stream);
    stream.close();
    io_uring_submit(&ring_.handle());

    const Fd next_peer = connect();
    char octet = 0;
    EXPECT_EQ(::recv(first_peer.get(), &octet, 1, 0), 0);
    // Long enough for a shutdown that was left behind.
    ::usleep(100);
    EXPECT_EQ(::recv(next_peer.get(), &octet, 1, MSG_DONTWAIT), -1) << "the next tenant was shut";
    EXPECT_EQ(errno, EAGAIN);
  }
}

}  // namespace
}  // namespace mailrace::net
