// SPDX-License-Identifier: GPL-3.0-or-later
// Texts are only judged: the envelope keeps them as they came, which is how a relay must send them
// on (RFC 3461 section 5.2.1).
#include "core/smtp/xtext.h"

#include "core/base/text.h"

#include <algorithm>

namespace mailrace::core {
namespace {

constexpr bool is_graphic(char c) noexcept { return c > ' ' && c <= '~'; }
constexpr bool is_upper_hex(char c) noexcept { return is_digit(c) || (c >= 'A' && c <= 'F'); }

constexpr uint32_t hex_value(char c) noexcept {
  return uint32_t(is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10);
}

// hexchar: "+" and two upper case hexadecimal digits; -1 if there is none.
int hexchar(std::string_view text) noexcept {
  if (text.size() < 3 || !is_upper_hex(text[1]) || !is_upper_hex(text[2])) return -1;
  return int(hex_value(text[1]) << 4 | hex_value(text[2]));
}

constexpr std::string_view kSpecials = "()<>@,;:\\\".[]";  // RFC 822 section 3.3

// atom of RFC 822: no specials, no SP, no controls.
bool is_address_type(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_graphic(c) && kSpecials.find(c) == std::string_view::npos;
  });
}

// HEXPOINT: a backslash, what xtext could not hold, or a code point beyond ASCII, in as many digits
// as it takes; of the controls those that the grammar lists.
bool is_hexpoint(std::string_view digits) noexcept {
  if (digits.size() < 2 || digits.size() > 6) return false;
  if (!std::all_of(digits.begin(), digits.end(), is_hex)) return false;
  uint32_t code = 0;
  for (const char c : digits) code = code << 4 | hex_value(c);
  if (digits.size() > 2) {
    const bool shortest = code >> (4 * (digits.size() - 1)) != 0;
    return shortest && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  }
  if (code >= 0x80) return true;
  if (code < 0x20) return code == 0x10 || ((code & 0xf) >= 1 && (code & 0xf) <= 9);
  return code == 0x20 || code == 0x2b || code == 0x3d || code == 0x5c || code == 0x7f;
}

// EmbeddedUnicodeChar: `\x{HEXPOINT}` at the start of a text; its octets, 0 if there is none.
size_t embedded_character_bytes(std::string_view text) noexcept {
  if (!text.starts_with("\\x{")) return 0;
  const size_t end = text.substr(0, 10).find('}');
  if (end == std::string_view::npos || !is_hexpoint(text.substr(3, end - 3))) return 0;
  return end + 1;
}

// QCHAR
constexpr bool is_qchar(char c) noexcept {
  return is_graphic(c) && c != '\\' && c != '+' && c != '=';
}

}  // namespace

std::optional<size_t> xtext_bytes(std::string_view text) noexcept {
  size_t bytes = 0;
  for (size_t at = 0; at < text.size(); ++bytes) {
    if (text[at] == '+') {
      const int octet = hexchar(text.substr(at));
      if (octet < ' ' || octet > '~') return std::nullopt;
      at += 3;
    } else {
      if (!is_graphic(text[at]) || text[at] == '=') return std::nullopt;
      ++at;
    }
  }
  return bytes;
}

bool is_utf8_address(std::string_view text, Charset charset) noexcept {
  if (text.empty()) return false;
  for (size_t at = 0; at < text.size();) {
    size_t bytes = 0;
    if (is_qchar(text[at])) {
      bytes = 1;
    } else if (text[at] == '\\') {
      bytes = embedded_character_bytes(text.substr(at));
    } else if (charset == Charset::utf8 && uint8_t(text[at]) >= 0x80) {
      bytes = utf8_character_bytes(text.substr(at));
    }
    if (bytes == 0) return false;
    at += bytes;
  }
  return true;
}

bool is_original_recipient(std::string_view text, Charset charset) noexcept {
  const size_t end = text.find(';');
  if (end == std::string_view::npos) return false;
  const std::string_view type = text.substr(0, end);
  const std::string_view address = text.substr(end + 1);
  if (equal_ignoring_case(type, "utf-8")) return is_utf8_address(address, charset);
  return is_address_type(type) && xtext_bytes(address).has_value();
}

}  // namespace mailrace::core
