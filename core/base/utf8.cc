// SPDX-License-Identifier: GPL-3.0-or-later
// ASCII is skipped eight octets at a time; what is left goes by its lead octet, a row for each line
// of the grammar.
#include "core/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace mailrace::core {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080u;

// What a lead octet asks for: how many octets, and the range of the second one. The narrow ranges
// are what shuts out overlong forms (e0, f0), surrogates (ed) and all beyond U+10FFFF (f4).
struct Lead {
  uint8_t octets;
  uint8_t second_min;
  uint8_t second_max;
};

constexpr Lead lead_of(uint8_t octet) noexcept {
  if (octet < 0x80) return {1, 0, 0};
  if (octet < 0xc2) return {0, 0, 0};  // a tail, or the lead of an overlong form
  if (octet < 0xe0) return {2, 0x80, 0xbf};
  if (octet == 0xe0) return {3, 0xa0, 0xbf};
  if (octet == 0xed) return {3, 0x80, 0x9f};
  if (octet < 0xf0) return {3, 0x80, 0xbf};
  if (octet == 0xf0) return {4, 0x90, 0xbf};
  if (octet < 0xf4) return {4, 0x80, 0xbf};
  if (octet == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

size_t skip_ascii(std::string_view text, size_t at) noexcept {
  while (text.size() - at >= sizeof(uint64_t)) {
    uint64_t eight;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if ((eight & kHighBits) != 0) break;
    at += sizeof eight;
  }
  while (at < text.size() && uint8_t(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace

size_t utf8_character_bytes(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const Lead lead = lead_of(uint8_t(text[0]));
  if (lead.octets <= 1) return lead.octets;
  if (text.size() < lead.octets) return 0;
  const auto second = uint8_t(text[1]);
  if (second < lead.second_min || second > lead.second_max) return 0;
  for (size_t i = 2; i < lead.octets; ++i) {
    if ((uint8_t(text[i]) & 0xc0) != 0x80) return 0;
  }
  return lead.octets;
}

size_t utf8_prefix_bytes(std::string_view text) noexcept {
  size_t at = 0;
  while (true) {
    at = skip_ascii(text, at);
    if (at == text.size()) return at;
    const size_t octets = utf8_character_bytes(text.substr(at));
    if (octets == 0) return at;
    at += octets;
  }
}

}  // namespace mailrace::core
