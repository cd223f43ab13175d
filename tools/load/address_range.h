// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses in a row, taken one after the other.
#pragma once

#include "core/base/ip.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailrace::tools {

/// Addresses of one family from a first one on.
struct AddressRange {
  core::IpAddress first;
  uint64_t last_index = 0;  // of the last one; a larger range is cut to 2^64 of them

  /// The address `index` behind the first; behind the last one comes the first again.
  core::IpAddress at(uint64_t index) const noexcept;
};

/// Reads `127.0.0.0/28`, `2001:db8::/64`, `127.0.0.1-127.0.0.9`, or one address alone.
std::optional<AddressRange> parse_address_range(std::string_view text) noexcept;
/// As parse_address_range() reads it: a network if it is one, else FIRST-LAST, or one address.
std::string format_address_range(const AddressRange& range);

}  // namespace mailrace::tools
