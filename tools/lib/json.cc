// SPDX-License-Identifier: GPL-3.0-or-later
// RFC 8259 strings; UTF-8 is checked as in RFC 3629 (no overlong forms, no surrogates).
#include "tools/lib/json.h"

#include <charconv>

namespace mailrace::tools {
namespace {

// Octets of the UTF-8 sequence at the start of `text`, or 0 if there is none.
size_t utf8_length(std::string_view text) {
  const auto at = [&](size_t i) { return uint8_t(text[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  size_t length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) length = 2;
  if (lead >= 0xe0 && lead <= 0xef) length = 3;
  if (lead >= 0xf0 && lead <= 0xf4) length = 4;
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  if (length == 0 || text.size() < length) return 0;
  if (at(1) < low || at(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

template <class Number>
void add_number(std::string& target, Number value) {
  char digits[24];
  target.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace

void add_json_string(std::string& target, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  target += '"';
  while (!text.empty()) {
    const char c = text.front();
    const auto octet = uint8_t(c);
    size_t length = 1;
    if (c == '"' || c == '\\') {
      target += '\\';
      target += c;
    } else if (octet < 0x20 || octet == 0x7f) {
      target += "\\u00";
      target += kHex[octet >> 4];
      target += kHex[octet & 15];
    } else if (length = utf8_length(text); length > 0) {
      target.append(text.substr(0, length));
    } else {
      target += "\xef\xbf\xbd";
      length = 1;
    }
    text.remove_prefix(length);
  }
  target += '"';
}

void JsonLine::name(std::string_view name) {
  if (!first_) target_ += ',';
  first_ = false;
  add_json_string(target_, name);
  target_ += ':';
}

JsonLine& JsonLine::text(std::string_view member, std::string_view value) {
  name(member);
  add_json_string(target_, value);
  return *this;
}

JsonLine& JsonLine::number(std::string_view member, int64_t value) {
  name(member);
  add_number(target_, value);
  return *this;
}

JsonLine& JsonLine::number(std::string_view member, uint64_t value) {
  name(member);
  add_number(target_, value);
  return *this;
}

JsonLine& JsonLine::raw(std::string_view member, std::string_view json) {
  name(member);
  target_ += json;
  return *this;
}

}  // namespace mailrace::tools
