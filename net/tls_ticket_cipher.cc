// SPDX-License-Identifier: GPL-3.0-or-later
// Name, nonce, place in the chain and host are authenticated with the ticket.
#include "net/tls_ticket_cipher.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "net/tls_wolfssl.h"

#include <wolfssl/wolfcrypt/aes.h>

#include <string.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace mailrace::net {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

byte* bytes_of(core::MutableOctets octets) noexcept {
  return reinterpret_cast<byte*>(octets.data());
}

// What is authenticated and not encrypted.
struct BoundTo {
  std::array<byte, 32 + core::kDomainBytesMax> octets;
  word32 size = 0;

  BoundTo(const TlsTicketHead& head, std::string_view host) noexcept {
    add(head.name.data(), head.name.size());
    add(head.nonce.data(), head.nonce.size());
    add(host.data(), std::min(host.size(), core::kDomainBytesMax));
  }
  void add(const void* source, size_t bytes) noexcept {
    MAILRACE_CHECK(size + bytes <= octets.size());
    std::memcpy(octets.data() + size, source, bytes);
    size += word32(bytes);
  }
};

}  // namespace

struct TlsTicketCipher::Ciphers {
  std::array<Aes, core::kTlsTicketKeysMax> by_key;
};

TlsTicketCipher::TlsTicketCipher(const TlsTicketKeys& keys)
    : keys_(keys), ciphers_(std::make_unique<Ciphers>()) {
  for (size_t i = 0; i < keys_.keys().size(); ++i) {
    Aes& aes = ciphers_->by_key[i];
    const auto& secret = keys_.keys()[i].secret;
    wc_AesInit(&aes, nullptr, INVALID_DEVID);
    const int set =
        wc_AesGcmSetKey(&aes, reinterpret_cast<const byte*>(secret.data()), word32(secret.size()));
    MAILRACE_CHECK(set == 0);
  }
}

TlsTicketCipher::~TlsTicketCipher() {
  for (size_t i = 0; i < keys_.keys().size(); ++i) wc_AesFree(&ciphers_->by_key[i]);
  ::explicit_bzero(static_cast<void*>(ciphers_.get()), sizeof *ciphers_);
}

bool TlsTicketCipher::seal(const TlsTicketHead& head, core::MutableOctets state,
                           std::string_view host, uint8_t chain) noexcept {
  MAILRACE_CHECK(has_keys());
  std::ranges::copy(keys_.keys()[0].name, head.name.begin());
  std::ranges::fill(head.nonce.subspan(kNonceBytes), std::byte{0});
  head.nonce[kNonceBytes] = std::byte{chain};
  std::ranges::fill(head.tag, std::byte{0});
  const BoundTo bound(head, host);
  return wc_AesGcmEncrypt(&ciphers_->by_key[0], bytes_of(state), bytes_of(state),
                          word32(state.size()), bytes_of(head.nonce), kNonceBytes,
                          bytes_of(head.tag), kTagBytes, bound.octets.data(), bound.size) == 0;
}

TlsTicketCipher::Opened TlsTicketCipher::open(const TlsTicketHead& head, core::MutableOctets state,
                                              std::string_view host, uint8_t& chain) noexcept {
  const auto keys = keys_.keys();
  const auto known = std::ranges::find_if(
      keys, [&](const TlsTicketKey& key) { return std::ranges::equal(key.name, head.name); });
  if (known == keys.end()) return Opened::refused;
  const auto index = size_t(known - keys.begin());
  const BoundTo bound(head, host);
  if (wc_AesGcmDecrypt(&ciphers_->by_key[index], bytes_of(state), bytes_of(state),
                       word32(state.size()), bytes_of(head.nonce), kNonceBytes, bytes_of(head.tag),
                       kTagBytes, bound.octets.data(), bound.size) != 0) {
    return Opened::refused;
  }
  chain = uint8_t(head.nonce[kNonceBytes]);
  if (chain >= core::kTlsTicketChainMax) return Opened::refused;
  return index == 0 ? Opened::with_first : Opened::with_other;
}

}  // namespace mailrace::net
