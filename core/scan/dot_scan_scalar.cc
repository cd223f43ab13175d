// SPDX-License-Identifier: GPL-3.0-or-later
// The definition of the dot scan; every other kernel must give the same answers.
#include "core/scan/dot_scan_kernel.h"

namespace mailrace::core {

size_t dot_scan_scalar(Octets data, uint16_t previous) noexcept {
  char before_last = char(previous >> 8);
  char last = char(previous);
  for (size_t i = 0; i < data.size(); ++i) {
    const char octet = char(data[i]);
    // "The character sequence <CRLF>" ends a line; CR and LF must not be sent in any other way
    // (section 2.3.8). It is the CR that is wrong here, if it is still in our hands.
    if (last == kCr && octet != kLf) return i == 0 ? 0 : i - 1;
    if (octet == kLf && last != kCr) return i;
    // A line that begins with a period ends the mail data or loses that period (section 4.5.2).
    if (octet == kDot && last == kLf && before_last == kCr) return i;
    before_last = last;
    last = octet;
  }
  return data.size();
}

}  // namespace mailrace::core
