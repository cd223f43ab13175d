// SPDX-License-Identifier: GPL-3.0-or-later
// A listener accepts again after an error, but not at once.
#include "net/listener.h"

#include "net/ring_failure.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <cerrno>

namespace mailrace::net {
namespace {

TEST(ListenerTest, PausesAfterAnAcceptThatFailed) {
  Ring ring;
  ASSERT_TRUE(ring.open(0).has_value()) << ring_unavailable(0);
  auto socket = open_listener(*core::parse_endpoint("127.0.0.1:0"));
  ASSERT_TRUE(socket.has_value());
  Listener listener({std::move(*socket), {}});
  listener.accept(ring, 0);
  EXPECT_TRUE(listener.armed());

  io_uring_cqe one{};
  one.res = 7;
  one.flags = IORING_CQE_F_MORE;
  listener.on_accept(one);
  EXPECT_TRUE(listener.armed());
  EXPECT_FALSE(listener.paused());

  io_uring_cqe failed{};
  failed.res = -EMFILE;
  listener.on_accept(failed);
  EXPECT_FALSE(listener.armed());
  EXPECT_TRUE(listener.paused());
  listener.accept(ring, 0);
  EXPECT_FALSE(listener.armed()) << "that would fail at once, again and again";
  listener.go_on();
  listener.accept(ring, 0);
  EXPECT_TRUE(listener.armed());
}

}  // namespace
}  // namespace mailrace::net
