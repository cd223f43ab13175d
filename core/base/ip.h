// SPDX-License-Identifier: GPL-3.0-or-later
// IP addresses and endpoints as values, and as text.
#pragma once

#include "core/base/text.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mailrace::core {

/// An IPv4 or IPv6 address in network order. IPv4 is in the first four octets, the others are 0.
struct IpAddress {
  std::array<uint8_t, 16> octets{};
  bool is_v4 = true;

  bool operator==(const IpAddress&) const = default;
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

/// An IPv4-mapped IPv6 address (::ffff:0:0/96) as the IPv4 address that it stands for: what an IPv6
/// socket calls an IPv4 client. Any other address as it is. source   RFC 4291 section 2.5.5.2
IpAddress unmapped(const IpAddress& address) noexcept;

/// Reads `192.0.2.1` or `2001:db8::1`: all of the text, no brackets, no scope id, no octal or short
/// IPv4.
std::optional<IpAddress> parse_ip_address(std::string_view text) noexcept;

/// Reads `192.0.2.1:25` or `[2001:db8::1]:25`; the port is 0 to 65535 in up to five digits.
std::optional<Endpoint> parse_endpoint(std::string_view text) noexcept;

/// Writes the address as parse_ip_address() reads it; IPv6 in lower case and shortened, IPv4-mapped
/// addresses as ::ffff:192.0.2.1.
///
/// source    RFC 5952 section 4, section 5
void add_ip_address(TextBuilder& target, const IpAddress& address) noexcept;

/// Writes the endpoint as parse_endpoint() reads it.
void add_endpoint(TextBuilder& target, const Endpoint& endpoint) noexcept;

}  // namespace mailrace::core
