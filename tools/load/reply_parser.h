// SPDX-License-Identifier: GPL-3.0-or-later
// Replies of any SMTP server out of a stream that is split anywhere; bounded.
#pragma once

#include "core/base/bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailrace::tools {

enum class ParsedReply : uint8_t {
  incomplete,  // more octets are needed
  complete,    // code() and what is offered are those of this reply
  malformed,   // no SMTP; the parser is of no further use
};

/// Puts replies together line by line. Knows of a reply what a load generator needs: its code,
/// which of two EHLO keywords it has, and the beginning of its last line for messages.
class ReplyParser {
 public:
  struct Taken {
    ParsedReply outcome = ParsedReply::incomplete;
    size_t consumed = 0;  // up to the end of the reply; all of the input if it is incomplete
  };

  /// Takes octets up to the end of one reply.
  ///
  /// A line is three digits of which the first is 2 to 5, then '-' if more lines follow or a space
  /// or nothing if not, then text; it ends with LF, a CR before it is dropped. All lines of a reply
  /// have the same code. Lines are bounded by kRemoteReplyLineBytesMax, replies by
  /// kRemoteReplyLinesMax.
  ///
  /// input    octets as received, split anywhere
  /// source   RFC 5321 section 4.2, section 4.2.1
  Taken take(core::Octets input) noexcept;

  /// Forgets what was read of an unfinished reply: for a new connection.
  void reset() noexcept;

  /// Of the last complete reply: 200 to 599.
  uint32_t code() const noexcept { return code_; }
  /// Whether a line behind the first was the EHLO keyword PIPELINING (RFC 2920).
  bool offers_pipelining() const noexcept { return offers_pipelining_; }
  /// The same for CHUNKING (RFC 3030).
  bool offers_chunking() const noexcept { return offers_chunking_; }
  /// The last line of the last reply without its end, cut to a bound; valid until the next take().
  std::string_view last_line() const noexcept { return {line_.data(), line_kept()}; }

 private:
  size_t line_kept() const noexcept;
  ParsedReply end_line() noexcept;

  std::array<char, 256> line_;  // what is kept of the line being read
  uint32_t line_bytes_ = 0;     // all of it
  uint32_t line_count_ = 0;     // of the reply being read
  uint32_t code_ = 0;
  bool offers_pipelining_ = false;
  bool offers_chunking_ = false;
  bool ended_ = false;  // the last line is whole: the next octet begins a new one
};

}  // namespace mailrace::tools
