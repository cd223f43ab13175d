// SPDX-License-Identifier: GPL-3.0-or-later
// More completions than the queue holds; and what is seen of them without asking the kernel.
#include "net/ring.h"

#include "core/base/limits.h"
#include "net/fd.h"
#include "net/ring_failure.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <vector>

namespace mailrace::net {
namespace {

TEST(RingTest, NothingIsLostWhenTheCompletionQueueOverflows) {
  constexpr uint32_t kCount = core::kCompletionEntries + 3 * core::kSubmissionEntries + 1;
  Ring ring;
  ASSERT_TRUE(ring.open(0).has_value()) << ring_unavailable(0);
  EXPECT_FALSE(ring.has_overflowed());
  for (uint32_t i = 0; i < kCount; ++i) {
    io_uring_sqe& sqe = ring.next_sqe();  // submits whenever its queue is full
    io_uring_prep_nop(&sqe);
    io_uring_sqe_set_data64(&sqe, i);
  }
  std::vector<uint8_t> seen(kCount);
  uint32_t all = 0;
  bool overflowed = false;
  while (all < kCount) {
    ring.submit_and_wait();
    overflowed = overflowed || ring.has_overflowed();
    const uint32_t count =
        ring.visit_completions([&](const io_uring_cqe& cqe) { ++seen.at(cqe.user_data); });
    ASSERT_LE(count, core::kCompletionEntries);
    all += count;
  }
  EXPECT_TRUE(overflowed);
  EXPECT_FALSE(ring.has_overflowed());
  EXPECT_EQ(seen, std::vector<uint8_t>(kCount, 1)) << "each once";
}

TEST(RingTest, CompletionsAreSeenWithoutEnteringTheKernel) {
  Ring ring;
  ASSERT_TRUE(ring.open(0).has_value()) << ring_unavailable(0);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const Fd near(ends[0]);
  const Fd far(ends[1]);
  char octet = 0;
  io_uring_prep_recv(&ring.next_sqe(), near.get(), &octet, 1, 0);
  ring.submit();
  EXPECT_FALSE(ring.has_completions());
  ASSERT_EQ(::send(far.get(), "x", 1, 0), 1);
  EXPECT_TRUE(ring.has_completions()) << "to be had";
  ring.submit_and_wait();
  EXPECT_TRUE(ring.has_completions()) << "there";
  EXPECT_EQ(ring.visit_completions([](const io_uring_cqe&) {}), 1u);
  EXPECT_FALSE(ring.has_completions());
}

// One that submits brings the next one, and that one another.
TEST(RingTest, WhatCompletesDuringAVisitIsForTheNextOne) {
  Ring ring;
  ASSERT_TRUE(ring.open(0).has_value()) << ring_unavailable(0);
  const auto submit_one = [&ring] {
    io_uring_prep_nop(&ring.next_sqe());
    ring.submit();
  };
  submit_one();
  uint32_t visited = 0;
  const auto visit = [&](const io_uring_cqe&) {
    if (++visited < 10) submit_one();
  };
  EXPECT_EQ(ring.visit_completions(visit), 1u);
  EXPECT_TRUE(ring.has_completions());
  EXPECT_EQ(ring.visit_completions(visit), 1u);
}

}  // namespace
}  // namespace mailrace::net
