// SPDX-License-Identifier: GPL-3.0-or-later
// The octets behind BDAT: as many as were declared, whatever they are, and checked for lines.
#pragma once

#include "core/base/bytes.h"
#include "core/scan/dot_scan.h"
#include "core/smtp/mail_data.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mailrace::core {

/// What a BDAT line says.
struct ChunkHeader {
  uint64_t bytes = 0;  // octets behind the CRLF of the line; 2^64-1 stands for that or more
  bool is_last = false;
};

/// Parses the argument of BDAT, `1*DIGIT [SP "LAST"]`, and nothing that merely resembles it: a size
/// that two programs read differently is where a command can be smuggled in.
///
/// argument   behind "BDAT" and one SP; any octets
/// returns    nothing if it is not that; then nobody knows where the next command begins
/// source     RFC 3030 section 2
std::optional<ChunkHeader> parse_bdat_argument(std::string_view argument) noexcept;

/// What a feed() took.
struct ChunkStep {
  size_t consumed = 0;  // octets of the input done with; all of them are of the chunk
  Octets content;       // of these, what belongs to the mail; borrowed from the input
};

/// A mail in chunks. Content is what was sent, octet for octet: no dot has a meaning, no line end
/// is added. A chunk is consumed to its last octet, whether the mail is spoiled or not. The
/// counting is separate from the checking, so that a chunk of no mail can be discarded too.
/// source: RFC 3030 section 2, section 4.2
class ChunkedData {
 public:
  /// Begins a new mail.
  ///
  /// is_text        its lines are checked; BINARYMIME has none (RFC 3030 section 3)
  /// bare_newline   what becomes of a bare CR or LF in text
  void begin(bool is_text, BareNewline bare_newline) noexcept;

  /// Begins a chunk. Requires: at_end_of_chunk().
  /// wanted   whether its octets are content; else they are only counted off
  void begin_chunk(uint64_t bytes, bool wanted) noexcept;

  /// Takes a prefix of `input`: what there is of the chunk, and nothing behind it.
  ChunkStep feed(Octets input) noexcept;

  bool at_end_of_chunk() const noexcept { return left_ == 0; }

  /// The last chunk has ended: a CR that ends it is a bare one.
  void end() noexcept;

  DataDefect defect() const noexcept { return defect_; }
  /// Content octets of all chunks so far; of spoiled mail data perhaps some behind the defect.
  uint64_t bytes() const noexcept { return bytes_; }

 private:
  bool has_bare_newline(Octets octets) noexcept;

  bool checked_ = false;  // lines are
  bool wanted_ = false;
  DataDefect defect_ = DataDefect::none;
  uint16_t previous_ = 0;  // the last two octets, across chunks
  uint64_t left_ = 0;      // octets of the chunk still to come
  uint64_t bytes_ = 0;
  DotScan scan_ = nullptr;
};

}  // namespace mailrace::core
