// SPDX-License-Identifier: GPL-3.0-or-later
// RFC 8259 strings; UTF-8 is checked as in RFC 3629 (no overlong forms, no surrogates).
#include "tools/lib/json.h"

#include "core/base/utf8.h"

#include <charconv>

namespace mailrace::tools {
namespace {

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
    } else if (length = core::utf8_character_bytes(text); length > 0) {
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
