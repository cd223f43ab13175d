// SPDX-License-Identifier: GPL-3.0-or-later
// Two digits of a year mean 1950 to 2049.
#include "net/tls_date.h"

#include "core/base/text.h"

#include <time.h>

#include <algorithm>

namespace mailrace::net {
namespace {

int pair_at(std::string_view digits, size_t at) noexcept {
  return (digits[at] - '0') * 10 + (digits[at + 1] - '0');
}

}  // namespace

core::WallTime read_asn_date(std::string_view digits) noexcept {
  if (digits.size() != 13 && digits.size() != 15) return {};
  if (!std::all_of(digits.begin(), digits.end() - 1, core::is_digit)) return {};
  tm parts{};
  if (digits.size() == 15) {
    parts.tm_year = pair_at(digits, 0) * 100 + pair_at(digits, 2) - 1900;
    digits.remove_prefix(4);
  } else {
    const int year = pair_at(digits, 0);
    parts.tm_year = year < 50 ? year + 100 : year;
    digits.remove_prefix(2);
  }
  parts.tm_mon = pair_at(digits, 0) - 1;
  parts.tm_mday = pair_at(digits, 2);
  parts.tm_hour = pair_at(digits, 4);
  parts.tm_min = pair_at(digits, 6);
  parts.tm_sec = pair_at(digits, 8);
  return {int64_t{::timegm(&parts)} * 1'000'000'000};
}

}  // namespace mailrace::net
