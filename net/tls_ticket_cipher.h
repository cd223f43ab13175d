// SPDX-License-Identifier: GPL-3.0-or-later
// Session tickets: AES-256-GCM with shared keys, bound to the host that issued them.
#pragma once

#include "core/base/bytes.h"
#include "net/tls_ticket_keys.h"

#include <cstdint>
#include <memory>
#include <string_view>

namespace mailrace::net {

/// What stands around the state that a ticket carries.
struct TlsTicketHead {
  core::MutableOctets name;   // 16
  core::MutableOctets nonce;  // 16: 12 of the cipher's, then the place in the chain, then zeros
  core::MutableOctets tag;    // 16 are used
};

/// Belongs to one worker: the library's cipher objects are not to be shared.
class TlsTicketCipher {
 public:
  enum class Opened : uint8_t {
    refused,     // not ours, too old, of another host, or at the end of its chain
    with_first,  // by the key that encrypts now
    with_other,  // by one that will go: the client should get a new ticket
  };

  explicit TlsTicketCipher(const TlsTicketKeys& keys);
  TlsTicketCipher(const TlsTicketCipher&) = delete;
  TlsTicketCipher& operator=(const TlsTicketCipher&) = delete;
  ~TlsTicketCipher();

  bool has_keys() const noexcept { return !keys_.keys().empty(); }

  /// Encrypts `state` in place. nonce: its first 12 octets are random already
  /// host    whose certificate the session has; other hosts refuse the ticket
  /// chain   how many resumptions led here
  bool seal(const TlsTicketHead& head, core::MutableOctets state, std::string_view host,
            uint8_t chain) noexcept;

  /// Decrypts `state` in place, and says how many resumptions led to it.
  Opened open(const TlsTicketHead& head, core::MutableOctets state, std::string_view host,
              uint8_t& chain) noexcept;

 private:
  struct Ciphers;

  TlsTicketKeys keys_;
  std::unique_ptr<Ciphers> ciphers_;  // by index in keys_
};

}  // namespace mailrace::net
