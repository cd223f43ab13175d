// SPDX-License-Identifier: GPL-3.0-or-later
// The dot scan stops where the contract says, in every kernel; the choice of a kernel.
#include "core/scan/dot_scan.h"

#include "core/base/cpu.h"
#include "tests/support/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

constexpr uint16_t previous_of(char older, char newer) {
  return uint16_t(uint8_t(older) << 8 | uint8_t(newer));
}

constexpr uint16_t kCrLf = kDotScanStart;
constexpr uint16_t kInLine = previous_of('a', 'b');
constexpr uint16_t kAfterCr = previous_of('a', '\r');
constexpr uint16_t kAfterBareLf = previous_of('a', '\n');

struct Case {
  const char* name;
  std::string_view data;
  uint16_t previous;
  size_t hit;
};

// Source: RFC 5321 4.5.2 for dots, 2.3.8 for CR and LF.
constexpr Case kCases[] = {
    {"nothing", "", kCrLf, 0},
    {"nothing_after_cr", "", kAfterCr, 0},
    {"line", "hello\r\n", kCrLf, 7},
    {"two_lines", "hello\r\nworld\r\n", kCrLf, 14},
    {"empty_lines", "\r\n\r\n\r\n", kCrLf, 6},
    {"dot_at_start", ".\r\n", kCrLf, 0},
    {"dot_in_line", "a.b\r\n", kCrLf, 5},
    {"dot_goes_on_with_a_line", ".b\r\n", kInLine, 4},
    {"dot_after_line", "a\r\n.\r\n", kCrLf, 3},
    {"stuffed_dot", "a\r\n..b\r\n", kCrLf, 3},
    {"second_dot_is_harmless", ".b", previous_of('\n', '.'), 2},
    {"first_of_two_dots", "a\r\n.b\r\n.", kCrLf, 3},
    {"bare_lf", "ab\ncd", kCrLf, 2},
    {"bare_lf_at_start", "\ncd", kCrLf, 0},
    {"bare_lf_in_line", "\ncd", kInLine, 0},
    {"lf_after_crlf", "a\r\n\nb", kCrLf, 3},
    {"bare_lf_before_dot", "ab\n.\n", kCrLf, 2},
    {"bare_cr", "ab\rcd", kCrLf, 2},
    {"bare_cr_at_start", "\rcd", kCrLf, 0},
    {"cr_cr_lf", "ab\r\r\n", kCrLf, 2},
    {"cr_dot", "ab\r.\r\n", kCrLf, 2},
    {"bare_cr_before_bare_lf", "a\rb\nc", kCrLf, 1},
    {"bare_lf_before_bare_cr", "a\nb\rc", kCrLf, 1},
    {"cr_at_the_end_waits", "ab\r", kCrLf, 3},
    {"only_cr_waits", "\r", kCrLf, 1},
    {"crlf_split", "\nab", kAfterCr, 3},
    {"crlf_split_then_dot", "\n.ab", kAfterCr, 1},
    {"bare_cr_split", "ab", kAfterCr, 0},
    {"bare_cr_split_before_cr", "\r\n", kAfterCr, 0},
    {"bare_cr_split_before_dot", ".\r\n", kAfterCr, 0},
    {"dot_after_bare_lf_is_in_line", ".ab", kAfterBareLf, 3},
    {"bare_lf_split", "\n", kAfterBareLf, 0},
    {"high_octets", "\x8d\x8a\xae\r\n\x8a", kCrLf, 6},
    {"nul", std::string_view("\0\0\r\n\0", 5), kCrLf, 5},
    {"high_previous", "ab", previous_of('\x8d', '\x8a'), 2},
};

class DotScanTest : public testing::TestWithParam<Case> {};

TEST_P(DotScanTest, StopsThere) {
  const Case& c = GetParam();
  for (const DotScanKernel& kernel : dot_scan_kernels()) {
    if (!kernel.runs_here()) continue;
    EXPECT_EQ(kernel.scan(as_octets(c.data), c.previous), c.hit) << kernel.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, DotScanTest, testing::ValuesIn(kCases),
                         [](const auto& c) { return std::string(c.param.name); });

// The same text behind lines that fill vectors and blocks.
TEST(DotScanLongMailTest, StopsThereBehindCleanLines) {
  for (const Case& c : kCases) {
    if (c.previous != kCrLf) continue;  // goes on with something else than a line
    const bool stops = c.hit < c.data.size();
    for (size_t lead = 2; lead < 700; ++lead) {
      std::string mail = std::string(lead - 2, 'x') + "\r\n" + std::string(c.data);
      if (stops) mail += std::string(90, 'y');
      for (const DotScanKernel& kernel : dot_scan_kernels()) {
        if (!kernel.runs_here()) continue;
        ASSERT_EQ(kernel.scan(as_octets(mail), kInLine), lead + c.hit)
            << kernel.name << ", " << c.name << " behind " << lead;
      }
    }
  }
}

TEST(DotScanKernelsTest, ScalarIsLastAndNamesAreFound) {
  EXPECT_EQ(dot_scan_kernels().back().name, "scalar");
  EXPECT_TRUE(dot_scan_kernels().back().runs_here());
  for (const DotScanKernel& kernel : dot_scan_kernels()) {
    const DotScanKernel* const found = find_dot_scan_kernel(kernel.name);
    EXPECT_EQ(found, kernel.runs_here() ? &kernel : nullptr) << kernel.name;
  }
  EXPECT_EQ(find_dot_scan_kernel(""), nullptr);
  EXPECT_EQ(find_dot_scan_kernel("avx"), nullptr);
  EXPECT_EQ(find_dot_scan_kernel("scalar "), nullptr);
}

TEST(DotScanKernelsTest, PreviousIsTheLastTwoOctets) {
  EXPECT_EQ(dot_scan_previous(as_octets(""), kCrLf), kCrLf);
  EXPECT_EQ(dot_scan_previous(as_octets("a"), kCrLf), previous_of('\n', 'a'));
  EXPECT_EQ(dot_scan_previous(as_octets("ab"), kCrLf), kInLine);
  EXPECT_EQ(dot_scan_previous(as_octets("xyzab"), kCrLf), kInLine);
  EXPECT_EQ(dot_scan_previous(as_octets("\xff\xfe"), kCrLf), 0xfffe);
}

std::string_view best_kernel_name() {
  for (const DotScanKernel& kernel : dot_scan_kernels()) {
    if (kernel.runs_here()) return kernel.name;
  }
  return "";
}

void expect_choice(const std::string& wish, std::string_view expected) {
  const tests::WithEnvironment environment("MAILRACE_KERNEL", wish);
  EXPECT_EXIT(std::exit(dot_scan_kernel().name == expected ? 0 : 1), testing::ExitedWithCode(0), "")
      << wish;
}

TEST(DotScanKernelsDeathTest, TheEnvironmentChoosesAndNonsenseIsIgnored) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a new process, which chooses for itself
  for (const DotScanKernel& kernel : dot_scan_kernels()) {
    if (kernel.runs_here()) expect_choice(std::string(kernel.name), kernel.name);
  }
  expect_choice("mmx", best_kernel_name());
  expect_choice("", best_kernel_name());
}

}  // namespace
}  // namespace mailrace::core
