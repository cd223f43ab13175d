// SPDX-License-Identifier: GPL-3.0-or-later
// A certificate with its chain and its key, checked, and what it is good for.
#pragma once

#include "core/base/time.h"
#include "core/tls/client_hello.h"
#include "net/tls_ocsp.h"

#include <tl/expected.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace mailrace::net {

/// The key is wiped when this goes away.
class TlsIdentity {
 public:
  /// chain   PEM: the certificate of the host, then those that lead to its root
  /// key     PEM, without a passphrase, RSA or ECDSA with P-256 or P-384
  /// fails   with a few words on what is wrong: not readable, a key of another certificate
  static tl::expected<TlsIdentity, std::string> make(std::string chain, std::string key);

  TlsIdentity(TlsIdentity&&) = default;
  TlsIdentity& operator=(TlsIdentity&&) = default;
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;
  ~TlsIdentity();

  /// Takes an OCSP response (DER) for clients that ask for one.
  /// returns   what is wrong with it, see read_ocsp_response(), or nothing
  std::string staple(std::string response);

  std::string_view chain() const noexcept { return chain_; }
  std::string_view key() const noexcept { return key_; }
  core::KeyKind kind() const noexcept { return kind_; }
  /// The DNS names in lower case, "*.example.com" among them. Without any it can only be the first.
  const std::vector<std::string>& names() const noexcept { return names_; }
  core::WallTime not_after() const noexcept { return not_after_; }
  const TlsOcspResponse& ocsp() const noexcept { return ocsp_; }

 private:
  TlsIdentity(std::string chain, std::string key);
  std::string read_certificate();

  std::string chain_;
  std::string key_;
  core::KeyKind kind_ = core::KeyKind::ecdsa_p256;
  std::vector<std::string> names_;
  core::WallTime not_after_;
  std::string serial_;
  TlsOcspResponse ocsp_;
};

/// "ECDSA P-256", "ECDSA P-384", "RSA".
std::string_view key_kind_name(core::KeyKind kind) noexcept;

}  // namespace mailrace::net
