// SPDX-License-Identifier: GPL-3.0-or-later
// Queue ids: number to text and back, and texts that are none.
#include "core/base/queue_id.h"

#include "core/base/prng.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

using namespace std::string_view_literals;

struct Row {
  const char* name;
  uint64_t id;
  std::string_view text;
};

constexpr Row kRows[] = {
    {"zero", 0, "0000000000000"},
    {"one", 1, "0000000000001"},
    {"last_digit", 31, "000000000000Z"},
    {"second_digit", 32, "0000000000010"},
    {"alphabet", 0x0123'4567'89ab'cdef, "028T5CY4TQKFF"},
    {"highest", UINT64_MAX, "FZZZZZZZZZZZZ"},
};

class QueueIdTest : public testing::TestWithParam<Row> {};

TEST_P(QueueIdTest, IsWrittenAndRead) {
  EXPECT_EQ(format_queue_id(GetParam().id).view(), GetParam().text);
  EXPECT_EQ(parse_queue_id(GetParam().text), GetParam().id);
}

INSTANTIATE_TEST_SUITE_P(Base32, QueueIdTest, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(QueueIdTest, ComesBackFromText) {
  Prng prng(1);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t id = prng.next();
    EXPECT_EQ(parse_queue_id(format_queue_id(id).view()), id) << id;
  }
}

TEST(QueueIdTest, IsReadInAnyCase) {
  EXPECT_EQ(parse_queue_id("fzzzzzzzzzzzz"), UINT64_MAX);
  EXPECT_EQ(parse_queue_id("000000000000z"), 31u);
}

TEST(QueueIdTest, RefusesOtherText) {
  for (const std::string_view text :
       {""sv, "000000000001"sv, "00000000000001"sv, "G000000000000"sv, "g000000000000"sv,
        "000000000000I"sv, "000000000000L"sv, "000000000000O"sv, "000000000000U"sv,
        "000000000000-"sv, "000000000000 "sv, "000000000000\0"sv, " 000000000001"sv,
        "\xff"
        "000000000000"sv}) {
    EXPECT_FALSE(parse_queue_id(text)) << text;
  }
}

TEST(QueueIdTest, SortsAsTheNumber) {
  const QueueIdText small = format_queue_id(0x7fff'ffff'ffff'ffff);
  const QueueIdText large = format_queue_id(0x8000'0000'0000'0000);
  EXPECT_LT(small.view(), large.view());
}

}  // namespace
}  // namespace mailrace::core
