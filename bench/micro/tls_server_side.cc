// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench/micro/tls_server_side.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "net/tls_wolfssl.h"
#include "tests/support/tls_fixtures.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace mailrace::bench {

// --- ours ----------------------------------------------------------------------------------------

OurServerSide::OurServerSide(const std::string& certificate)
    : context_(tests::tls_context({certificate})), target_(core::kTlsRecordBytesMax) {}

bool OurServerSide::receive(core::Octets octets) {
  while (true) {
    const net::TlsStep step = session_->advance(octets, target_);
    octets = octets.subspan(step.consumed);
    switch (step.status) {
      case net::TlsStatus::wants_input:
        if (octets.empty()) return true;
        break;
      case net::TlsStatus::plaintext:
        plaintext_bytes_ += step.plaintext.size();
        break;
      case net::TlsStatus::hello:
      case net::TlsStatus::established:
        break;
      case net::TlsStatus::wants_output:  // a flight fits
      case net::TlsStatus::closed:
      case net::TlsStatus::failed:
        return false;
    }
  }
}

// --- the library's -------------------------------------------------------------------------------

namespace {

// What our server agrees on with this client.
constexpr const char* kSuites =
    "TLS13-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

// The library refuses a ticket that is all zeros, or its own plaintext.
int mask_ticket(WOLFSSL*, unsigned char* name, unsigned char* nonce, unsigned char* tag, int,
                unsigned char* state, int bytes, int* bytes_after, void*) {
  std::memset(name, 1, WOLFSSL_TICKET_NAME_SZ);
  std::memset(nonce, 1, WOLFSSL_TICKET_IV_SZ);
  std::memset(tag, 1, WOLFSSL_TICKET_MAC_SZ);
  for (unsigned char& octet : std::span(state, size_t(bytes))) octet ^= 0xff;
  *bytes_after = bytes;
  return WOLFSSL_TICKET_RET_OK;
}

}  // namespace

LibraryServerSide::LibraryServerSide(const std::string& certificate)
    : context_(wolfSSL_CTX_new(wolfSSLv23_server_method())) {
  MAILRACE_CHECK(context_ != nullptr);
  const std::string chain = tests::tls_file(certificate + ".pem");
  const std::string key = tests::tls_file(certificate + ".key");
  const int chain_set = wolfSSL_CTX_use_certificate_chain_buffer(
      context_, reinterpret_cast<const byte*>(chain.data()), long(chain.size()));
  const int key_set = wolfSSL_CTX_use_PrivateKey_buffer(
      context_, reinterpret_cast<const byte*>(key.data()), long(key.size()), WOLFSSL_FILETYPE_PEM);
  MAILRACE_CHECK(chain_set == WOLFSSL_SUCCESS);
  MAILRACE_CHECK(key_set == WOLFSSL_SUCCESS);
  MAILRACE_CHECK(wolfSSL_CTX_set_cipher_list(context_, kSuites) == WOLFSSL_SUCCESS);
  wolfSSL_CTX_set_verify(context_, WOLFSSL_VERIFY_NONE, nullptr);
  wolfSSL_CTX_set_session_cache_mode(context_, WOLFSSL_SESS_CACHE_OFF);
  wolfSSL_CTX_set_TicketEncCb(context_, mask_ticket);
  wolfSSL_CTX_set_group_messages(context_);
  wolfSSL_CTX_SetIORecv(context_, on_read);
  wolfSSL_CTX_SetIOSend(context_, on_write);
}

LibraryServerSide::~LibraryServerSide() {
  close();
  wolfSSL_CTX_free(context_);
}

void LibraryServerSide::open() {
  session_ = wolfSSL_new(context_);
  MAILRACE_CHECK(session_ != nullptr);
  wolfSSL_SetIOReadCtx(session_, this);
  wolfSSL_SetIOWriteCtx(session_, this);
  is_established_ = false;
}

bool LibraryServerSide::receive(core::Octets octets) {
  received_ = octets;
  const int result = wolfSSL_accept(session_);
  is_established_ = result == WOLFSSL_SUCCESS;
  return is_established_ || wolfSSL_get_error(session_, result) == WOLFSSL_ERROR_WANT_READ;
}

bool LibraryServerSide::was_resumed() const { return wolfSSL_session_reused(session_) == 1; }

void LibraryServerSide::close() {
  if (session_ != nullptr) wolfSSL_free(session_);
  session_ = nullptr;
}

int LibraryServerSide::on_read(WOLFSSL*, char* target, int size, void* self) {
  core::Octets& source = static_cast<LibraryServerSide*>(self)->received_;
  const size_t count = std::min(source.size(), size_t(size));
  if (count == 0) return WOLFSSL_CBIO_ERR_WANT_READ;
  std::memcpy(target, source.data(), count);
  source = source.subspan(count);
  return int(count);
}

int LibraryServerSide::on_write(WOLFSSL*, char* octets, int size, void* self) {
  const auto* const begin = reinterpret_cast<const std::byte*>(octets);
  auto& sent = static_cast<LibraryServerSide*>(self)->sent_;
  sent.insert(sent.end(), begin, begin + size);
  return size;
}

}  // namespace mailrace::bench
