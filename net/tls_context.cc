// SPDX-License-Identifier: GPL-3.0-or-later
// One WOLFSSL_CTX for each certificate; it is chosen before a session exists, so nothing of the
// library's own choice by SNI, which leaves settings of the first context behind, is used.
#include "net/tls_context.h"

#include "core/base/check.h"
#include "net/system_clock.h"
#include "net/tls_library.h"
#include "net/tls_session.h"
#include "net/tls_wolfssl.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mailrace::net {
namespace {

using core::KeyKind;

// With AES-NI AES-128-GCM is the fastest; all of them are good.
constexpr const char* kSuites =
    "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

bool set_groups(WOLFSSL_CTX* context) noexcept {
#ifdef WOLFSSL_HAVE_MLKEM
  int groups[] = {WOLFSSL_X25519MLKEM768, WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1,
                  WOLFSSL_ECC_SECP384R1};
#else
  int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1};
#endif
  return wolfSSL_CTX_set_groups(context, groups, int(std::size(groups))) == WOLFSSL_SUCCESS;
}

void set_tickets(WOLFSSL_CTX* context, TlsTicketCipher& cipher, bool has_tickets) noexcept {
  // Nothing is kept here: a session is resumed by what its client kept, or not at all.
  wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
  if (!has_tickets) {
    wolfSSL_CTX_no_ticket_TLSv13(context);
    return;
  }
  wolfSSL_CTX_set_TicketEncCb(context, TlsSession::on_ticket);
  wolfSSL_CTX_set_TicketEncCtx(context, &cipher);
  wolfSSL_CTX_set_TicketHint(context, int(core::kTlsTicketLifetimeS));
  wolfSSL_CTX_set_timeout(context, unsigned(core::kTlsTicketLifetimeS));  // what we accept
}

#ifdef MAILRACE_TLS_STAPLES
// Asked for by the client, and there is a certificate to staple it to. The library frees the copy.
int on_staple(WOLFSSL* session, void* staple) noexcept {
  const auto& response = *static_cast<const TlsOcspResponse*>(staple);
  if (SystemClock().wall_now() >= response.next_update) return WOLFSSL_OCSP_STATUS_CB_NOACK;
  const size_t bytes = response.der.size();
  auto* const copy = static_cast<byte*>(XMALLOC(bytes, nullptr, DYNAMIC_TYPE_TMP_BUFFER));
  if (copy == nullptr) return WOLFSSL_OCSP_STATUS_CB_NOACK;
  std::memcpy(copy, response.der.data(), bytes);
  wolfSSL_set_tlsext_status_ocsp_resp(session, copy, int(bytes));
  return WOLFSSL_OCSP_STATUS_CB_OK;
}
#endif

}  // namespace

void TlsContext::FreeContext::operator()(WOLFSSL_CTX* context) const noexcept {
  wolfSSL_CTX_free(context);
}

TlsContext::~TlsContext() = default;

std::shared_ptr<TlsContext> TlsContext::make(std::span<const TlsIdentity* const> identities,
                                             const TlsRules& rules, const TlsTicketKeys& keys) {
  MAILRACE_CHECK(!identities.empty());
  tls_library_prepare();
  std::shared_ptr<TlsContext> made(new TlsContext(keys));
  for (const TlsIdentity* const identity : identities) {
    ContextPointer context = made->make_one(*identity, rules);
    if (context == nullptr) return nullptr;
    for (const std::string& name : identity->names()) {
      const auto [at, is_new] = made->hosts_.try_emplace(name);
      if (is_new) at->second.name = at->first;
      WOLFSSL_CTX*& slot = at->second.by_kind[size_t(identity->kind())];
      if (slot == nullptr) slot = context.get();
    }
    made->contexts_.push_back(std::move(context));
  }
  const TlsIdentity& first = *identities.front();
  if (!first.names().empty()) made->default_ = made->hosts_.at(first.names().front());
  made->default_.by_kind[size_t(first.kind())] = made->contexts_.front().get();
  return made;
}

TlsContext::ContextPointer TlsContext::make_one(const TlsIdentity& identity,
                                                const TlsRules& rules) {
  ContextPointer made(wolfSSL_CTX_new(wolfSSLv23_server_method()));
  WOLFSSL_CTX* const context = made.get();
  const auto chain = identity.chain();
  const auto key = identity.key();
  const int version_min =
      rules.version_min == TlsVersion::tls13 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
  const bool is_set =
      context != nullptr && wolfSSL_CTX_SetMinVersion(context, version_min) == WOLFSSL_SUCCESS &&
      wolfSSL_CTX_use_certificate_chain_buffer(context, reinterpret_cast<const byte*>(chain.data()),
                                               long(chain.size())) == WOLFSSL_SUCCESS &&
      wolfSSL_CTX_use_PrivateKey_buffer(context, reinterpret_cast<const byte*>(key.data()),
                                        long(key.size()),
                                        WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS &&
      wolfSSL_CTX_set_cipher_list(context, kSuites) == WOLFSSL_SUCCESS && set_groups(context);
  if (!is_set || !set_staple(context, identity.ocsp())) return nullptr;
  set_tickets(context, tickets_, tickets_.has_keys() && !rules.asks_client);
  if (rules.asks_client) {
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, TlsSession::on_client_certificate);
  } else {
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_NONE, nullptr);
  }
  wolfSSL_CTX_SetIORecv(context, TlsSession::on_read);
  wolfSSL_CTX_SetIOSend(context, TlsSession::on_write);
  wolfSSL_CTX_set_group_messages(context);  // a flight is one write
  return made;
}

bool TlsContext::set_staple(WOLFSSL_CTX* context, const TlsOcspResponse& response) {
  if (response.der.empty()) return true;
#ifdef MAILRACE_TLS_STAPLES
  staples_.push_back(std::make_unique<TlsOcspResponse>(response));
  return wolfSSL_CTX_set_tlsext_status_cb(context, on_staple) == WOLFSSL_SUCCESS &&
         wolfSSL_CTX_set_tlsext_status_arg(context, staples_.back().get()) == WOLFSSL_SUCCESS;
#else
  static_cast<void>(context);
  return true;
#endif
}

const TlsContext::Host& TlsContext::find(std::string_view name) const noexcept {
  if (name.empty()) return default_;
  std::string key(name);
  if (const auto exact = hosts_.find(key); exact != hosts_.end()) return exact->second;
  const size_t dot = key.find('.');
  if (dot == std::string::npos) return default_;
  const auto wildcard = hosts_.find("*" + key.substr(dot));
  return wildcard == hosts_.end() ? default_ : wildcard->second;
}

TlsChoice TlsContext::choose(const core::ClientHello& hello) const noexcept {
  const Host& host = find(hello.server_name.view());
  TlsChoice choice{nullptr, host.name};
  for (const auto kind : {KeyKind::ecdsa_p256, KeyKind::ecdsa_p384, KeyKind::rsa}) {
    WOLFSSL_CTX* const context = host.by_kind[size_t(kind)];
    if (context == nullptr) continue;
    if (hello.accepts(kind)) return {context, host.name};
    // If the client can use none of them, the handshake fails, and says so best with the last one.
    choice.context = context;
  }
  return choice;
}

}  // namespace mailrace::net
