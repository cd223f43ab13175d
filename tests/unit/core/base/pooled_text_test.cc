// SPDX-License-Identifier: GPL-3.0-or-later
// Text takes a block while it is there, whoever has it.
#include "core/base/pooled_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace mailrace::core {
namespace {

TEST(PooledTextTest, HasABlockWhileItIsThere) {
  BlockPool pool(64, 2);
  {
    PooledText text;
    EXPECT_TRUE(text.assign(pool, ""));
    EXPECT_EQ(text.view(), "");
    EXPECT_EQ(pool.free_count(), 2u);
    std::string said(64, 'x');
    EXPECT_TRUE(text.assign(pool, said));
    said.assign(64, 'y');
    EXPECT_EQ(text.view(), std::string(64, 'x'));
    EXPECT_EQ(pool.free_count(), 1u);
    EXPECT_TRUE(text.assign(pool, "z"));
    EXPECT_EQ(text.view(), "z");
    EXPECT_EQ(pool.free_count(), 1u);
    text.clear();
    EXPECT_EQ(text.view(), "");
    EXPECT_EQ(pool.free_count(), 2u);
    EXPECT_TRUE(text.assign(pool, "z"));
  }
  EXPECT_EQ(pool.free_count(), 2u);
}

TEST(PooledTextTest, IsEmptyIfThereIsNoBlock) {
  BlockPool pool(64, 1);
  PooledText first, second;
  EXPECT_TRUE(first.assign(pool, "a"));
  EXPECT_FALSE(second.assign(pool, "b"));
  EXPECT_EQ(second.view(), "");
  EXPECT_TRUE(second.assign(pool, ""));
}

TEST(PooledTextTest, MovesWithItsBlock) {
  BlockPool pool(64, 2);
  PooledText first, second;
  EXPECT_TRUE(first.assign(pool, "a"));
  EXPECT_TRUE(second.assign(pool, "b"));
  second = std::move(first);
  EXPECT_EQ(second.view(), "a");
  EXPECT_EQ(pool.free_count(), 1u);
  const PooledText third(std::move(second));
  EXPECT_EQ(third.view(), "a");
  second = PooledText();
  EXPECT_EQ(pool.free_count(), 1u);
}

}  // namespace
}  // namespace mailrace::core
