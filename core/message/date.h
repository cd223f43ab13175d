// SPDX-License-Identifier: GPL-3.0-or-later
// Points in time as the text that mail and logs carry, always in UTC.
#pragma once

#include "core/base/text.h"
#include "core/base/time.h"

#include <cstddef>
#include <cstdint>

namespace mailrace::core {

inline constexpr size_t kMailDateBytes = 31;   // Tue, 24 Nov 2026 01:48:26 +0000
inline constexpr size_t kTimestampBytes = 27;  // 2026-11-24T01:48:26.123456Z

/// A day of the proleptic Gregorian calendar.
struct CivilDate {
  int64_t year = 1970;
  uint32_t month = 1;    // 1 to 12
  uint32_t day = 1;      // 1 to 31
  uint32_t weekday = 4;  // 0 is Sunday

  bool operator==(const CivilDate&) const = default;
};

/// The date of a day.
///
/// days      since 1970-01-01, may be negative; years -9999 to 9999 were tested
CivilDate civil_from_days(int64_t days) noexcept;

/// Appends the time as the date-time of RFC 5322 section 3.3, kMailDateBytes octets; fractions of a
/// second are cut off.
void add_mail_date(TextBuilder& target, WallTime time) noexcept;

/// Appends the time as the date-time of RFC 3339 with microseconds, kTimestampBytes octets.
void add_timestamp(TextBuilder& target, WallTime time) noexcept;

}  // namespace mailrace::core
