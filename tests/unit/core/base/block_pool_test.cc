// SPDX-License-Identifier: GPL-3.0-or-later
// BlockPool hands out each block once and takes it back.
#include "core/base/block_pool.h"

#include <gtest/gtest.h>

#include <set>

namespace mailrace::core {
namespace {

TEST(BlockPoolTest, HandsOutEveryBlockOnceThenNone) {
  BlockPool pool(64, 5);
  std::set<std::byte*> blocks;
  for (int i = 0; i < 5; ++i) blocks.insert(pool.take());
  EXPECT_EQ(blocks.size(), 5u);
  EXPECT_FALSE(blocks.contains(nullptr));
  EXPECT_EQ(pool.take(), nullptr);
  EXPECT_EQ(pool.free_count(), 0u);
}

TEST(BlockPoolTest, GivesTheHottestBlockFirst) {
  BlockPool pool(64, 5);
  std::byte* const first = pool.take();
  std::byte* const second = pool.take();
  pool.give(first);
  pool.give(second);
  EXPECT_EQ(pool.free_count(), 5u);
  EXPECT_EQ(pool.take(), second);
  EXPECT_EQ(pool.take(), first);
}

TEST(BlockPoolTest, BeginsWhereItIsTold) {
  for (const size_t alignment : {size_t{64}, BlockPool::kPageBytes, size_t{2} << 20}) {
    BlockPool pool(64, 5, alignment);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pool.memory().data()) % alignment, 0u);
    EXPECT_EQ(pool.memory().size(), 5u * 64);
  }
}

TEST(BlockPoolDeathTest, RefusesAForeignBlock) {
  BlockPool pool(64, 2);
  std::byte foreign[64];
  EXPECT_DEATH(pool.give(foreign), "check failed");
}

}  // namespace
}  // namespace mailrace::core
