// SPDX-License-Identifier: GPL-3.0-or-later
// UTF-8 once more, slowly: the ABNF of RFC 3629 section 4 rule by rule, and nothing clever.
#pragma once

#include <cstdint>
#include <string_view>

namespace mailrace::tests {

/// One rule of the grammar at the start of a text: its octets, or 0 if it does not match.
class Utf8Reference {
 public:
  /// UTF8-octets = *( UTF8-char ): offset of the first octet that is none.
  static size_t prefix_bytes(std::string_view text) {
    size_t at = 0;
    while (const size_t octets = utf8_char(text.substr(at))) at += octets;
    return at;
  }

  // UTF8-char = UTF8-1 / UTF8-2 / UTF8-3 / UTF8-4
  static size_t utf8_char(std::string_view text) {
    if (utf8_1(text)) return 1;
    if (utf8_2(text)) return 2;
    if (utf8_3(text)) return 3;
    if (utf8_4(text)) return 4;
    return 0;
  }

 private:
  // %x<low>-<high> as octet number `at`
  static bool octet(std::string_view text, size_t at, uint8_t low, uint8_t high) {
    return at < text.size() && uint8_t(text[at]) >= low && uint8_t(text[at]) <= high;
  }
  // UTF8-tail = %x80-BF
  static bool tail(std::string_view text, size_t at) { return octet(text, at, 0x80, 0xbf); }

  // UTF8-1 = %x00-7F
  static bool utf8_1(std::string_view text) { return octet(text, 0, 0x00, 0x7f); }
  // UTF8-2 = %xC2-DF UTF8-tail
  static bool utf8_2(std::string_view text) { return octet(text, 0, 0xc2, 0xdf) && tail(text, 1); }
  // UTF8-3 = %xE0 %xA0-BF UTF8-tail / %xE1-EC 2( UTF8-tail ) /
  //          %xED %x80-9F UTF8-tail / %xEE-EF 2( UTF8-tail )
  static bool utf8_3(std::string_view text) {
    if (!tail(text, 2)) return false;
    return (octet(text, 0, 0xe0, 0xe0) && octet(text, 1, 0xa0, 0xbf)) ||
           (octet(text, 0, 0xe1, 0xec) && tail(text, 1)) ||
           (octet(text, 0, 0xed, 0xed) && octet(text, 1, 0x80, 0x9f)) ||
           (octet(text, 0, 0xee, 0xef) && tail(text, 1));
  }
  // UTF8-4 = %xF0 %x90-BF 2( UTF8-tail ) / %xF1-F3 3( UTF8-tail ) / %xF4 %x80-8F 2( UTF8-tail )
  static bool utf8_4(std::string_view text) {
    if (!tail(text, 2) || !tail(text, 3)) return false;
    return (octet(text, 0, 0xf0, 0xf0) && octet(text, 1, 0x90, 0xbf)) ||
           (octet(text, 0, 0xf1, 0xf3) && tail(text, 1)) ||
           (octet(text, 0, 0xf4, 0xf4) && octet(text, 1, 0x80, 0x8f));
  }
};

}  // namespace mailrace::tests
