// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/memory_watch.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstring>
#include <vector>

namespace mailrace::tools {
namespace {

TEST(MemoryWatchTest, ReadsWhatTheKernelWrites) {
  const auto page = uint64_t(::sysconf(_SC_PAGESIZE));
  EXPECT_EQ(own_memory("1000 300 100 5 0 200 0\n"), 200 * page);
  EXPECT_EQ(own_memory("1000 100 300 5 0 200 0\n"), 0u);
  EXPECT_EQ(own_memory(""), std::nullopt);
  EXPECT_EQ(own_memory("1000 300"), std::nullopt);
  EXPECT_EQ(own_memory("1000 x 3"), std::nullopt);
}

TEST(MemoryWatchTest, SeesWhatIsTaken) {
  constexpr size_t kBytes = 64 << 20;
  MemoryWatch watch(kBytes);
  watch.look(0);
  const uint64_t before = watch.bytes();
  EXPECT_GT(before, 0u);
  std::vector<char> taken(kBytes);
  std::memset(taken.data(), 1, taken.size());
  watch.look(0);
  EXPECT_GE(watch.bytes(), before + kBytes / 8 * 7);
  EXPECT_GE(watch.used(), 875u);
  const uint32_t with_all = watch.used();
  watch.look(kBytes / 2);
  EXPECT_LE(watch.used(), with_all - 400) << "what can be used again does not count";
  EXPECT_GE(watch.bytes(), before + kBytes / 8 * 7);
  watch.look(UINT64_MAX);
  EXPECT_EQ(watch.used(), 0u);
}

TEST(MemoryWatchTest, TheBudgetIsAPartOfWhatThereIs) {
  const uint64_t all = memory_of_machine();
  EXPECT_GT(all, uint64_t{64} << 20);
  EXPECT_LT(all, uint64_t{1} << 50);
  EXPECT_EQ(MemoryWatch(0).budget(), all / 4 * 3);
  EXPECT_EQ(MemoryWatch(123).budget(), 123u);
}

}  // namespace
}  // namespace mailrace::tools
