// SPDX-License-Identifier: GPL-3.0-or-later
// Octets come out in the order they came in, and every lent buffer goes back exactly once.
#include "net/input_queue.h"

#include "net/fd.h"
#include "net/ring_failure.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>

namespace mailrace::net {
namespace {

// A real ring with real buffers: what arrives on a socket pair is lent by the kernel.
class InputQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ring_.open(0).has_value()) << ring_unavailable(0);
    ASSERT_TRUE(
        buffers_.open(ring_, 0, core::kReceiveBufferCount, core::kReceiveBufferBytes).has_value());
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    near_.reset(pair[0]);
    far_.reset(pair[1]);
  }

  // Sends `text` through the kernel into one lent buffer of `queue`.
  void receive(InputQueue& queue, const std::string& text) {
    ASSERT_EQ(::send(far_.get(), text.data(), text.size(), 0), ssize_t(text.size()));
    io_uring_sqe& sqe = ring_.next_sqe();
    io_uring_prep_recv(&sqe, near_.get(), nullptr, 0, 0);
    sqe.buf_group = buffers_.group();
    sqe.flags |= IOSQE_BUFFER_SELECT;
    ring_.submit_and_wait();
    ring_.visit_completions([&](const io_uring_cqe& cqe) {
      ASSERT_EQ(cqe.res, int(text.size()));
      ASSERT_TRUE(BufferRing::has_buffer(cqe));
      buffers_.note_lent(cqe.res);
      queue.push(BufferRing::buffer_id(cqe), uint32_t(cqe.res));
    });
  }

  static std::string take_all(InputQueue& queue, size_t piece) {
    std::string all;
    while (!queue.empty()) {
      const core::Octets front = queue.front();
      const size_t size = std::min(piece, front.size());
      all += core::as_text(front.first(size));
      queue.consume(size);
    }
    return all;
  }

  Ring ring_;
  BufferRing buffers_;
  HeldBuffers held_{buffers_};
  Fd near_;
  Fd far_;
};

TEST_F(InputQueueTest, GivesOctetsInOrderAndBuffersBack) {
  InputQueue queue(held_, 7);
  receive(queue, "first ");
  receive(queue, "second ");
  receive(queue, "third");
  EXPECT_EQ(queue.held_count(), 3u);
  EXPECT_EQ(buffers_.lent(), 3u);
  EXPECT_EQ(take_all(queue, 4), "first second third");
  EXPECT_EQ(buffers_.lent(), 0u);
}

TEST_F(InputQueueTest, AStashKeepsOrderAndFreesTheBuffers) {
  InputQueue queue(held_, 7);
  receive(queue, "one ");
  receive(queue, "two ");
  queue.consume(2);
  ASSERT_TRUE(queue.stash());
  EXPECT_EQ(buffers_.lent(), 0u);
  EXPECT_EQ(held_.stashed_bytes, 6u);
  receive(queue, "three");
  EXPECT_EQ(take_all(queue, 100), "e two three");
  EXPECT_EQ(held_.stashed_bytes, 0u);
  EXPECT_EQ(buffers_.lent(), 0u);
}

TEST_F(InputQueueTest, AStashHasItsBound) {
  InputQueue queue(held_, 7);
  const std::string piece(core::kReceiveBufferBytes, 'x');
  for (size_t bytes = 0; bytes + piece.size() <= core::kStashBytesMax; bytes += piece.size()) {
    receive(queue, piece);
    ASSERT_TRUE(queue.stash());
  }
  receive(queue, piece);
  EXPECT_FALSE(queue.stash());
  EXPECT_EQ(queue.held_count(), 1u);
  EXPECT_EQ(take_all(queue, SIZE_MAX).size(), core::kStashBytesMax + piece.size());
}

TEST_F(InputQueueTest, TheWorkersStashesTogetherHaveTheirs) {
  InputQueue queue(held_, 7);
  held_.stashed_bytes = core::kStashBytesPerWorkerMax;
  receive(queue, "x");
  EXPECT_FALSE(queue.stash());
  held_.stashed_bytes = 0;
}

TEST_F(InputQueueTest, WhoCannotBeDroppedStashesAsMuchAsTheWorkerAllows) {
  InputQueue queue(held_, 7);
  const std::string piece(core::kReceiveBufferBytes, 'x');
  const size_t pieces = core::kStashBytesMax / piece.size() + 2;  // more than the others may
  for (size_t i = 0; i < pieces; ++i) receive(queue, piece);
  receive(queue, "one ");
  receive(queue, "two");
  held_.stashed_bytes = core::kStashBytesPerWorkerMax - pieces * piece.size() - 5;
  queue.stash_some();
  EXPECT_EQ(queue.held_count(), 1u) << "the last one does not fit";
  held_.stashed_bytes -= core::kStashBytesPerWorkerMax - pieces * piece.size() - 5;
  const std::string all = take_all(queue, SIZE_MAX);
  EXPECT_EQ(all.size(), pieces * piece.size() + 7);
  EXPECT_TRUE(all.ends_with("xone two"));
  EXPECT_EQ(held_.stashed_bytes, 0u);
}

TEST_F(InputQueueTest, GivesEverythingBackWhenItGoes) {
  {
    InputQueue queue(held_, 7);
    receive(queue, "one");
    ASSERT_TRUE(queue.stash());
    receive(queue, "two");
  }
  EXPECT_EQ(buffers_.lent(), 0u);
  EXPECT_EQ(held_.stashed_bytes, 0u);
}

}  // namespace
}  // namespace mailrace::net
