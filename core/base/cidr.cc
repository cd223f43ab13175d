// SPDX-License-Identifier: GPL-3.0-or-later
// Every comparison is of masked addresses: a set is sorted so that equal lengths lie together.
#include "core/base/cidr.h"

#include <algorithm>
#include <utility>

namespace mailrace::core {
namespace {

constexpr uint8_t kBitsV4 = 32;
constexpr uint8_t kBitsV6 = 128;
constexpr uint8_t kBitsMapped = 96;  // of ::ffff:0:0/96

// Up to three digits, as a length is written.
std::optional<uint8_t> parse_length(std::string_view digits, uint8_t max) noexcept {
  const bool padded = digits.size() > 1 && digits.front() == '0';
  const auto value = parse_decimal(digits);
  if (!value || padded || *value > max) return std::nullopt;
  return uint8_t(*value);
}

bool comes_before(const CidrPrefix& a, const CidrPrefix& b) noexcept {
  if (a.address.is_v4 != b.address.is_v4) return a.address.is_v4;
  if (a.bits != b.bits) return a.bits > b.bits;
  return a.address.octets < b.address.octets;
}

}  // namespace

IpAddress masked(IpAddress address, uint8_t bits) noexcept {
  for (size_t i = 0; i < address.octets.size(); ++i) {
    const size_t kept = std::clamp<size_t>(bits, 8 * i, 8 * i + 8) - 8 * i;
    address.octets[i] &= uint8_t(0xff00u >> kept);
  }
  return address;
}

bool CidrPrefix::contains(const IpAddress& candidate) const noexcept {
  const IpAddress plain = unmapped(candidate);
  return plain.is_v4 == address.is_v4 && masked(plain, bits) == address;
}

ParsedCidr parse_cidr(std::string_view text) noexcept {
  const size_t slash = text.find('/');
  const auto address = parse_ip_address(text.substr(0, slash));
  if (!address) return {{}, CidrError::address};
  CidrPrefix prefix{*address, address->is_v4 ? kBitsV4 : kBitsV6};
  if (slash != std::string_view::npos) {
    const auto length = parse_length(text.substr(slash + 1), prefix.bits);
    if (!length) return {{}, CidrError::length};
    prefix.bits = *length;
  }
  if (masked(*address, prefix.bits) != *address) return {{}, CidrError::host_bits};
  const IpAddress plain = unmapped(*address);
  if (plain.is_v4 && !address->is_v4 && prefix.bits >= kBitsMapped) {
    prefix = {plain, uint8_t(prefix.bits - kBitsMapped)};
  }
  return {prefix, CidrError::none};
}

CidrSet::CidrSet(std::vector<CidrPrefix> prefixes) : prefixes_(std::move(prefixes)) {
  std::sort(prefixes_.begin(), prefixes_.end(), comes_before);
  prefixes_.erase(std::unique(prefixes_.begin(), prefixes_.end()), prefixes_.end());
  for (size_t i = 0; i < prefixes_.size(); ++i) {
    const CidrPrefix& prefix = prefixes_[i];
    const bool same = !groups_.empty() && groups_.back().is_v4 == prefix.address.is_v4 &&
                      groups_.back().bits == prefix.bits;
    if (!same) groups_.push_back({prefix.address.is_v4, prefix.bits, i, i});
    groups_.back().end = i + 1;
  }
}

std::optional<CidrPrefix> CidrSet::longest_match(const IpAddress& address) const noexcept {
  const IpAddress plain = unmapped(address);
  for (const Group& group : groups_) {
    if (group.is_v4 != plain.is_v4) continue;
    const CidrPrefix wanted{masked(plain, group.bits), group.bits};
    const auto begin = prefixes_.begin() + ptrdiff_t(group.begin);
    const auto end = prefixes_.begin() + ptrdiff_t(group.end);
    const auto found = std::lower_bound(begin, end, wanted, comes_before);
    if (found != end && *found == wanted) return wanted;
  }
  return std::nullopt;
}

}  // namespace mailrace::core
