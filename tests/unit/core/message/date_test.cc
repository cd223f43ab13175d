// SPDX-License-Identifier: GPL-3.0-or-later
// The calendar against known days and against counting, and the two texts.
#include "core/message/date.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace mailrace::core {
namespace {

std::string mail_date(WallTime time) {
  std::array<char, 64> buffer;
  TextBuilder text(buffer.data(), buffer.size());
  add_mail_date(text, time);
  return std::string(text.text());
}

std::string timestamp(WallTime time) {
  std::array<char, 64> buffer;
  TextBuilder text(buffer.data(), buffer.size());
  add_timestamp(text, time);
  return std::string(text.text());
}

struct Row {
  const char* name;
  int64_t ns;
  const char* mail_date;
  const char* timestamp;
};

constexpr int64_t kSecond = 1'000'000'000;

// Seconds by `date -u -d ... +%s`.
constexpr Row kRows[] = {
    {"epoch", 0, "Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00.000000Z"},
    {"example", 1'795'484'906 * kSecond + 123'456'789, "Tue, 24 Nov 2026 01:48:26 +0000",
     "2026-11-24T01:48:26.123456Z"},
    {"leap_day", 951'782'400 * kSecond, "Tue, 29 Feb 2000 00:00:00 +0000",
     "2000-02-29T00:00:00.000000Z"},
    {"day_after_leap_day", 1'709'251'200 * kSecond, "Fri, 01 Mar 2024 00:00:00 +0000",
     "2024-03-01T00:00:00.000000Z"},
    {"no_leap_day", 4'107'542'399 * kSecond, "Sun, 28 Feb 2100 23:59:59 +0000",
     "2100-02-28T23:59:59.000000Z"},
    {"last_second_of_a_year", 1'735'689'599 * kSecond + 999'999'999,
     "Tue, 31 Dec 2024 23:59:59 +0000", "2024-12-31T23:59:59.999999Z"},
    {"past_32_bits", 2'147'483'648 * kSecond, "Tue, 19 Jan 2038 03:14:08 +0000",
     "2038-01-19T03:14:08.000000Z"},
    {"last_nanosecond_of_the_clock", INT64_MAX, "Fri, 11 Apr 2262 23:47:16 +0000",
     "2262-04-11T23:47:16.854775Z"},
    {"before_the_epoch", -1, "Wed, 31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59.999999Z"},
    {"first_nanosecond_of_the_clock", INT64_MIN, "Tue, 21 Sep 1677 00:12:43 +0000",
     "1677-09-21T00:12:43.145224Z"},
};

class DateTest : public testing::TestWithParam<Row> {};

TEST_P(DateTest, IsWritten) {
  const Row& row = GetParam();
  EXPECT_EQ(mail_date(WallTime{row.ns}), row.mail_date);
  EXPECT_EQ(timestamp(WallTime{row.ns}), row.timestamp);
  EXPECT_EQ(mail_date(WallTime{row.ns}).size(), kMailDateBytes);
  EXPECT_EQ(timestamp(WallTime{row.ns}).size(), kTimestampBytes);
}

INSTANTIATE_TEST_SUITE_P(Rfc5322, DateTest, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

bool is_leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

uint32_t days_of_month(int64_t year, uint32_t month) {
  constexpr uint32_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

// Counts every day from 1970 to the end of 9999, as a calendar on the wall does.
TEST(CivilDateTest, AgreesWithCountingToTheYear9999) {
  CivilDate expected{1970, 1, 1, 4};
  for (int64_t days = 0; expected.year <= 9999; ++days) {
    ASSERT_EQ(civil_from_days(days), expected) << days;
    expected.weekday = (expected.weekday + 1) % 7;
    if (++expected.day <= days_of_month(expected.year, expected.month)) continue;
    expected.day = 1;
    if (++expected.month <= 12) continue;
    expected.month = 1;
    ++expected.year;
  }
}

TEST(CivilDateTest, GoesBackBeforeTheEpoch) {
  EXPECT_EQ(civil_from_days(-1), (CivilDate{1969, 12, 31, 3}));
  EXPECT_EQ(civil_from_days(-719'468), (CivilDate{0, 3, 1, 3}));
  EXPECT_EQ(civil_from_days(-719'469), (CivilDate{0, 2, 29, 2}));
}

}  // namespace
}  // namespace mailrace::core
