// SPDX-License-Identifier: GPL-3.0-or-later
// Whether any line of a mail is longer than it may be, while the mail streams by.
#pragma once

#include "core/base/bytes.h"

#include <cstdint>

namespace mailrace::core {

/// Measures lines in octets without their CRLF. Only CRLF ends a line, so a bare CR or LF that is
/// kept is an octet of it. source: RFC 5321 section 4.5.3.1.6; RFC 5322 section 2.1.1
class LineLength {
 public:
  /// Begins a new mail whose lines may have `bytes_max` octets, without CRLF; 0: as many as they
  /// like, and feed() need not be called.
  void begin(uint64_t bytes_max) noexcept {
    *this = LineLength{};
    bytes_max_ = bytes_max;
  }

  bool is_limited() const noexcept { return bytes_max_ != 0; }

  /// Goes on with `content`, split anywhere. Requires: is_limited().
  void feed(Octets content) noexcept;

  /// The mail has ended, perhaps in the middle of a line.
  void end() noexcept;

  /// Whether some line was longer.
  bool is_exceeded() const noexcept { return is_exceeded_; }

 private:
  uint64_t bytes_max_ = 0;
  uint64_t bytes_ = 0;     // of this line so far, a CR at the end included
  bool after_cr_ = false;  // the octet before is a CR
  bool is_exceeded_ = false;
};

}  // namespace mailrace::core
