// SPDX-License-Identifier: GPL-3.0-or-later
// ASCII helpers at their edges: case without locale, decimal without overflow, bounded building.
#include "core/base/text.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace mailrace::core {
namespace {

using namespace std::string_view_literals;

TEST(CaseTest, FoldsAsciiLettersOnly) {
  for (int c = 0; c < 256; ++c) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool lower = c >= 'a' && c <= 'z';
    EXPECT_EQ(to_lower(char(c)), upper ? char(c + 32) : char(c)) << c;
    EXPECT_EQ(to_upper(char(c)), lower ? char(c - 32) : char(c)) << c;
    EXPECT_EQ(is_alpha(char(c)), upper || lower) << c;
    EXPECT_EQ(is_digit(char(c)), c >= '0' && c <= '9') << c;
    EXPECT_EQ(is_alnum(char(c)), is_alpha(char(c)) || is_digit(char(c))) << c;
  }
}

TEST(CaseTest, KnowsHexDigits) {
  size_t count = 0;
  for (int c = 0; c < 256; ++c) count += is_hex(char(c)) ? 1 : 0;
  EXPECT_EQ(count, 22u);
  for (const char c : "0123456789abcdefABCDEF"sv) EXPECT_TRUE(is_hex(c)) << c;
}

TEST(EqualIgnoringCaseTest, ComparesAllOctets) {
  EXPECT_TRUE(equal_ignoring_case("", ""));
  EXPECT_TRUE(equal_ignoring_case("From:", "fROM:"));
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));        // 32 apart, but no letters
  EXPECT_FALSE(equal_ignoring_case("\xc4", "\xe4"));  // letters in Latin-1 only
  EXPECT_FALSE(equal_ignoring_case("a\0b"sv, "a\0c"sv));
}

struct Decimal {
  const char* name;
  std::string_view text;
  std::optional<uint64_t> value;
};

constexpr Decimal kDecimals[] = {
    {"zero", "0", 0},
    {"leading_zeros", "0000000000000000000000007", 7},
    {"highest", "18446744073709551615", UINT64_MAX},
    {"one_past_the_highest", "18446744073709551616", std::nullopt},
    {"ten_past_the_highest", "18446744073709551625", std::nullopt},
    {"one_digit_more", "184467440737095516150", std::nullopt},
    {"past_32_bits", "4294967301", 4294967301},
    {"empty", "", std::nullopt},
    {"plus", "+5", std::nullopt},
    {"minus", "-5", std::nullopt},
    {"fraction", "1.5", std::nullopt},
    {"blank_in_front", " 1", std::nullopt},
    {"blank_behind", "1 ", std::nullopt},
    {"hex", "0x1", std::nullopt},
    {"nul", "1\0"sv, std::nullopt},
};

class ParseDecimalTest : public testing::TestWithParam<Decimal> {};

TEST_P(ParseDecimalTest, ReadsDigitsOnly) {
  EXPECT_EQ(parse_decimal(GetParam().text), GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(Text, ParseDecimalTest, testing::ValuesIn(kDecimals),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(TextBuilderTest, FillsItsBufferExactly) {
  std::array<char, 6> buffer;
  TextBuilder text(buffer.data(), 5);
  buffer[5] = '#';
  text.add("abc").add('d').add("e");
  EXPECT_EQ(text.text(), "abcde");
  EXPECT_FALSE(text.cut());
  text.add("");
  EXPECT_FALSE(text.cut());
  text.add('f');
  EXPECT_EQ(text.text(), "abcde");
  EXPECT_TRUE(text.cut());
  EXPECT_EQ(buffer[5], '#');
}

TEST(TextBuilderTest, CutsWhatDoesNotFit) {
  std::array<char, 4> buffer;
  TextBuilder text(buffer.data(), buffer.size());
  text.add("abcdef");
  EXPECT_EQ(text.text(), "abcd");
  EXPECT_TRUE(text.cut());
}

TEST(TextBuilderTest, WritesNumbers) {
  std::array<char, 64> buffer;
  TextBuilder text(buffer.data(), buffer.size());
  text.add_number(0).add(' ').add_number(7, 3).add(' ').add_number(1234, 3);
  text.add(' ').add_number(UINT64_MAX);
  EXPECT_EQ(text.text(), "0 007 1234 18446744073709551615");
}

}  // namespace
}  // namespace mailrace::core
