// SPDX-License-Identifier: GPL-3.0-or-later
// A table row per attribute; separators, xtext, duplicates and [UNAVAILABLE] are the same for all.
#include "core/smtp/xclient.h"

#include "core/base/text.h"
#include "core/smtp/path.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace mailrace::core {
namespace {

// --- values --------------------------------------------------------------------------------------

constexpr std::string_view kUnavailable = "[UNAVAILABLE]";
constexpr std::string_view kTemporarily = "[TEMPUNAVAIL]";

// Each reads a decoded value; false if the attribute has no such value.
using ReadValue = bool (*)(std::string_view value, Xclient& target);

bool is_unavailable(std::string_view value) noexcept {
  return equal_ignoring_case(value, kUnavailable);
}

bool read_name(std::string_view value, Xclient& target) noexcept {
  target.name.said = true;
  if (is_unavailable(value) || equal_ignoring_case(value, kTemporarily)) return true;
  if (!is_domain(value)) return false;
  target.name.value.assign(value);
  return true;
}

bool read_helo(std::string_view value, Xclient& target) noexcept {
  target.helo.said = true;
  if (is_unavailable(value)) return true;
  if (!is_helo_name(value)) return false;
  target.helo.value.assign(value);
  return true;
}

bool read_address(std::string_view value, XclientValue<IpAddress>& target) noexcept {
  target.said = true;
  if (is_unavailable(value)) return true;
  constexpr std::string_view kV6 = "IPV6:";
  const bool is_v6 = equal_ignoring_case(value.substr(0, kV6.size()), kV6);
  const auto address = parse_ip_address(is_v6 ? value.substr(kV6.size()) : value);
  if (!address || address->is_v4 == is_v6) return false;
  target.value = unmapped(*address);
  return true;
}

bool read_port(std::string_view value, XclientValue<uint16_t>& target) noexcept {
  target.said = true;
  if (is_unavailable(value)) return true;
  const auto port = parse_decimal(value);
  if (!port || *port > UINT16_MAX) return false;
  target.value = uint16_t(*port);
  return true;
}

bool read_proto(std::string_view value, Xclient& target) noexcept {
  target.is_extended = {true, equal_ignoring_case(value, "ESMTP")};
  return *target.is_extended.value || equal_ignoring_case(value, "SMTP");
}

struct Row {
  std::string_view name;
  ReadValue read;
};

constexpr Row kRows[] = {
    {"NAME", read_name},
    {"ADDR", [](std::string_view v, Xclient& x) { return read_address(v, x.address); }},
    {"PORT", [](std::string_view v, Xclient& x) { return read_port(v, x.port); }},
    {"PROTO", read_proto},
    {"HELO", read_helo},
    {"DESTADDR", [](std::string_view v, Xclient& x) { return read_address(v, x.dest_address); }},
    {"DESTPORT", [](std::string_view v, Xclient& x) { return read_port(v, x.dest_port); }},
};

// --- syntax --------------------------------------------------------------------------------------

// The longest value: HELO's.
using ValueMemory = std::array<char, kHeloBytesMax>;
static_assert(kHeloBytesMax >= kDomainBytesMax);

constexpr bool is_upper_hex(char c) noexcept { return is_digit(c) || (c >= 'A' && c <= 'F'); }
constexpr unsigned hex_value(char c) noexcept {
  return unsigned(is_digit(c) ? c - '0' : c - 'A' + 10);
}

enum class Xtext : uint8_t { good, malformed, too_long };

// What a text in xtext stands for.
Xtext decode_xtext(std::string_view text, TextBuilder& target) noexcept {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c <= ' ' || c > '~' || c == '=') return Xtext::malformed;
    if (c != '+') {
      target.add(c);
      continue;
    }
    if (text.size() - i < 3) return Xtext::malformed;
    if (!is_upper_hex(text[i + 1]) || !is_upper_hex(text[i + 2])) return Xtext::malformed;
    target.add(char(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2])));
    i += 2;
  }
  return target.cut() ? Xtext::too_long : Xtext::good;
}

// `seen` has a bit per row of the table.
XclientError read_attribute(std::string_view text, uint32_t& seen, Xclient& target) noexcept {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return XclientError::syntax;
  ValueMemory memory;
  TextBuilder value(memory.data(), memory.size());
  const Xtext decoded = decode_xtext(text.substr(equals + 1), value);
  if (decoded == Xtext::malformed) return XclientError::syntax;

  const std::string_view name = text.substr(0, equals);
  const auto* const row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) {
    return equal_ignoring_case(r.name, name);
  });
  if (row == std::end(kRows)) return XclientError::unknown;
  const uint32_t bit = 1u << (row - std::begin(kRows));
  if ((seen & bit) != 0) return XclientError::duplicate;
  seen |= bit;
  const bool good = decoded == Xtext::good && row->read(value.text(), target);
  return good ? XclientError::none : XclientError::bad_value;
}

}  // namespace

XclientError parse_xclient(std::string_view argument, Xclient& target) noexcept {
  target = {};
  uint32_t seen = 0;
  while (true) {
    argument.remove_prefix(std::min(argument.find_first_not_of(' '), argument.size()));
    if (argument.empty()) return seen == 0 ? XclientError::syntax : XclientError::none;
    const std::string_view text = argument.substr(0, argument.find(' '));
    if (const auto error = read_attribute(text, seen, target); error != XclientError::none) {
      return error;
    }
    argument.remove_prefix(text.size());
  }
}

}  // namespace mailrace::core
