// SPDX-License-Identifier: GPL-3.0-or-later
// A session to resume is that of a full handshake, again and again: so what is measured does not
// depend on how servers count resumptions of resumptions.
#include "tools/load/tls_client.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "net/tls_library.h"
#include "net/tls_wolfssl.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace mailrace::tools {
namespace {

int library_group(LoadTlsGroup group) noexcept {
  switch (group) {
    case LoadTlsGroup::x25519:
      return WOLFSSL_ECC_X25519;
    case LoadTlsGroup::p256:
      return WOLFSSL_ECC_SECP256R1;
    case LoadTlsGroup::x25519mlkem768:
#ifdef WOLFSSL_HAVE_MLKEM
      return WOLFSSL_X25519MLKEM768;
#else
      break;
#endif
  }
  return 0;
}

}  // namespace

// --- what is shared ------------------------------------------------------------------------------

std::unique_ptr<LoadTls> LoadTls::make(const LoadTlsOptions& options) {
  net::tls_library_prepare();
  std::unique_ptr<LoadTls> made(new LoadTls(options));
  const bool is_tls13 = options.version == LoadTlsVersion::tls13;
  const int group = library_group(options.group);
  WOLFSSL_CTX* const context =
      wolfSSL_CTX_new(is_tls13 ? wolfTLSv1_3_client_method() : wolfTLSv1_2_client_method());
  made->context_ = context;
  if (context == nullptr || group == 0) return nullptr;
  // In TLS 1.2 the groups also are the curves of certificates that the client takes (RFC 8422
  // section 5.1.1).
  std::array<int, 2> groups = {group, WOLFSSL_ECC_SECP256R1};
  const int group_count = is_tls13 || group == groups.back() ? 1 : 2;
  if (wolfSSL_CTX_set_groups(context, groups.data(), group_count) != WOLFSSL_SUCCESS) {
    return nullptr;
  }
  wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_NONE, nullptr);
  wolfSSL_CTX_UseSessionTicket(context);
  wolfSSL_CTX_set_group_messages(context);
  wolfSSL_CTX_SetIORecv(context, LoadTlsSession::on_read);
  wolfSSL_CTX_SetIOSend(context, LoadTlsSession::on_write);
  made->plaintext_.resize(core::kLoadTlsReadBytes);
  return made;
}

LoadTls::~LoadTls() {
  if (kept_ != nullptr) wolfSSL_SESSION_free(kept_);
  wolfSSL_CTX_free(context_);
}

WOLFSSL* LoadTls::open() noexcept {
  WOLFSSL* const session = wolfSSL_new(context_);
  MAILRACE_CHECK(session != nullptr);
  if (options_.version == LoadTlsVersion::tls13) {
    wolfSSL_UseKeyShare(session, word16(library_group(options_.group)));
  }
  const std::string& name = options_.server_name;
  if (!name.empty()) {
    wolfSSL_UseSNI(session, WOLFSSL_SNI_HOST_NAME, name.data(), word16(name.size()));
  }
  if (is_to_resume()) wolfSSL_set_session(session, kept_);
  return session;
}

bool LoadTls::is_to_resume() noexcept {
  if (kept_ == nullptr) return false;
  percents_ += options_.resume_percent;
  if (percents_ < 100) return false;
  percents_ -= 100;
  return true;
}

// --- one session ---------------------------------------------------------------------------------

LoadTlsSession::LoadTlsSession(LoadTls& shared) : shared_(shared), session_(shared.open()) {
  wolfSSL_SetIOReadCtx(session_, this);
  wolfSSL_SetIOWriteCtx(session_, this);
  (void)wolfSSL_connect(session_);  // what is wrong comes again with the first input
}

LoadTlsSession::~LoadTlsSession() { wolfSSL_free(session_); }

LoadTlsSession::Status LoadTlsSession::advance(core::Octets& input,
                                               core::Octets& plaintext) noexcept {
  input_ = input;
  Status status = Status::established;
  if (!is_established_) {
    const int result = wolfSSL_connect(session_);
    is_established_ = result == WOLFSSL_SUCCESS;
    if (!is_established_) status = judge(result);
  } else {
    std::vector<std::byte>& target = shared_.plaintext_;
    const int result = wolfSSL_read(session_, target.data(), int(target.size()));
    status = result > 0 ? Status::plaintext : judge(result);
    if (result > 0) plaintext = core::Octets(target).first(size_t(result));
  }
  input = std::exchange(input_, {});
  return status;
}

LoadTlsSession::Status LoadTlsSession::judge(int result) noexcept {
  const int error = wolfSSL_get_error(session_, result);
  if (error == WOLFSSL_ERROR_WANT_READ) return Status::wants_input;
  if (error == WOLFSSL_ERROR_ZERO_RETURN) return Status::closed;
  const char* const why = wolfSSL_ERR_reason_error_string(static_cast<unsigned long>(error));
  failure_ = why != nullptr ? why : "unknown error";
  return Status::failed;
}

bool LoadTlsSession::write(core::Octets octets) noexcept {
  const int written = wolfSSL_write(session_, octets.data(), int(octets.size()));
  return written == int(octets.size()) || judge(written) == Status::wants_input;
}

bool LoadTlsSession::was_resumed() const noexcept { return wolfSSL_session_reused(session_) == 1; }

void LoadTlsSession::keep_for_resumption() noexcept {
  if (shared_.options_.resume_percent == 0 || was_resumed()) return;
  WOLFSSL_SESSION* const session = wolfSSL_get1_session(session_);
  if (session == nullptr) return;
  if (shared_.kept_ != nullptr) wolfSSL_SESSION_free(shared_.kept_);
  shared_.kept_ = session;
}

int LoadTlsSession::on_read(WOLFSSL*, char* target, int size, void* self) noexcept {
  core::Octets& input = static_cast<LoadTlsSession*>(self)->input_;
  const size_t count = std::min(input.size(), size_t(size));
  if (count == 0) return WOLFSSL_CBIO_ERR_WANT_READ;
  std::memcpy(target, input.data(), count);
  input = input.subspan(count);
  return int(count);
}

int LoadTlsSession::on_write(WOLFSSL*, char* octets, int size, void* self) noexcept {
  std::vector<std::byte>& output = static_cast<LoadTlsSession*>(self)->output_;
  const auto* const begin = reinterpret_cast<const std::byte*>(octets);
  output.insert(output.end(), begin, begin + size);
  return size;
}

}  // namespace mailrace::tools
