// SPDX-License-Identifier: GPL-3.0-or-later
// Checked with a context that is thrown away; the workers' are made of the same texts.
#include "net/tls_identity.h"

#include "core/base/text.h"
#include "net/tls_date.h"
#include "net/tls_wolfssl.h"

#include <wolfssl/wolfcrypt/asn.h>

#include <string.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace mailrace::net {
namespace {

using core::KeyKind;

template <auto function>
struct FreeBy {
  template <class T>
  void operator()(T* object) const noexcept {
    function(object);
  }
};
using Context = std::unique_ptr<WOLFSSL_CTX, FreeBy<wolfSSL_CTX_free>>;

const byte* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const byte*>(text.data());
}

// A date as it stands in a certificate: type, length, digits.
core::WallTime read_date(const byte* date, int bytes) noexcept {
  if (date == nullptr || bytes < 2) return {};
  return read_asn_date({reinterpret_cast<const char*>(date) + 2, size_t(bytes) - 2});
}

bool is_host_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= core::kDomainBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return core::is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '*';
         });
}

void add_name(std::vector<std::string>& names, std::string_view name) {
  if (!is_host_name(name)) return;
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), core::to_lower);
  if (std::ranges::find(names, lower) == names.end()) names.push_back(std::move(lower));
}

// Whether chain and key can be used, and belong together; else what is wrong.
std::string check_pair(std::string_view chain, std::string_view key) {
  const Context context(wolfSSL_CTX_new(wolfTLS_server_method()));
  if (context == nullptr) return "no memory";
  if (wolfSSL_CTX_use_certificate_chain_buffer(context.get(), bytes_of(chain),
                                               long(chain.size())) != WOLFSSL_SUCCESS) {
    return "the chain is no list of certificates in PEM";
  }
  if (wolfSSL_CTX_use_PrivateKey_buffer(context.get(), bytes_of(key), long(key.size()),
                                        WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS) {
    return "the key is no private key in PEM without a passphrase, or of another kind than the "
           "certificate's";
  }
  if (wolfSSL_CTX_check_private_key(context.get()) != WOLFSSL_SUCCESS) {
    return "the key is not the certificate's";
  }
  return {};
}

}  // namespace

TlsIdentity::TlsIdentity(std::string chain, std::string key)
    : chain_(std::move(chain)), key_(std::move(key)) {}

// The chain as well: chain and key may be one file.
TlsIdentity::~TlsIdentity() {
  for (std::string* const text : {&chain_, &key_}) ::explicit_bzero(text->data(), text->size());
}

tl::expected<TlsIdentity, std::string> TlsIdentity::make(std::string chain, std::string key) {
  TlsIdentity identity(std::move(chain), std::move(key));
  std::string wrong = check_pair(identity.chain_, identity.key_);
  if (wrong.empty()) wrong = identity.read_certificate();
  if (!wrong.empty()) return tl::unexpected(std::move(wrong));
  return identity;
}

// returns   what is wrong with it, if anything
std::string TlsIdentity::read_certificate() {
  std::vector<byte> der(chain_.size());
  const int size =
      wc_CertPemToDer(bytes_of(chain_), int(chain_.size()), der.data(), int(der.size()), CERT_TYPE);
  if (size <= 0) return "the first certificate cannot be read";
  DecodedCert decoded;
  wc_InitDecodedCert(&decoded, der.data(), word32(size), nullptr);
  const std::unique_ptr<DecodedCert, FreeBy<wc_FreeDecodedCert>> certificate(&decoded);
  if (wc_ParseCert(&decoded, CERT_TYPE, NO_VERIFY, nullptr) != 0) {
    return "the first certificate cannot be read";
  }
  if (decoded.keyOID == RSAk) {
    kind_ = KeyKind::rsa;
  } else if (decoded.keyOID == ECDSAk && decoded.pkCurveOID == ECC_SECP256R1_OID) {
    kind_ = KeyKind::ecdsa_p256;
  } else if (decoded.keyOID == ECDSAk && decoded.pkCurveOID == ECC_SECP384R1_OID) {
    kind_ = KeyKind::ecdsa_p384;
  } else {
    return "the key is neither RSA nor ECDSA with P-256 or P-384";
  }
  for (const DNS_entry* name = decoded.altNames; name != nullptr; name = name->next) {
    if (name->type == ASN_DNS_TYPE) add_name(names_, {name->name, size_t(name->len)});
  }
  not_after_ = read_date(decoded.afterDate, decoded.afterDateLen);
  serial_.assign(reinterpret_cast<const char*>(decoded.serial), size_t(decoded.serialSz));
  return {};
}

std::string TlsIdentity::staple(std::string response) {
  auto read = read_ocsp_response(std::move(response), serial_);
  if (!read) return read.error();
  ocsp_ = std::move(*read);
  return {};
}

std::string_view key_kind_name(KeyKind kind) noexcept {
  switch (kind) {
    case KeyKind::ecdsa_p256:
      return "ECDSA P-256";
    case KeyKind::ecdsa_p384:
      return "ECDSA P-384";
    case KeyKind::rsa:
      return "RSA";
  }
  return "";
}

}  // namespace mailrace::net
