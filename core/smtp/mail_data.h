// SPDX-License-Identifier: GPL-3.0-or-later
// The octets behind DATA: unstuffed in place, counted, checked for lines, and where they end.
#pragma once

#include "core/base/bytes.h"
#include "core/scan/dot_scan.h"

#include <cstddef>
#include <cstdint>

namespace mailrace::core {

/// What becomes of a CR or LF in mail data that is not half of a CRLF (RFC 5321 section 2.3.8).
enum class BareNewline : uint8_t {
  reject,  // it spoils the mail
  keep,    // an octet as any other: it ends no line and is never rewritten
};

/// Why mail data will be refused once its end has come.
enum class DataDefect : uint8_t { none, bare_newline, too_large };

struct MailDataStep {
  size_t consumed = 0;  // octets of the input done with
  Octets content;       // of these, what belongs to the mail; borrowed from the input, or one CR
  bool ended = false;   // CRLF.CRLF was seen; nothing behind it was consumed
};

/// A state machine over exact CR LF '.' CR LF: nothing else ends mail data, however it is split.
/// After the first defect the rest is swallowed to the true end, in constant memory.
/// source: RFC 5321 section 4.1.1.4, section 4.5.2, section 2.3.8
class MailData {
 public:
  /// Begins a new mail of at most `bytes_max` octets, counted with CRLFs and without stuffed dots
  /// (RFC 1870 section 5).
  void begin(uint64_t bytes_max, BareNewline bare_newline = BareNewline::reject) noexcept;

  /// Takes a prefix of `input`. Call again with the rest until all is consumed or ended.
  /// input     not empty
  /// returns   consumed > 0, or content that was held back before
  MailDataStep feed(Octets input) noexcept;

  DataDefect defect() const noexcept { return defect_; }
  /// Content octets so far; of spoiled mail data those before the defect.
  uint64_t bytes() const noexcept { return bytes_; }

 private:
  enum class State : uint8_t {
    text,     // anywhere in a line
    dot,      // behind a dot that began a line
    dot_cr,   // behind that dot and a CR
    swallow,  // a defect was found
  };

  MailDataStep feed_text(Octets input) noexcept;
  size_t scan_over_bare_newlines(Octets input, size_t hit) noexcept;
  MailDataStep feed_dot(Octets input) noexcept;
  MailDataStep swallow(Octets input) noexcept;
  MailDataStep take(Octets input, Octets content, size_t consumed) noexcept;
  MailDataStep spoil(DataDefect defect, Octets input, size_t consumed) noexcept;

  State state_ = State::text;
  DataDefect defect_ = DataDefect::none;
  BareNewline bare_newline_ = BareNewline::reject;
  uint8_t matched_ = 0;  // while swallowing: octets of CRLF.CRLF matched so far
  uint16_t previous_ = 0;
  uint64_t bytes_ = 0;
  uint64_t bytes_max_ = 0;
  DotScan scan_ = nullptr;
};

}  // namespace mailrace::core
