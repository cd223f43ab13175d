// SPDX-License-Identifier: GPL-3.0-or-later
// TextChain keeps texts in order and in place, and gives every block back.
#include "core/base/text_chain.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace mailrace::core {
namespace {

constexpr size_t kBlockBytes = 128;

std::vector<std::string> texts_of(const TextChain& chain) {
  std::vector<std::string> texts;
  chain.for_each([&](std::string_view text) {
    texts.emplace_back(text);
    return true;
  });
  return texts;
}

TEST(TextChainTest, KeepsTextsInOrderAndInPlace) {
  BlockPool pool(kBlockBytes, 100);
  TextChain chain(pool);
  std::vector<std::string> expected;
  std::vector<std::string_view> kept;
  for (size_t i = 0; i < 200; ++i) {
    expected.emplace_back(i % 40, char('a' + i % 26));
    const auto text = chain.append(expected.back());
    ASSERT_TRUE(text.has_value());
    kept.push_back(*text);
  }
  EXPECT_EQ(chain.count(), 200u);
  EXPECT_EQ(texts_of(chain), expected);
  EXPECT_TRUE(std::equal(kept.begin(), kept.end(), expected.begin(), expected.end()));
}

TEST(TextChainTest, TakesATextAsLongAsABlockHolds) {
  BlockPool pool(kBlockBytes, 2);
  TextChain chain(pool);
  const std::string longest(chain.entry_bytes_max(), 'x');
  EXPECT_TRUE(chain.append(longest).has_value());
  EXPECT_TRUE(chain.append(longest).has_value());
  EXPECT_EQ(texts_of(chain), (std::vector{longest, longest}));
}

TEST(TextChainDeathTest, RefusesATextThatNoBlockHolds) {
  BlockPool pool(kBlockBytes, 2);
  TextChain chain(pool);
  EXPECT_DEATH(chain.append(std::string(chain.entry_bytes_max() + 1, 'x')), "check failed");
}

TEST(TextChainTest, AFailedAppendChangesNothing) {
  BlockPool pool(kBlockBytes, 1);
  TextChain chain(pool);
  const std::string half(kBlockBytes / 2, 'x');
  ASSERT_TRUE(chain.append(half).has_value());
  EXPECT_FALSE(chain.append(half).has_value());
  EXPECT_EQ(texts_of(chain), std::vector{half});
  EXPECT_TRUE(chain.append("y").has_value());
  EXPECT_EQ(texts_of(chain), (std::vector<std::string>{half, "y"}));
}

TEST(TextChainTest, DropsTheLastTextOnly) {
  BlockPool pool(kBlockBytes, 10);
  TextChain chain(pool);
  ASSERT_TRUE(chain.append("a").has_value());
  chain.drop_last(*chain.append("b"));
  ASSERT_TRUE(chain.append("c").has_value());
  EXPECT_EQ(chain.count(), 2u);
  EXPECT_EQ(texts_of(chain), (std::vector<std::string>{"a", "c"}));
}

TEST(TextChainTest, GoesOnBehindABlockThatADropEmptied) {
  BlockPool pool(kBlockBytes, 3);
  TextChain chain(pool);
  const std::string longest(chain.entry_bytes_max(), 'x');
  ASSERT_TRUE(chain.append(longest).has_value());
  chain.drop_last(*chain.append("b"));
  EXPECT_EQ(texts_of(chain), std::vector{longest});
  ASSERT_TRUE(chain.append(longest).has_value());
  EXPECT_EQ(texts_of(chain), (std::vector{longest, longest}));
  EXPECT_EQ(pool.free_count(), 1u);
}

TEST(TextChainDeathTest, DropsNothingButTheLastText) {
  BlockPool pool(kBlockBytes, 1);
  TextChain chain(pool);
  EXPECT_DEATH(chain.drop_last(""), "check failed");
  const auto first = chain.append("a");
  ASSERT_TRUE(chain.append("b").has_value());
  EXPECT_DEATH(chain.drop_last(*first), "check failed");
}

TEST(TextChainTest, HoldsNoBlockWhileEmpty) {
  BlockPool pool(kBlockBytes, 4);
  TextChain chain(pool);
  EXPECT_EQ(pool.free_count(), 4u);
  for (int i = 0; i < 100; ++i) (void)chain.append("0123456789");
  EXPECT_EQ(pool.free_count(), 0u);
  chain.clear();
  EXPECT_EQ(pool.free_count(), 4u);
  EXPECT_EQ(chain.count(), 0u);
  chain.drop_last(*chain.append("a"));
  EXPECT_EQ(pool.free_count(), 4u);
}

TEST(TextChainTest, MovesWithItsBlocks) {
  BlockPool pool(kBlockBytes, 4);
  BlockPool other_pool(kBlockBytes, 4);
  TextChain from(pool);
  const auto text = from.append("a");
  TextChain to(other_pool);
  ASSERT_TRUE(to.append("b").has_value());
  to = std::move(from);
  EXPECT_EQ(other_pool.free_count(), 4u);
  EXPECT_EQ(texts_of(to), std::vector<std::string>{"a"});
  EXPECT_EQ(*text, "a");
  const TextChain last(std::move(to));
  EXPECT_EQ(last.count(), 1u);
  // A chain that was moved is empty.
  // NOLINTNEXTLINE(bugprone-use-after-move, clang-analyzer-cplusplus.Move)
  EXPECT_EQ(to.count(), 0u);
  ASSERT_TRUE(to.append("c").has_value());
  EXPECT_EQ(pool.free_count(), 2u);
}

TEST(TextChainTest, AVisitorStopsTheWalk) {
  BlockPool pool(kBlockBytes, 1);
  TextChain chain(pool);
  for (const char* text : {"a", "b", "c"}) ASSERT_TRUE(chain.append(text).has_value());
  std::string seen;
  chain.for_each([&](std::string_view text) {
    seen += text;
    return text != "b";
  });
  EXPECT_EQ(seen, "ab");
}

TEST(TextChainTest, PutsATextTogetherFromItsParts) {
  BlockPool pool(kBlockBytes, 1);
  TextChain chain(pool);
  EXPECT_EQ(chain.append({"ab", "", "c"}), "abc");
  EXPECT_EQ(chain.append({"", ""}), "");
  EXPECT_EQ(texts_of(chain), (std::vector<std::string>{"abc", ""}));
}

TEST(TextChainTest, TakesNoMoreThanItsShare) {
  BlockPool pool(kBlockBytes, 4);
  TextChain chain(pool, 2);
  const std::string text(chain.entry_bytes_max(), 'x');
  EXPECT_TRUE(chain.append(text));
  EXPECT_TRUE(chain.append(text));
  EXPECT_FALSE(chain.append("y"));
  EXPECT_EQ(pool.free_count(), 2u);
  TextChain moved = std::move(chain);
  EXPECT_FALSE(moved.append("y"));
  moved.clear();
  EXPECT_TRUE(moved.append(text));
}

TEST(TextChainTest, ACursorComesByAllTexts) {
  BlockPool pool(64, 100);
  TextChain chain(pool);
  TextChain::Cursor none;
  EXPECT_FALSE(chain.next(none).has_value());
  std::vector<std::string> texts;
  for (size_t i = 0; i < 50; ++i) {
    texts.emplace_back(i % 40, char('a' + i % 26));  // some are empty
    ASSERT_TRUE(chain.append(texts.back()).has_value());
  }
  TextChain::Cursor cursor;
  for (const std::string& text : texts) EXPECT_EQ(chain.next(cursor), text);
  EXPECT_FALSE(chain.next(cursor).has_value());
  EXPECT_FALSE(chain.next(cursor).has_value());
}

}  // namespace
}  // namespace mailrace::core
