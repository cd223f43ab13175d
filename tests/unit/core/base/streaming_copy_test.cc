// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/streaming_copy.h"

#include "core/base/prng.h"
#include "tests/support/guard_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace mailrace::core {
namespace {

constexpr size_t kMost = 3 * 64 + 5;

// All lengths at all places in a line, to the very end of both memories and not an octet further.
TEST(StreamingCopy, CopiesWhatItIsGivenAndNothingElse) {
  const tests::GuardedPages sources(kMost);
  const tests::GuardedPages targets(kMost + 64);
  Prng random(7);
  for (size_t size = 0; size <= kMost; ++size) {
    const MutableOctets source = sources.at_end(size);
    for (std::byte& octet : source) octet = std::byte(random.below(256));
    for (size_t behind_line = 0; behind_line < 64; ++behind_line) {
      const MutableOctets room = targets.at_end(size + behind_line);
      std::ranges::fill(room, std::byte{0x55});
      streaming_copy(room.data() + behind_line, source);
      EXPECT_TRUE(std::ranges::equal(room.subspan(behind_line), source)) << size;
      EXPECT_TRUE(std::ranges::all_of(room.first(behind_line),
                                      [](std::byte octet) { return octet == std::byte{0x55}; }));
    }
  }
}

TEST(StreamingCopy, CopiesMuch) {
  std::vector<std::byte> source(1 << 20);
  Prng random(8);
  for (std::byte& octet : source) octet = std::byte(random.below(256));
  std::vector<std::byte> target(source.size() + 1);
  streaming_copy(target.data() + 1, source);
  EXPECT_EQ(std::memcmp(target.data() + 1, source.data(), source.size()), 0);
}

}  // namespace
}  // namespace mailrace::core
