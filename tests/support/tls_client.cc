// SPDX-License-Identifier: GPL-3.0-or-later
// The client side of the server's own library.
#include "tests/support/tls_client.h"

#include "core/base/check.h"
#include "net/tls_wolfssl.h"

#include <algorithm>
#include <array>
#include <cstring>

// The library's own, and not in its headers: it encrypts what no client may send. A shared library
// does not export it.
extern "C" [[gnu::weak]] int BuildTls13Message(WOLFSSL* session, unsigned char* output,
                                               int output_bytes, const unsigned char* input,
                                               int input_bytes, int type, int is_hashed,
                                               int is_size_only, int is_asynchronous);

namespace mailrace::tests {
namespace {

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

TlsClient::TlsClient(const TlsClientOptions& options)
    : context_(wolfSSL_CTX_new(options.is_tls13 ? wolfTLSv1_3_client_method()
                                                : wolfTLSv1_2_client_method())) {
  MAILRACE_CHECK(context_ != nullptr);
  wolfSSL_CTX_set_verify(context_, WOLFSSL_VERIFY_NONE, nullptr);
  if (!options.root.empty()) {
    const int loaded = wolfSSL_CTX_load_verify_buffer(
        context_, bytes_of(options.root), long(options.root.size()), WOLFSSL_FILETYPE_PEM);
    MAILRACE_CHECK(loaded == WOLFSSL_SUCCESS);
    wolfSSL_CTX_set_verify(context_, WOLFSSL_VERIFY_PEER, nullptr);
  }
  if (!options.certificate.empty()) {
    wolfSSL_CTX_use_certificate_chain_buffer(context_, bytes_of(options.certificate),
                                             long(options.certificate.size()));
    const int used = wolfSSL_CTX_use_PrivateKey_buffer(
        context_, bytes_of(options.key), long(options.key.size()), WOLFSSL_FILETYPE_PEM);
    MAILRACE_CHECK(used == WOLFSSL_SUCCESS);
  }
  if (!options.suites.empty()) wolfSSL_CTX_set_cipher_list(context_, options.suites.c_str());
  if (options.group != 0) {
    std::array<int, 1> groups = {options.group};
    wolfSSL_CTX_set_groups(context_, groups.data(), int(groups.size()));
  }
  wolfSSL_CTX_UseSessionTicket(context_);
  wolfSSL_CTX_SetIORecv(context_, on_read);
  wolfSSL_CTX_SetIOSend(context_, on_write);
  session_ = wolfSSL_new(context_);
  MAILRACE_CHECK(session_ != nullptr);
  if (options.group != 0 && options.is_tls13) wolfSSL_UseKeyShare(session_, word16(options.group));
  if (!options.server_name.empty()) {
    wolfSSL_UseSNI(session_, WOLFSSL_SNI_HOST_NAME, options.server_name.data(),
                   word16(options.server_name.size()));
  }
  if (options.resumed != nullptr) wolfSSL_set_session(session_, options.resumed);
  wolfSSL_SetIOReadCtx(session_, this);
  wolfSSL_SetIOWriteCtx(session_, this);
}

TlsClient::~TlsClient() {
  wolfSSL_free(session_);
  wolfSSL_CTX_free(context_);
}

bool TlsClient::shake_hands() {
  const int result = wolfSSL_connect(session_);
  if (result == WOLFSSL_SUCCESS) return true;
  failed_ = wolfSSL_get_error(session_, result) != WOLFSSL_ERROR_WANT_READ;
  return false;
}

void TlsClient::say(std::string_view text) {
  const int written = wolfSSL_write(session_, text.data(), int(text.size()));
  MAILRACE_CHECK(written == int(text.size()));
}

std::string TlsClient::hear() {
  std::string heard;
  std::array<char, 16384> buffer;
  while (true) {
    const int size = wolfSSL_read(session_, buffer.data(), int(buffer.size()));
    if (size <= 0) {
      const int error = wolfSSL_get_error(session_, size);
      server_closed_ = server_closed_ || error == WOLFSSL_ERROR_ZERO_RETURN;
      failed_ = failed_ || (!server_closed_ && error != WOLFSSL_ERROR_WANT_READ);
      return heard;
    }
    heard.append(buffer.data(), size_t(size));
  }
}

void TlsClient::change_keys() {
  const int changed = wolfSSL_update_keys(session_);
  MAILRACE_CHECK(changed == WOLFSSL_SUCCESS);
}

bool TlsClient::says_records() { return BuildTls13Message != nullptr; }

void TlsClient::say_record(std::string_view content, int type) {
  constexpr size_t kOverhead = 5 + 1 + 16;
  std::string record(content.size() + kOverhead, '\0');
  auto* const octets = reinterpret_cast<unsigned char*>(record.data());
  std::memcpy(octets + 5, content.data(), content.size());
  const int size = BuildTls13Message(session_, octets, int(record.size()), octets + 5,
                                     int(content.size()), type, 0, 0, 0);
  MAILRACE_CHECK(size == int(record.size()));
  sent_ += record;
}

void TlsClient::close() { wolfSSL_shutdown(session_); }
bool TlsClient::server_closed() const { return server_closed_; }
bool TlsClient::was_resumed() const { return wolfSSL_session_reused(session_) == 1; }
WOLFSSL_SESSION* TlsClient::session() const { return wolfSSL_get1_session(session_); }
void TlsClient::free_session(WOLFSSL_SESSION* session) { wolfSSL_SESSION_free(session); }

std::string TlsClient::group() const {
  const char* const name = wolfSSL_get_curve_name(session_);
  return name != nullptr ? name : "";
}

int TlsClient::on_read(WOLFSSL*, char* target, int size, void* self) {
  std::string& source = static_cast<TlsClient*>(self)->received_;
  if (source.empty()) return WOLFSSL_CBIO_ERR_WANT_READ;
  const size_t count = std::min(source.size(), size_t(size));
  std::memcpy(target, source.data(), count);
  source.erase(0, count);
  return int(count);
}

int TlsClient::on_write(WOLFSSL*, char* octets, int size, void* self) {
  static_cast<TlsClient*>(self)->sent_.append(octets, size_t(size));
  return size;
}

}  // namespace mailrace::tests
