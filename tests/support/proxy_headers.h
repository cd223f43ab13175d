// SPDX-License-Identifier: GPL-3.0-or-later
// Headers of version 2 of the PROXY protocol, put together piece by piece.
#pragma once

#include "core/base/crc32c.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::tests {

inline std::string be16(size_t value) { return {char(value >> 8), char(value)}; }
inline std::string be32(uint32_t value) { return be16(value >> 16) + be16(value & 0xffff); }

/// command   0x20 LOCAL, 0x21 PROXY
/// family    0x11 TCP over IPv4, 0x21 over IPv6, ...
/// block     addresses and TLVs
inline std::string proxy_v2(uint8_t command, uint8_t family, std::string_view block) {
  return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + char(command) + char(family) +
         be16(block.size()) + std::string(block);
}

inline std::string tlv(uint8_t type, std::string_view value) {
  return char(type) + be16(value.size()) + std::string(value);
}

/// The same header with a right checksum in front of `block_end`, its last TLVs.
inline std::string with_crc32c(uint8_t command, uint8_t family, std::string_view addresses,
                               std::string_view block_end) {
  const auto header = [&](uint32_t checksum) {
    std::string block(addresses);
    block += tlv(0x03, be32(checksum));
    return proxy_v2(command, family, block.append(block_end));
  };
  return header(core::crc32c(0, core::as_octets(header(0))));
}

/// 192.0.2.1:4660 to 203.0.113.5:25, and 2001:db8::1 to 2001:db8::2 with the same ports.
inline std::string v4_addresses() {
  return std::string("\xc0\x00\x02\x01\xcb\x00\x71\x05", 8) + be16(0x1234) + be16(25);
}
inline std::string v6_addresses() {
  const std::string prefix = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0');
  return prefix + '\1' + prefix + '\2' + be16(0x1234) + be16(25);
}

}  // namespace mailrace::tests
