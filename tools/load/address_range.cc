// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses as two numbers of 64 bits. Of IPv4 the upper one is 0.
#include "tools/load/address_range.h"

#include "core/base/cidr.h"
#include "core/base/limits.h"
#include "core/base/text.h"

#include <bit>

namespace mailrace::tools {
namespace {

struct Number {
  uint64_t high = 0;
  uint64_t low = 0;
};

size_t octets_of(const core::IpAddress& address) { return address.is_v4 ? 4 : 16; }

Number number_of(const core::IpAddress& address) noexcept {
  Number number;
  for (size_t at = 0; at < octets_of(address); ++at) {
    number.high = number.high << 8 | number.low >> 56;
    number.low = number.low << 8 | address.octets[at];
  }
  return number;
}

std::optional<AddressRange> between(const core::IpAddress& first,
                                    const core::IpAddress& last) noexcept {
  const Number a = number_of(first);
  const Number b = number_of(last);
  if (first.is_v4 != last.is_v4 || b.high < a.high || (b.high == a.high && b.low < a.low)) {
    return std::nullopt;
  }
  const uint64_t high = b.high - a.high - (b.low < a.low ? 1 : 0);
  return AddressRange{first, high > 0 ? UINT64_MAX : b.low - a.low};
}

}  // namespace

core::IpAddress AddressRange::at(uint64_t index) const noexcept {
  uint64_t rest = last_index == UINT64_MAX ? index : index % (last_index + 1);
  core::IpAddress address = first;
  uint64_t carry = 0;
  for (size_t at = octets_of(address); at-- > 0; rest >>= 8) {
    const uint64_t sum = address.octets[at] + (rest & 0xff) + carry;
    address.octets[at] = uint8_t(sum);
    carry = sum >> 8;
  }
  return address;
}

std::optional<AddressRange> parse_address_range(std::string_view text) noexcept {
  const size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto first = core::parse_ip_address(text.substr(0, dash));
    const auto last = core::parse_ip_address(text.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    return between(*first, *last);
  }
  const core::ParsedCidr parsed = core::parse_cidr(text);
  if (parsed.error != core::CidrError::none) return std::nullopt;
  core::IpAddress last = parsed.prefix.address;
  for (size_t bit = parsed.prefix.bits; bit < 8 * octets_of(last); ++bit) {
    last.octets[bit / 8] = uint8_t(last.octets[bit / 8] | 0x80 >> bit % 8);
  }
  return between(parsed.prefix.address, last);
}

std::string format_address_range(const AddressRange& range) {
  const auto text_of = [](const core::IpAddress& address) {
    char octets[core::kIpAddressTextBytesMax];
    core::TextBuilder text(octets, sizeof octets);
    core::add_ip_address(text, address);
    return std::string(text.text());
  };
  const std::string first = text_of(range.first);
  if (range.last_index == 0) return first;
  const size_t all_bits = 8 * octets_of(range.first);
  const size_t host_bits = size_t(std::bit_width(range.last_index));
  const bool is_network = std::has_single_bit(range.last_index + 1) &&
                          core::masked(range.first, uint8_t(all_bits - host_bits)) == range.first;
  if (is_network) return first + "/" + std::to_string(all_bits - host_bits);
  return first + "-" + text_of(range.at(range.last_index));
}

}  // namespace mailrace::tools
