// SPDX-License-Identifier: GPL-3.0-or-later
// Certificates and rules of one worker, as of one reload.
#pragma once

#include "core/tls/client_hello.h"
#include "net/tls_identity.h"
#include "net/tls_ticket_cipher.h"
#include "net/tls_ticket_keys.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct WOLFSSL_CTX;

namespace mailrace::net {

enum class TlsVersion : uint8_t { tls12, tls13 };

struct TlsRules {
  TlsVersion version_min = TlsVersion::tls12;
  /// Clients are asked for a certificate. It is recorded, and nobody verifies whose it is; sessions
  /// have no tickets then, because these do not carry it.
  bool asks_client = false;
};

/// With what a session is to be served.
struct TlsChoice {
  WOLFSSL_CTX* context = nullptr;
  std::string_view host;  // what tickets are bound to; valid as long as the TlsContext
};

/// Made anywhere, then used by one worker only. Sessions keep the one that they began with.
class TlsContext {
 public:
  /// identities   at least one; the first is for clients that name no host or one we do not have
  /// keys         of tickets; none: no tickets
  /// returns      nullptr if there is no memory
  static std::shared_ptr<TlsContext> make(std::span<const TlsIdentity* const> identities,
                                          const TlsRules& rules, const TlsTicketKeys& keys);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  /// The host by its exact name, then by a wildcard, then the first one; of its certificates an
  /// ECDSA one if the client can use it.
  TlsChoice choose(const core::ClientHello& hello) const noexcept;

  TlsTicketCipher& tickets() noexcept { return tickets_; }

 private:
  struct FreeContext {
    void operator()(WOLFSSL_CTX* context) const noexcept;
  };
  using ContextPointer = std::unique_ptr<WOLFSSL_CTX, FreeContext>;
  /// Of one name: a context for each kind of key, or none.
  struct Host {
    std::array<WOLFSSL_CTX*, 3> by_kind{};
    std::string_view name;
  };

  explicit TlsContext(const TlsTicketKeys& keys) : tickets_(keys) {}
  ContextPointer make_one(const TlsIdentity& identity, const TlsRules& rules);
  bool set_staple(WOLFSSL_CTX* context, const TlsOcspResponse& response);
  const Host& find(std::string_view name) const noexcept;

  TlsTicketCipher tickets_;
  std::vector<std::unique_ptr<TlsOcspResponse>> staples_;  // at places that do not move
  std::vector<ContextPointer> contexts_;
  std::unordered_map<std::string, Host> hosts_;
  Host default_;
};

}  // namespace mailrace::net
