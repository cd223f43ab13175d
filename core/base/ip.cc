// SPDX-License-Identifier: GPL-3.0-or-later
// Text is read by inet_pton(), and written here: inet_ntop() writes some IPv6 addresses as if they
// held an IPv4 address, which RFC 5952 does not.
#include "core/base/ip.h"

#include "core/base/limits.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace mailrace::core {
namespace {

constexpr size_t kGroups = 8;

uint16_t group(const IpAddress& address, size_t index) noexcept {
  return uint16_t(address.octets[2 * index] << 8 | address.octets[2 * index + 1]);
}

// Groups [begin, begin + count) that "::" stands for; count is 0 if nothing is shortened.
struct ZeroRun {
  size_t begin = 0;
  size_t count = 0;
};

// The first of the longest runs of zero groups; a single one is written out (section 4.2).
ZeroRun longest_zero_run(const IpAddress& address) noexcept {
  ZeroRun longest;
  size_t count = 0;
  for (size_t i = 0; i < kGroups; ++i) {
    count = group(address, i) == 0 ? count + 1 : 0;
    if (count > longest.count) longest = {i + 1 - count, count};
  }
  return longest.count >= 2 ? longest : ZeroRun{};
}

bool is_v4_mapped(const IpAddress& address) noexcept {
  for (size_t i = 0; i < 5; ++i) {
    if (group(address, i) != 0) return false;
  }
  return group(address, 5) == 0xffff;
}

void add_dotted(TextBuilder& target, const uint8_t* octets) noexcept {
  for (size_t i = 0; i < 4; ++i) {
    if (i > 0) target.add('.');
    target.add_number(octets[i]);
  }
}

void add_hex(TextBuilder& target, uint16_t value) noexcept {
  char digits[4];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  target.add(std::string_view(digits, size_t(end - digits)));
}

}  // namespace

IpAddress unmapped(const IpAddress& address) noexcept {
  if (address.is_v4 || !is_v4_mapped(address)) return address;
  IpAddress v4;
  std::memcpy(v4.octets.data(), address.octets.data() + 12, 4);
  return v4;
}

std::optional<IpAddress> parse_ip_address(std::string_view text) noexcept {
  char terminated[kIpAddressTextBytesMax + 1];
  if (text.empty() || text.size() > kIpAddressTextBytesMax) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';

  IpAddress address;
  address.is_v4 = text.find(':') == std::string_view::npos;
  const int family = address.is_v4 ? AF_INET : AF_INET6;
  if (inet_pton(family, terminated, address.octets.data()) != 1) return std::nullopt;
  return address;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) noexcept {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);

  const auto address = parse_ip_address(host);
  if (!address || address->is_v4 == in_brackets) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  const auto port = parse_decimal(digits);
  if (!port || *port > UINT16_MAX || digits.size() > 5) return std::nullopt;
  return Endpoint{*address, uint16_t(*port)};
}

void add_ip_address(TextBuilder& target, const IpAddress& address) noexcept {
  if (address.is_v4) return add_dotted(target, address.octets.data());
  if (is_v4_mapped(address)) {
    target.add("::ffff:");
    return add_dotted(target, address.octets.data() + 12);
  }
  const ZeroRun zeros = longest_zero_run(address);
  const size_t zeros_end = zeros.begin + zeros.count;
  for (size_t i = 0; i < kGroups; ++i) {
    if (zeros.count > 0 && i == zeros.begin) {
      target.add("::");
      i = zeros_end;
      if (i == kGroups) break;
    } else if (i > 0) {
      target.add(':');
    }
    add_hex(target, group(address, i));
  }
}

void add_endpoint(TextBuilder& target, const Endpoint& endpoint) noexcept {
  if (!endpoint.address.is_v4) target.add('[');
  add_ip_address(target, endpoint.address);
  if (!endpoint.address.is_v4) target.add(']');
  target.add(':').add_number(endpoint.port);
}

}  // namespace mailrace::core
