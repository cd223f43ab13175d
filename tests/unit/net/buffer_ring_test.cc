// SPDX-License-Identifier: GPL-3.0-or-later
// How many buffers the kernel is offered.
#include "net/buffer_ring.h"

#include "core/base/limits.h"
#include "net/ring.h"
#include "net/ring_failure.h"

#include <gtest/gtest.h>

namespace mailrace::net {
namespace {

constexpr uint32_t kCount = core::kReceiveBufferCount;
constexpr uint32_t kSample = core::kReceiveSampleBuffers;
constexpr uint32_t kFullOnes = core::kReceiveHotBytes / core::kReceiveBufferBytes;
static_assert(kFullOnes < kCount);

class BufferRingTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto opened = ring_.open(8);
    if (!opened) GTEST_SKIP() << ring_unavailable(8);
    ASSERT_TRUE(buffers_.open(ring_, 0, kCount, core::kReceiveBufferBytes).has_value());
  }

  // As if that many completions had each brought a buffer with so much in it.
  void lend(uint32_t count, size_t octets) {
    for (uint32_t i = 0; i < count; ++i) buffers_.note_lent(int32_t(octets));
  }
  void give_back(uint32_t count) {
    for (uint32_t id = 0; id < count; ++id) buffers_.give_back(uint16_t(id));
  }
  // A batch of as many as there are offered, until as many were seen as it takes to decide.
  void receive(size_t octets) {
    for (uint32_t seen = 0; seen < kSample;) {
      const uint32_t batch = buffers_.offered();
      ASSERT_GT(batch, 0u);
      lend(batch, octets);
      give_back(batch);
      buffers_.adapt();
      seen += batch;
    }
  }

  Ring ring_;
  BufferRing buffers_;
};

TEST_F(BufferRingTest, OffersAllAtFirst) {
  EXPECT_EQ(buffers_.offered(), kCount);
  EXPECT_EQ(buffers_.lent(), 0u);
}

TEST_F(BufferRingTest, OffersFewForLargePiecesAndAllForSmallOnes) {
  receive(core::kReceiveBufferBytes);
  lend(1, core::kReceiveBufferBytes);
  give_back(1);
  EXPECT_LT(buffers_.offered(), kCount);
  receive(core::kReceiveBufferBytes);
  EXPECT_EQ(buffers_.offered(), kFullOnes);
  EXPECT_EQ(buffers_.lent(), 0u);
  receive(4096);
  EXPECT_EQ(buffers_.offered(), kCount);
  receive(0);
  EXPECT_EQ(buffers_.offered(), kCount);
}

// As many connections as that take what there is in turn, and most of their receives find nothing.
TEST_F(BufferRingTest, OffersAllToManyThatFindNone) {
  receive(core::kReceiveBufferBytes);
  receive(core::kReceiveBufferBytes);
  ASSERT_EQ(buffers_.offered(), kFullOnes);
  for (uint32_t i = 0; i < core::kReceiveStarvedMax * kSample; ++i) buffers_.note_starved();
  receive(core::kReceiveBufferBytes);
  EXPECT_EQ(buffers_.offered(), kCount);
  receive(core::kReceiveBufferBytes);
  lend(1, core::kReceiveBufferBytes);
  give_back(1);
  EXPECT_LT(buffers_.offered(), kCount) << "there are few again";
}

// Slow peers keep what they have; the others get as many as before, while there are any.
TEST_F(BufferRingTest, OffersOthersForThoseThatStayOut) {
  receive(core::kReceiveBufferBytes);
  receive(core::kReceiveBufferBytes);
  ASSERT_EQ(buffers_.offered(), kFullOnes);
  for (uint32_t out = kFullOnes; out < kCount; out += kFullOnes) {
    lend(kFullOnes, 100);
    EXPECT_EQ(buffers_.offered(), 0u);
    buffers_.adapt();
    EXPECT_EQ(buffers_.offered(), kFullOnes) << out;
  }
  lend(kFullOnes, 100);
  buffers_.adapt();
  EXPECT_EQ(buffers_.offered(), 0u);
  EXPECT_EQ(buffers_.lent(), kCount);
}

}  // namespace
}  // namespace mailrace::net
