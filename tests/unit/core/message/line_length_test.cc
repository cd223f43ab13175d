// SPDX-License-Identifier: GPL-3.0-or-later
// Lines at the limit and one octet past it, however they are split.
#include "core/message/line_length.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

using std::string_view_literals::operator""sv;

struct Lines {
  const char* name;
  std::string_view content;
  uint64_t longest;  // octets without CRLF
};

constexpr Lines kLines[] = {
    {"one", "12345\r\n", 5},
    {"without_an_end", "12345", 5},
    {"last_without_an_end", "1\r\n12345", 5},
    {"first", "12345\r\n1\r\n\r\n123\r\n", 5},
    {"middle", "1\r\n12345\r\n\r\n", 5},
    {"eight_bit_and_nul", "\xff\0\0\xff\r\n"sv, 4},
    {"dots", ".....\r\n", 5},
    // Where bare newlines are kept, they are octets of the line.
    {"bare_lf", "12\n45\r\n", 5},
    {"lf_first", "\n2345\r\n1\r\n", 5},
    {"lf_last", "1\r\n2345\n", 5},
    {"bare_cr", "12\r45\r\n", 5},
    {"cr_cr_lf", "1234\r\r\n", 5},
    {"cr_last", "1234\r", 5},
    {"lf_cr", "123\n\r", 5},
};

class LineLengthTest : public testing::TestWithParam<Lines> {};

bool is_exceeded(uint64_t bytes_max, std::string_view content, size_t first, size_t second) {
  LineLength length;
  length.begin(bytes_max);
  length.feed(as_octets(content.substr(0, first)));
  length.feed(as_octets(content.substr(first, second - first)));
  length.feed(as_octets(content.substr(second)));
  length.end();
  return length.is_exceeded();
}

TEST_P(LineLengthTest, IsExceededByOneOctet) {
  const Lines& row = GetParam();
  for (size_t first = 0; first <= row.content.size(); ++first) {
    for (size_t second = first; second <= row.content.size(); ++second) {
      EXPECT_FALSE(is_exceeded(row.longest, row.content, first, second)) << first << ' ' << second;
      EXPECT_TRUE(is_exceeded(row.longest - 1, row.content, first, second))
          << first << ' ' << second;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, LineLengthTest, testing::ValuesIn(kLines),
                         [](const auto& lines) { return std::string(lines.param.name); });

TEST(LineLengthTest, WithoutALimitNothingIsExceeded) {
  LineLength length;
  length.begin(0);
  EXPECT_FALSE(length.is_limited());
  length.end();
  EXPECT_FALSE(length.is_exceeded());
}

// A line of any length is known to be too long as soon as it is.
TEST(LineLengthTest, IsKnownBeforeTheLineEnds) {
  LineLength length;
  length.begin(3);
  length.feed(as_octets("123"));
  EXPECT_FALSE(length.is_exceeded());
  length.feed(as_octets("4"));
  EXPECT_TRUE(length.is_exceeded());
  length.begin(3);
  EXPECT_FALSE(length.is_exceeded());
}

}  // namespace
}  // namespace mailrace::core
