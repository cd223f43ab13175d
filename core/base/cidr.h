// SPDX-License-Identifier: GPL-3.0-or-later
// Networks as prefixes of addresses, and sets of them.
#pragma once

#include "core/base/ip.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace mailrace::core {

/// The addresses that begin with the first `bits` bits of `address`; all bits behind them are 0.
/// What is within ::ffff:0:0/96 is kept as the IPv4 network that it stands for.
struct CidrPrefix {
  IpAddress address;
  uint8_t bits = 32;  // 0 to 32 for IPv4, 0 to 128 for IPv6

  /// Whether an address is in it. An IPv4-mapped address is taken for the IPv4 address; IPv6
  /// networks hold no IPv4 address, ::/0 neither.
  bool contains(const IpAddress& candidate) const noexcept;

  bool operator==(const CidrPrefix&) const = default;
};

/// Why a text is no prefix.
enum class CidrError : uint8_t {
  none,
  address,    // in front of the slash is no IPv4 or IPv6 address
  length,     // behind it is no number, or one that is too large for the family
  host_bits,  // bits behind the prefix are set: 192.0.2.1/24
};

struct ParsedCidr {
  CidrPrefix prefix;  // if error is none
  CidrError error = CidrError::none;
};

/// The address with all bits behind the first `bits` set to 0.
IpAddress masked(IpAddress address, uint8_t bits) noexcept;

/// Reads `192.0.2.0/24`, `2001:db8::/32`, or an address alone, which is a network of one. Set host
/// bits are an error: they mean that either the address or the length is not what was meant, and a
/// list of whom to trust is no place to guess.
///
/// text      all of it: no blanks, no brackets; the length in decimal digits without leading zeros
/// source    RFC 4632 section 3.1, RFC 4291 section 2.3
ParsedCidr parse_cidr(std::string_view text) noexcept;

/// A set of networks. Made once, then only asked: a look-up is a binary search for each length of
/// prefix that occurs in the family, longest first.
class CidrSet {
 public:
  CidrSet() = default;
  /// prefixes   in any order, duplicates allowed; every one as parse_cidr() gives it
  explicit CidrSet(std::vector<CidrPrefix> prefixes);

  bool empty() const noexcept { return prefixes_.empty(); }
  size_t size() const noexcept { return prefixes_.size(); }

  /// Whether any network holds the address.
  bool contains(const IpAddress& address) const noexcept {
    return !empty() && longest_match(address).has_value();
  }

  /// The smallest network that holds the address; as CidrPrefix::contains() has it.
  std::optional<CidrPrefix> longest_match(const IpAddress& address) const noexcept;

 private:
  // Prefixes of one family and length, next to each other and in order of their addresses.
  struct Group {
    bool is_v4;
    uint8_t bits;
    size_t begin;
    size_t end;
  };

  std::vector<CidrPrefix> prefixes_;
  std::vector<Group> groups_;  // longest first
};

}  // namespace mailrace::core
