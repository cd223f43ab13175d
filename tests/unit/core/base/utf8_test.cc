// SPDX-License-Identifier: GPL-3.0-or-later
// UTF-8 by tables of what is and is not; every code point and pair of octets by reference.
#include "core/base/utf8.h"

#include "tests/support/guard_page.h"
#include "tests/support/utf8_reference.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace mailrace::core {
namespace {

using std::string_view_literals::operator""sv;
using tests::Utf8Reference;

struct Row {
  const char* name;
  std::string_view text;
  size_t prefix_bytes;
};

constexpr Row kRows[] = {
    {"empty", "", 0},
    {"ascii", "abc", 3},
    {"nul", "a\0b"sv, 3},
    {"del", "\x7f", 1},
    {"eight_ascii", "abcdefgh", 8},
    {"two_octets", "\xc3\xbc", 2},
    {"first_of_two", "\xc2\x80", 2},
    {"last_of_two", "\xdf\xbf", 2},
    {"first_of_three", "\xe0\xa0\x80", 3},
    {"last_before_surrogates", "\xed\x9f\xbf", 3},
    {"first_behind_surrogates", "\xee\x80\x80", 3},
    {"last_of_three", "\xef\xbf\xbf", 3},
    {"byte_order_mark", "\xef\xbb\xbf", 3},
    {"first_of_four", "\xf0\x90\x80\x80", 4},
    {"last_of_all", "\xf4\x8f\xbf\xbf", 4},
    {"mixed", "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x93\xa7z", 11},
    {"tail_alone", "\x80", 0},
    {"tail_behind_ascii", "abc\xbf", 3},
    {"tail_behind_a_character", "\xc3\xbc\xbc", 2},
    {"overlong_nul", "\xc0\x80", 0},
    {"overlong_slash", "\xc1\xaf", 0},
    {"overlong_of_three", "\xe0\x9f\xbf", 0},
    {"overlong_of_four", "\xf0\x8f\xbf\xbf", 0},
    {"first_surrogate", "\xed\xa0\x80", 0},
    {"last_surrogate", "\xed\xbf\xbf", 0},
    {"surrogate_pair", "\xed\xa0\xbd\xed\xb3\xa7", 0},
    {"beyond_the_last", "\xf4\x90\x80\x80", 0},
    {"lead_f5", "\xf5\x80\x80\x80", 0},
    {"lead_fe", "\xfe", 0},
    {"lead_ff", "\xff", 0},
    {"cut_of_two", "a\xc3", 1},
    {"cut_of_three", "a\xe2\x82", 1},
    {"cut_of_four", "a\xf0\x9f\x93", 1},
    {"lead_then_ascii", "\xc3(", 0},
    {"second_tail_is_ascii", "\xe2\x82(", 0},
    {"third_tail_is_ascii", "\xf0\x9f\x93(", 0},
    {"latin_1", "M\xfcller", 1},
    {"defect_in_the_ninth_octet", "abcdefgh\xff", 8},
    {"defect_in_the_eighth_octet", "abcdefg\xff", 7},
};

class Utf8Test : public testing::TestWithParam<Row> {};

TEST_P(Utf8Test, SaysWhereItStops) {
  const Row& row = GetParam();
  EXPECT_EQ(utf8_prefix_bytes(row.text), row.prefix_bytes);
  EXPECT_EQ(is_utf8(row.text), row.prefix_bytes == row.text.size());
  EXPECT_EQ(Utf8Reference::prefix_bytes(row.text), row.prefix_bytes);
}

TEST_P(Utf8Test, DoesNotDependOnWhereItStands) {
  const Row& row = GetParam();
  const tests::GuardedPages pages(100);
  for (size_t before = 1; before < 20; ++before) {
    const std::string text = std::string(before, 'x') + std::string(row.text);
    EXPECT_EQ(utf8_prefix_bytes(text), before + row.prefix_bytes) << before;
    const MutableOctets at_end = pages.at_end(text.size());
    std::memcpy(at_end.data(), text.data(), text.size());
    EXPECT_EQ(utf8_prefix_bytes(as_text(at_end)), before + row.prefix_bytes) << before;
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc3629, Utf8Test, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

// What RFC 3629 section 3 makes of a number, if it is one that characters have or not.
std::string encode(uint32_t code) {
  const auto tail = [code](int shift) { return char(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) return {char(code)};
  if (code < 0x800) return {char(0xc0 | code >> 6), tail(0)};
  if (code < 0x10000) return {char(0xe0 | code >> 12), tail(6), tail(0)};
  return {char(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8CodePointTest, EveryOneIsJudged) {
  for (uint32_t code = 0; code < 0x130000; ++code) {
    const std::string text = encode(code);
    const bool is_character = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    ASSERT_EQ(is_utf8(text), is_character) << std::hex << code;
    ASSERT_EQ(utf8_character_bytes(text), is_character ? text.size() : 0) << std::hex << code;
  }
}

TEST(Utf8CodePointTest, EveryThreeOctetsAreJudgedAsTheGrammarDoes) {
  for (uint32_t three = 0; three < 1u << 24; ++three) {
    const char octets[] = {char(three), char(three >> 8), char(three >> 16), '\x80'};
    const std::string_view text(octets, 4);
    ASSERT_EQ(utf8_character_bytes(text), Utf8Reference::utf8_char(text)) << std::hex << three;
  }
}

}  // namespace
}  // namespace mailrace::core
