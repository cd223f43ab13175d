// SPDX-License-Identifier: GPL-3.0-or-later
// Finds the id of `mailrace load` in a mail that streams by, and sums up what is behind it.
#pragma once

#include "core/base/bytes.h"
#include "core/base/limits.h"
#include "tools/sink/mail_record.h"

#include <array>
#include <cstdint>

namespace mailrace::tools {

/// One mail. The id is the first field `X-Mailrace-Load-Id: RUN.NUMBER.CRC` of the header section,
/// within its first kLoadIdSearchBytesMax octets; what servers in between put in front of it, trace
/// fields as a rule, belongs to nothing. Keeps the beginning of a line at most.
class MailDigest {
 public:
  /// Begins a new mail.
  void begin() noexcept;

  /// Goes on with `content`, split anywhere, dots unstuffed.
  void feed(core::Octets content) noexcept;

  /// What there is of the mail by now.
  MailRecord record() const noexcept;

 private:
  size_t search(core::Octets content) noexcept;
  void end_line() noexcept;

  bool searching_ = true;
  bool has_id_ = false;
  bool after_cr_ = false;  // the octet before is a CR
  NamedId named_;
  uint32_t crc_ = 0;        // of all octets, or of those behind the field with the id
  uint64_t size_ = 0;       // of all octets, or from that field on
  size_t searched_ = 0;     // octets
  size_t line_octets_ = 0;  // of the line so far; its beginning is in line_
  std::array<char, core::kLoadIdLineBytesMax> line_{};
};

}  // namespace mailrace::tools
