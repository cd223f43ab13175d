// SPDX-License-Identifier: GPL-3.0-or-later
// The paths of MAIL and RCPT, and the domains and address literals in them.
#pragma once

#include "core/base/utf8.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailrace::core {

/// A path without its source route. The views borrow from the command line.
struct Path {
  std::string_view local_part;  // as written, with quotes if there are any
  std::string_view domain;      // as written; an address literal with its brackets
  bool is_null = false;         // <>, the null reverse-path
  bool is_postmaster = false;   // <Postmaster>, without a domain
  bool is_literal = false;      // domain is an address literal

  /// local_part@domain as it stood in the line, which is how it is stored; local_part alone for
  /// is_postmaster, empty for is_null.
  std::string_view mailbox() const noexcept {
    // Local part and domain lie in one line, with nothing but the @ between them.
    return domain.empty()
               ? local_part
               : std::string_view(local_part.data(), local_part.size() + 1 + domain.size());
  }
};

enum class PathError : uint8_t {
  none,
  syntax,
  non_ascii,            // Charset::ascii, and stopped at an octet >= 0x80: needs SMTPUTF8
  local_part_too_long,  // > kLocalPartBytesMax, quotes included
  domain_too_long,      // > kDomainBytesMax
  path_too_long,        // > kPathBytesMax, with brackets and source route
};

struct ParsedPath {
  Path path;            // Path{} unless error is none
  size_t consumed = 0;  // octets of the path; on a syntax error, where it is
  PathError error = PathError::syntax;
};

/// Parses the path of MAIL at the start of `text`: `<>`, `<local-part@domain>`, with a source route
/// in front or not. Dots anywhere in the local part and underscores in the domain are tolerated,
/// since large senders use both; the rest is held to the grammar.
///
/// With Charset::utf8, atoms, quoted strings and domains may have UTF-8 beyond ASCII. Not C1
/// controls nor the line and paragraph separators, which would end a line of trace for some
/// readers. Labels are held to where hyphens may stand; whether IDNA knows them is for those who
/// compare domains.
///
/// text      begins with '<'; behind the path it ends, or a SP follows
/// charset   utf8 if SMTPUTF8 was given; limits are in octets either way
/// returns   ParsedPath; consumed <= text.size()
/// source    RFC 5321 section 4.1.2, section 4.1.3, section 4.5.3.1, appendix C; RFC 6531 section
///           3.3
ParsedPath parse_reverse_path(std::string_view text, Charset charset = Charset::ascii) noexcept;

/// Parses the path of RCPT at the start of `text`, to the letter of the grammar. `<Postmaster>` in
/// any case needs no domain; `<>` is refused.
///
/// text, charset, returns, source   as above; section 4.1.1.3 for <Postmaster>
ParsedPath parse_forward_path(std::string_view text, Charset charset = Charset::ascii) noexcept;

/// Whether two local parts name the same mailbox: case matters, quoting does not, so "user" in
/// quotes equals user.
///
/// a, b      as in Path::local_part
/// source    RFC 5321 section 4.1.2 ("treated as equivalent")
bool equal_local_parts(std::string_view a, std::string_view b) noexcept;

/// Whether `text` is a Domain of section 4.1.2 that may be somebody's: of at most kDomainBytesMax
/// octets, each label of at most kLabelBytesMax; no underscores, no dot at the end. Paths are held
/// to the grammar, which knows no limit of a label: what has none of ours is refused as such.
///
/// charset   utf8: with U-labels as in a path; how long these are is for to_a_labels() to say
/// source    RFC 1035 section 2.3.4
bool is_domain(std::string_view text, Charset charset = Charset::ascii) noexcept;

/// Whether `text` is an address-literal of section 4.1.3 with its brackets, of at most
/// kDomainBytesMax octets.
bool is_address_literal(std::string_view text) noexcept;

/// Whether `text` may stand behind EHLO or HELO: 1 to kHeloBytesMax octets, printable ASCII without
/// SP. Anything stricter would refuse clients for a name that is only ever shown (section 4.1.4).
bool is_helo_name(std::string_view text) noexcept;

}  // namespace mailrace::core
