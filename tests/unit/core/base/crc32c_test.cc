// SPDX-License-Identifier: GPL-3.0-or-later
// CRC-32C gives the published values, goes on where it was left, and is the same in every kernel.
#include "core/base/crc32c.h"

#include "core/base/cpu.h"
#include "core/base/prng.h"
#include "tests/support/environment.h"
#include "tests/support/guard_page.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace mailrace::core {
namespace {

struct Vector {
  const char* name;
  std::string octets;
  uint32_t crc;
};

std::string counting(int first, int step) {
  std::string octets;
  for (int i = 0; i < 32; ++i) octets.push_back(char(first + i * step));
  return octets;
}

// An iSCSI Read (10) command PDU.
constexpr unsigned char kReadCommand[48] = {
    0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18,
    0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};

// Source: RFC 3720 B.4, which prints the octets of the CRC in the order of transmission, least
// significant first; "123456789" is the customary check value.
const Vector kPublishedVectors[] = {
    {"nothing", "", 0x00000000},
    {"check_value", "123456789", 0xe3069283},
    {"zeros", std::string(32, '\0'), 0x8a9136aa},
    {"ones", std::string(32, '\xff'), 0x62a8ab43},
    {"incrementing", counting(0, 1), 0x46dd794e},
    {"decrementing", counting(31, -1), 0x113fdb5c},
    {"read_command", std::string(reinterpret_cast<const char*>(kReadCommand), 48), 0xd9963a56},
};

std::vector<std::byte> random_octets(size_t size, uint64_t seed) {
  Prng prng(seed);
  std::vector<std::byte> octets(size);
  for (std::byte& octet : octets) octet = std::byte(prng.next());
  return octets;
}

// Bit by bit, as the polynomial is written; shares nothing with the kernels.
uint32_t crc_by_definition(Octets data) {
  uint32_t state = ~0u;
  for (const std::byte octet : data) {
    state ^= uint32_t(octet);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~state;
}

TEST(Crc32cTest, GivesThePublishedValues) {
  for (const Vector& vector : kPublishedVectors) {
    EXPECT_EQ(crc32c(0, as_octets(vector.octets)), vector.crc) << vector.name;
    for (const Crc32cKernel& kernel : crc32c_kernels()) {
      if (!kernel.runs_here()) continue;
      EXPECT_EQ(kernel.extend(0, as_octets(vector.octets)), vector.crc)
          << vector.name << " by " << kernel.name;
    }
  }
}

TEST(Crc32cTest, EveryLengthAndAlignmentIsTheSameInEveryKernel) {
  const std::vector<std::byte> octets = random_octets(64 + 300, 1);
  for (const Crc32cKernel& kernel : crc32c_kernels()) {
    if (!kernel.runs_here()) continue;
    SCOPED_TRACE(kernel.name);
    for (size_t length = 0; length <= 300; ++length) {
      for (size_t alignment = 0; alignment < 64; ++alignment) {
        const Octets data = Octets(octets).subspan(alignment, length);
        ASSERT_EQ(kernel.extend(0, data), crc_by_definition(data)) << length << " at " << alignment;
      }
    }
  }
}

// Lengths on both sides of every stretch that the sse42 kernel cuts large inputs into.
TEST(Crc32cTest, LargeInputsAreTheSameInEveryKernel) {
  const std::vector<std::byte> octets = random_octets(20'000, 2);
  std::vector<size_t> lengths = {4096, 16 << 10, 20'000};
  for (size_t length = 1; length < octets.size(); length += 97) lengths.push_back(length);
  for (size_t length = 768 - 30; length < 768 + 130; ++length) lengths.push_back(length);
  for (const Crc32cKernel& kernel : crc32c_kernels()) {
    if (!kernel.runs_here()) continue;
    SCOPED_TRACE(kernel.name);
    for (const size_t length : lengths) {
      const Octets data = Octets(octets).last(length);
      ASSERT_EQ(kernel.extend(0, data), crc_by_definition(data)) << length;
    }
  }
}

TEST(Crc32cTest, GoesOnWhereItWasLeft) {
  const std::vector<std::byte> octets = random_octets(7000, 3);
  for (const Crc32cKernel& kernel : crc32c_kernels()) {
    if (!kernel.runs_here()) continue;
    SCOPED_TRACE(kernel.name);
    const uint32_t whole = kernel.extend(0, octets);
    for (size_t split = 0; split <= octets.size(); split += split < 300 ? 1 : 61) {
      const uint32_t first = kernel.extend(0, Octets(octets).first(split));
      ASSERT_EQ(kernel.extend(first, Octets(octets).subspan(split)), whole) << "split at " << split;
    }
  }
}

TEST(Crc32cTest, JoinsTwoStretchesWithoutTheirOctets) {
  const std::vector<std::byte> octets = random_octets(7000, 5);
  const uint32_t whole = crc32c(0, octets);
  for (size_t split = 0; split <= octets.size(); split += split < 300 ? 1 : 61) {
    const Octets second = Octets(octets).subspan(split);
    const uint32_t first = crc32c(0, Octets(octets).first(split));
    ASSERT_EQ(Crc32cJoin(second.size())(first, crc32c(0, second)), whole) << "split at " << split;
  }
}

// More than could be computed octet by octet: 2^40 octets are two stretches of 2^39.
TEST(Crc32cTest, JoinsStretchesOfAnyLength) {
  const Crc32cJoin half(1ull << 39);
  const Crc32cJoin whole(1ull << 40);
  for (const uint32_t crc : {0u, 1u, 0x80000000u, 0xe3069283u}) {
    EXPECT_EQ(half(half(crc, 0), 0), whole(crc, 0));
  }
}

TEST(Crc32cTest, ReadsNothingOutsideItsInput) {
  const tests::GuardedPages pages(4096);
  for (const Crc32cKernel& kernel : crc32c_kernels()) {
    if (!kernel.runs_here()) continue;
    for (size_t length = 0; length <= 4096; length += length < 300 ? 1 : 59) {
      const uint32_t at_start = kernel.extend(0, pages.at_start(length));
      EXPECT_EQ(kernel.extend(0, pages.at_end(length)), at_start) << kernel.name << " " << length;
    }
  }
}

TEST(Crc32cTest, ChoosesTheTableIfScalarIsWished) {
  EXPECT_EQ(choose_crc32c_kernel("scalar").name, "table");
  EXPECT_EQ(choose_crc32c_kernel("").name, choose_crc32c_kernel("avx2").name);
  EXPECT_TRUE(choose_crc32c_kernel("").runs_here());
  const CpuFeatures& cpu = cpu_features();
  if (cpu.sse42 && cpu.pclmul) {
    EXPECT_EQ(choose_crc32c_kernel("").name, cpu.avx512 && cpu.vpclmul ? "avx512" : "sse42");
  }
}

TEST(Crc32cDeathTest, ObeysTheEnvironment) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a new process, which chooses for itself
  const tests::WithEnvironment scalar("MAILRACE_KERNEL", "scalar");
  EXPECT_EXIT(std::exit(crc32c_name() == "table" ? 0 : 1), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace mailrace::core
