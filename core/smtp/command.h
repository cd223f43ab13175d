// SPDX-License-Identifier: GPL-3.0-or-later
// One command line, taken apart into verb and argument.
#pragma once

#include "core/smtp/verb.h"

#include <optional>
#include <string_view>

namespace mailrace::core {

/// A command line. All views borrow from the line and are valid as long as it is.
struct Command {
  Verb verb = Verb::unknown;
  bool malformed = false;     // a control character (also NUL, CR, LF, DEL) in word or argument
  bool has_8bit = false;      // an octet >= 0x80 anywhere
  std::string_view word;      // what stands for the verb, as written
  std::string_view argument;  // behind word and one blank; without white space at its end
};

/// Takes a command line apart. White space (SP, HT) at the end of the line is dropped; one SP or HT
/// separates word and argument, HT anywhere else is a control character.
///
/// line      without its CRLF; any octets, any length
/// returns   Command; whether the argument suits the verb is for the caller to see
/// source    RFC 5321 section 2.3.8, section 4.1.1, section 4.1.2 (no control characters)
Command parse_command(std::string_view line) noexcept;

/// The argument of MAIL or RCPT, split; both views borrow from it.
struct PathArgument {
  std::string_view path;        // for parse_reverse_path() or parse_forward_path()
  std::string_view parameters;  // for parse_mail_parameters() or parse_rcpt_parameters()
};

/// Splits `FROM:<path> parameters`. Blanks between colon and path are tolerated: many clients send
/// them. The path ends at the first SP outside of a quoted string, its syntax is not judged.
///
/// argument  of MAIL or RCPT
/// keyword   "FROM:" or "TO:", compared without case
/// returns   nothing if `argument` does not begin with the keyword
/// source    RFC 5321 section 4.1.1.2, section 4.1.1.3
std::optional<PathArgument> split_path_argument(std::string_view argument,
                                                std::string_view keyword) noexcept;

}  // namespace mailrace::core
