// SPDX-License-Identifier: GPL-3.0-or-later
// Calendar arithmetic of our own: libc's takes locks, reads the time zone, and has a clock nearby.
#include "core/message/date.h"

namespace mailrace::core {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kSecondsPerDay = 86'400;

constexpr std::string_view kWeekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Rounds towards the past, so that times before 1970 have a time of day as well.
constexpr int64_t floor_divide(int64_t a, int64_t b) noexcept {
  return a / b - (a % b < 0 ? 1 : 0);
}

// Never multiplies back: near the ends of int64_t that would overflow.
int64_t floor_remainder(int64_t value, int64_t divisor) noexcept {
  const int64_t remainder = value % divisor;
  return remainder < 0 ? remainder + divisor : remainder;
}

struct CivilTime {
  CivilDate date;
  uint32_t second_of_day;
  uint32_t ns;
};

CivilTime civil_time(WallTime time) noexcept {
  const int64_t seconds = floor_divide(time.ns, kNsPerSecond);
  const int64_t days = floor_divide(seconds, kSecondsPerDay);
  return {civil_from_days(days), uint32_t(seconds - days * kSecondsPerDay),
          uint32_t(floor_remainder(time.ns, kNsPerSecond))};
}

void add_time_of_day(TextBuilder& target, uint32_t second_of_day) noexcept {
  target.add_number(second_of_day / 3600, 2).add(':');
  target.add_number(second_of_day / 60 % 60, 2).add(':');
  target.add_number(second_of_day % 60, 2);
}

}  // namespace

// The year is counted from March: the leap day is then the last of its year, and the lengths of the
// months before any month grow along a line, (153 * month + 2) / 5. 400 years have 146097 days,
// and 0000-03-01 is 719468 days before 1970-01-01.
CivilDate civil_from_days(int64_t days) noexcept {
  const int64_t shifted = days + 719'468;
  const int64_t era = floor_divide(shifted, 146'097);
  const int64_t day_of_era = shifted - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;

  CivilDate date;
  date.month = uint32_t(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  date.day = uint32_t(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  date.year = era * 400 + year_of_era + (date.month <= 2 ? 1 : 0);
  const int64_t days_since_sunday = days + 4;  // 1970-01-01 was a Thursday
  date.weekday = uint32_t(days_since_sunday - floor_divide(days_since_sunday, 7) * 7);
  return date;
}

void add_mail_date(TextBuilder& target, WallTime time) noexcept {
  const CivilTime civil = civil_time(time);
  target.add(kWeekdays[civil.date.weekday]).add(", ");
  target.add_number(civil.date.day, 2).add(' ');
  target.add(kMonths[civil.date.month - 1]).add(' ');
  target.add_number(uint64_t(civil.date.year), 4).add(' ');
  add_time_of_day(target, civil.second_of_day);
  target.add(" +0000");
}

void add_timestamp(TextBuilder& target, WallTime time) noexcept {
  const CivilTime civil = civil_time(time);
  target.add_number(uint64_t(civil.date.year), 4).add('-');
  target.add_number(civil.date.month, 2).add('-');
  target.add_number(civil.date.day, 2).add('T');
  add_time_of_day(target, civil.second_of_day);
  target.add('.').add_number(civil.ns / 1'000, 6).add('Z');
}

}  // namespace mailrace::core
