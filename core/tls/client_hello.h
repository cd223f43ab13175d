// SPDX-License-Identifier: GPL-3.0-or-later
// What a TLS client says first, as far as it decides with which certificate it is answered.
#pragma once

#include "core/base/bounded.h"
#include "core/base/bytes.h"
#include "core/base/limits.h"

#include <cstdint>

namespace mailrace::core {

/// The key in a certificate, and what a client must know to check its signatures.
enum class KeyKind : uint8_t { ecdsa_p256, ecdsa_p384, rsa };

struct ClientHello {
  BoundedString<kDomainBytesMax> server_name;  // in lower case; empty if it is absent or no name
  bool has_tls13 = false;                      // among the versions offered

  /// Whether the client can use a certificate with such a key: by its signature schemes, and in
  /// TLS 1.2 also by its cipher suites and groups.
  bool accepts(KeyKind kind) const noexcept;
  /// Whether there is a group for the key exchange: X25519MLKEM768, X25519, P-256 or P-384.
  bool shares_group() const noexcept { return !has_groups || groups != 0; }

  // As bits: 1 << KeyKind; beside these the groups that no certificate is of.
  uint8_t schemes = 0;
  uint8_t suites = 0;
  uint8_t groups = 0;
  bool has_schemes = false;
  bool has_groups = false;
};

enum class HelloStatus : uint8_t { incomplete, malformed, complete };

/// Reads a ClientHello from the beginning of a TLS stream.
///
/// stream    as received, with its record headers; may have further octets behind
/// hello     set if the result is `complete`
/// returns   malformed: no TLS, no ClientHello, lengths that do not add up, or more than
///           kClientHelloBytesMax octets; incomplete: more octets are needed, and were fine so far
/// source    RFC 8446 section 4.1.2, section 5.1; RFC 5246 section 7.4.1.2; RFC 6066 section 3
HelloStatus parse_client_hello(Octets stream, ClientHello& hello) noexcept;

}  // namespace mailrace::core
