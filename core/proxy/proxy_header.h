// SPDX-License-Identifier: GPL-3.0-or-later
// The PROXY protocol's header, versions 1 and 2: whom a proxy speaks for, in front of the stream.
#pragma once

#include "core/base/bytes.h"
#include "core/base/ip.h"
#include "core/base/limits.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailrace::core {

/// Where the reading of a header is.
enum class ProxyStatus : uint8_t {
  incomplete,  // more octets are needed
  proxied,     // source() and destination() are those of the connection that is forwarded
  local,       // the proxy speaks for itself, or for what is no TCP connection: the socket's
               // addresses hold (v2 LOCAL, UNSPEC, UNIX, DGRAM; v1 UNKNOWN)
  invalid,     // not a header: to be closed without a word
};

/// What is wrong with a header, for the log.
enum class ProxyDefect : uint8_t {
  none,
  signature,   // neither "PROXY " nor the signature of version 2
  line,        // version 1: not exactly the grammar, or no CRLF within kProxyLineBytesMax octets
  command,     // version 2: another version, command, family or transport than there are
  length,      // version 2: too short for its addresses, or longer than kProxyHeaderBytesMax
  parameters,  // version 2: the TLVs do not fill the header exactly
  checksum,    // version 2: PP2_TYPE_CRC32C says that octets were changed
};

/// Reads one header from a stream that is split anywhere, in constant memory.
class ProxyHeader {
 public:
  /// Takes octets up to the end of the header.
  ///
  /// input     octets as received; nothing behind the header is looked at
  /// returns   octets taken: all of them as long as the status is incomplete; what is behind them
  ///           belongs to the stream. Of an invalid header an unspecified part is taken
  /// requires  status() is incomplete
  /// source    HAProxy, "The PROXY protocol, versions 1 and 2" (2020/03/05), section 2
  size_t feed(Octets input) noexcept;

  ProxyStatus status() const noexcept { return status_; }
  ProxyDefect defect() const noexcept { return defect_; }
  /// The client's end and the end that it connected to. Requires: status() is proxied.
  const Endpoint& source() const noexcept { return source_; }
  const Endpoint& destination() const noexcept { return destination_; }

 private:
  enum class State : uint8_t {
    start,       // the octets so far may begin either version
    line,        // version 1
    fixed,       // version 2, up to the length
    addresses,   // version 2, up to the end of the addresses
    skipped,     // version 2, up to the end: nothing there is for us
    tlv_head,    // version 2, type and length of a TLV
    tlv_value,   // version 2, a value that is skipped
    tlv_crc32c,  // version 2, the value of PP2_TYPE_CRC32C
  };

  void take(std::byte octet) noexcept;
  void take_start() noexcept;
  void take_line() noexcept;
  void read_line() noexcept;
  void read_fixed() noexcept;
  void read_addresses() noexcept;
  void begin_tlvs() noexcept;
  void read_tlv_head() noexcept;
  void finish_tlvs() noexcept;
  size_t skip(Octets input) noexcept;
  void add_to_checksum(Octets octets) noexcept;
  void fail(ProxyDefect defect) noexcept;

  ProxyStatus status_ = ProxyStatus::incomplete;
  ProxyDefect defect_ = ProxyDefect::none;
  State state_ = State::start;
  bool has_checksum_ = false;
  ProxyStatus meaning_ = ProxyStatus::local;  // version 2: of a header that turns out to be whole

  std::array<std::byte, kProxyLineBytesMax>
      octets_;  // what state_ gathers; the first size_ are set
  size_t size_ = 0;
  size_t wanted_ = 0;      // octets that state_ gathers or skips
  uint32_t left_ = 0;      // version 2: octets of the header behind what state_ wants
  uint32_t checksum_ = 0;  // of the header so far, with the value of PP2_TYPE_CRC32C as zeros
  uint32_t checksum_said_ = 0;

  Endpoint source_;
  Endpoint destination_;
};

/// A word for the log: "signature", "line", ...; empty for none.
std::string_view proxy_defect_name(ProxyDefect defect) noexcept;

}  // namespace mailrace::core
