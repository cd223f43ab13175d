// SPDX-License-Identifier: GPL-3.0-or-later
// A listener accepts again after an error, but not at once.
#include "net/listener.h"

#include "core/base/limits.h"
#include "net/ring_failure.h"
#include "net/socket_address.h"
#include "net/token.h"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

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
  one.user_data = Token{Op::accept, 0, 0}.pack();
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

class PacedListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ring_.open(64).has_value()) << ring_unavailable(0);
    auto socket = open_listener(*core::parse_endpoint("127.0.0.1:0"));
    ASSERT_TRUE(socket.has_value());
    address_size_ = to_socket_address(*local_endpoint(*socket), address_);
    descriptor_ = socket->get();
    listener_.emplace(ListeningSocket{std::move(*socket), {}});
  }

  void connect(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address_), address_size_), 0);
      clients_.push_back(std::move(client));
    }
  }

  // returns   how many were accepted until nothing happens any more
  size_t accepted() {
    size_t count = 0;
    __kernel_timespec moment{.tv_sec = 0, .tv_nsec = 50'000'000};
    io_uring_submit(&ring_.handle());
    io_uring_cqe* cqe = nullptr;
    while (io_uring_wait_cqe_timeout(&ring_.handle(), &cqe, &moment) == 0) {
      if (Token::unpack(cqe->user_data).op == Op::accept) {
        listener_->on_accept(*cqe);
        if (cqe->res >= 0) ++count;
      }
      io_uring_cqe_seen(&ring_.handle(), cqe);
      io_uring_submit(&ring_.handle());
    }
    return count;
  }

  Ring ring_;
  int descriptor_ = -1;
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  std::optional<Listener> listener_;
  std::vector<Fd> clients_;
};

TEST_F(PacedListenerTest, AcceptsAFewAtATimeAndThenAllAgain) {
  connect(3);
  listener_->accept(ring_, 0);
  EXPECT_EQ(accepted(), 3u);

  // The multishot accept that is armed ends; whoever comes meanwhile may still come in by it.
  listener_->accept(ring_, 0, AcceptPace::few);
  EXPECT_EQ(accepted(), 0u);
  EXPECT_FALSE(listener_->armed());
  EXPECT_FALSE(listener_->paused()) << "it was not the kernel that ended it";
  connect(3 * core::kSlowAccepts);
  listener_->accept(ring_, 0, AcceptPace::few);
  EXPECT_EQ(accepted(), 0u) << "none is due before go_on()";
  for (int round = 0; round < 2; ++round) {
    listener_->go_on();
    listener_->accept(ring_, 0, AcceptPace::few);
    EXPECT_EQ(accepted(), core::kSlowAccepts);
  }
  listener_->accept(ring_, 0);
  EXPECT_EQ(accepted(), core::kSlowAccepts);
}

TEST_F(PacedListenerTest, WhatIsArmedIsNotArmedAgain) {
  for (int round = 0; round < 3; ++round) {
    listener_->go_on();
    listener_->accept(ring_, 0, AcceptPace::few);
  }
  connect(3 * core::kSlowAccepts);
  EXPECT_EQ(accepted(), core::kSlowAccepts);
}

// The kernel takes the limit of the moment in which an accept is armed.
TEST(ListenerTest, OutOfDescriptorsItPausesAndGoesOnWithThem) {
  Ring ring;
  ASSERT_TRUE(ring.open(0, {.socket_commands = false}).has_value()) << ring_unavailable(0);
  auto socket = open_listener(*core::parse_endpoint("127.0.0.1:0"));
  ASSERT_TRUE(socket.has_value());
  sockaddr_storage address{};
  const socklen_t size = to_socket_address(*local_endpoint(*socket), address);
  Listener listener({std::move(*socket), {}});
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit all{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &all), 0);
  const rlimit none{.rlim_cur = rlim_t(Fd(::dup(0)).get()), .rlim_max = all.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  listener.accept(ring, 0);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  const auto result = [&] {
    int res = 0;
    while (ring.visit_completions([&](const io_uring_cqe& cqe) {
      listener.on_accept(cqe);
      res = cqe.res;
    }) == 0) {
      ring.submit_and_wait();
    }
    return res;
  };
  EXPECT_EQ(result(), -EMFILE);
  EXPECT_TRUE(listener.paused());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &all), 0);
  listener.go_on();
  listener.accept(ring, 0);
  const Fd accepted(result());
  EXPECT_TRUE(accepted.is_open()) << "who waited is let in";
}

TEST_F(PacedListenerTest, StopsWhateverIsArmed) {
  listener_->accept(ring_, 0);
  listener_->go_on();
  listener_->accept(ring_, 0, AcceptPace::few);
  listener_->stop(ring_, 0);
  EXPECT_TRUE(listener_->armed());
  EXPECT_EQ(accepted(), 0u);
  EXPECT_FALSE(listener_->armed());
  Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_NE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address_), address_size_), 0)
      << "the socket is closed";
}

// The first one that waits is woken, and ends before it has looked.
TEST_F(PacedListenerTest, LooksAgainForThoseOfWhomOnlyAnotherOneWasTold) {
  for (const AcceptPace pace : {AcceptPace::all, AcceptPace::few}) {
    Ring others;
    ASSERT_TRUE(others.open(64).has_value()) << ring_unavailable(0);
    Listener other({Fd(::dup(descriptor_)), {}});
    other.accept(others, 0);
    io_uring_submit(&others.handle());
    listener_->go_on();
    listener_->accept(ring_, 0, pace);
    EXPECT_EQ(accepted(), 0u);
    connect(1);
    other.stop(others, 0);
    while (other.armed()) {
      others.submit_and_wait();
      others.visit_completions([&](const io_uring_cqe& cqe) {
        if (Token::unpack(cqe.user_data).op != Op::accept) return;
        EXPECT_EQ(cqe.res, -ECANCELED);
        other.on_accept(cqe);
      });
    }
    EXPECT_EQ(accepted(), 0u) << "the kernel tells more than one; is this still needed?";
    listener_->look_again(ring_, 0);
    EXPECT_EQ(accepted(), 0u);
    EXPECT_FALSE(listener_->armed());
    listener_->accept(ring_, 0, pace);
    EXPECT_EQ(accepted(), 1u);
    listener_->look_again(ring_, 0);
    EXPECT_EQ(accepted(), 0u);
  }
}

}  // namespace
}  // namespace mailrace::net
