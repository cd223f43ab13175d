// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/bytes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::core {
namespace {

TEST(ReleaseTest, GivesTheMemoryBack) {
  std::vector<std::byte> octets(1000);
  release(octets);
  EXPECT_TRUE(octets.empty());
  EXPECT_EQ(octets.capacity(), 0u);
  std::string text(1000, 'x');
  release(text);
  EXPECT_EQ(text.capacity(), std::string().capacity());
}

TEST(BytesTest, NumbersAreLittleEndianAnywhere) {
  std::byte octets[5] = {};
  store_le(octets + 1, uint32_t{0x01020304});
  EXPECT_EQ(octets[1], std::byte{4});
  EXPECT_EQ(octets[4], std::byte{1});
  EXPECT_EQ(load_le<uint32_t>(octets + 1), 0x01020304u);
  EXPECT_EQ(align_up(9, 8), 16u);
  EXPECT_EQ(align_up(16, 8), 16u);
}

}  // namespace
}  // namespace mailrace::core
