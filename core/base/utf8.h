// SPDX-License-Identifier: GPL-3.0-or-later
// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailrace::core {

/// What the text of an address or a parameter may consist of: ASCII, or also what SMTPUTF8 allows
/// (RFC 6531 section 3.3).
enum class Charset : uint8_t { ascii, utf8 };

/// How far a text is UTF-8.
///
/// text      any octets, any length; NUL and other controls are characters like others
/// returns   offset of the first octet of what is no character, a cut one at the end included;
///           text.size() if all of it is UTF-8
/// source    RFC 3629 section 4
size_t utf8_prefix_bytes(std::string_view text) noexcept;

/// Whether all of a text, possibly empty, is UTF-8.
inline bool is_utf8(std::string_view text) noexcept {
  return utf8_prefix_bytes(text) == text.size();
}

/// Octets of the character at the start of a text, 1 to 4; 0 if there is none.
size_t utf8_character_bytes(std::string_view text) noexcept;

}  // namespace mailrace::core
