// SPDX-License-Identifier: GPL-3.0-or-later
// The library asks for octets and gives us octets by callbacks, on the worker's own buffers: it
// copies a record into one of its own, decrypts it there, and from there into the worker's.
#include "net/tls_session.h"

#include "core/base/check.h"
#include "net/tls_wolfssl.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace mailrace::net {

using core::HelloStatus;

namespace {

// Alerts by hand, fatal: before the library is asked.
constexpr uint8_t kUnexpectedMessage = 10;
constexpr uint8_t kHandshakeFailure = 40;

// RFC 8446 section 5.1: from change_cipher_spec to application_data, and 3 for all of TLS.
constexpr size_t kRecordTypeMin = 20;
constexpr size_t kRecordTypeMax = 23;
constexpr size_t kRecordMajor = 3;

struct Group {
  std::string_view library_name;
  std::string_view name;
};
constexpr Group kGroups[] = {
    {"X25519", "X25519"},
    {"X25519MLKEM768", "X25519MLKEM768"},
    {"SECP256R1", "P-256"},
    {"SECP384R1", "P-384"},
};

std::string_view group_name(const char* library_name) noexcept {
  if (library_name == nullptr) return {};
  for (const Group& group : kGroups) {
    if (group.library_name == library_name) return group.name;
  }
  return {};
}

// Octets of the record that `stream` begins with, or of its header if that is not whole. One that
// cannot be right is its header: the library refuses it at once, and waits for nothing more.
size_t record_bytes(core::Octets stream) noexcept {
  constexpr size_t kHeader = core::kTlsRecordHeaderBytes;
  if (stream.size() < kHeader) return kHeader;
  const auto octet = [stream](size_t index) { return size_t(stream[index]); };
  const size_t length = octet(3) << 8u | octet(4);
  const bool is_record = octet(0) >= kRecordTypeMin && octet(0) <= kRecordTypeMax &&
                         octet(1) == kRecordMajor && length <= core::kTlsEncryptedBytesMax;
  return kHeader + (is_record ? length : 0);
}

core::MutableOctets octets_of(void* memory, size_t size) noexcept {
  return {static_cast<std::byte*>(memory), size};
}

constexpr bool is_plain(char c) noexcept {
  return c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '(' && c != ')';
}

}  // namespace

void TlsSession::FreeSession::operator()(WOLFSSL* session) const noexcept { wolfSSL_free(session); }

TlsSession::TlsSession(std::shared_ptr<TlsContext> context, core::BlockPool& blocks,
                       size_t& kept_bytes) noexcept
    : context_(std::move(context)), output_(blocks), stash_(kept_bytes) {
  MAILRACE_CHECK(context_ != nullptr);
}

TlsSession::~TlsSession() { forget_intermediates(); }

TlsStep TlsSession::advance(core::Octets input, core::MutableOctets target, bool is_owed) noexcept {
  MAILRACE_CHECK(target.size() >= core::kTlsRecordBytesMax);
  input_ = input;
  step_bytes_ = 0;
  TlsStep step;
  switch (state_) {
    case State::hello:
      step.status = read_hello();
      break;
    case State::ready:
      step.status = begin();
      break;
    case State::handshake:
      step.status = shake_hands();
      break;
    case State::open:
      step.status = read_record(target, step.plaintext);
      break;
    case State::peer_closed:
    case State::closed:
      step.status = TlsStatus::closed;
      break;
    case State::failed:
      step.status = TlsStatus::failed;
      break;
  }
  if (!stash_.keep(is_owed)) step.status = fail("too many records that are not whole");
  step.consumed = input.size() - std::exchange(input_, {}).size();
  return step;
}

// --- the handshake -------------------------------------------------------------------------------

TlsStatus TlsSession::read_hello() noexcept {
  core::Octets stream = input_;
  if (!stash_.empty()) {
    stash_.fill(input_, core::kClientHelloStreamBytesMax);
    stream = stash_.front();
  }
  if (stream.empty()) return TlsStatus::wants_input;
  auto hello = std::make_unique<core::ClientHello>();
  switch (core::parse_client_hello(stream, *hello)) {
    case HelloStatus::complete:
      // The library would ask for a group of its own that the client has not offered.
      if (!hello->shares_group()) return refuse(kHandshakeFailure, "no common group");
      hello_ = std::move(hello);
      state_ = State::ready;
      return TlsStatus::hello;
    case HelloStatus::incomplete:
      if (stream.size() >= core::kClientHelloStreamBytesMax) break;
      stash_.fill(input_, core::kClientHelloStreamBytesMax);
      return TlsStatus::wants_input;
    case HelloStatus::malformed:
      break;
  }
  return refuse(kUnexpectedMessage, "no ClientHello");
}

TlsStatus TlsSession::refuse(uint8_t alert, std::string_view why) noexcept {
  const std::array<uint8_t, 7> record = {21, 3, 3, 0, 2, 2, alert};
  output_.add(std::as_bytes(std::span(record)));
  return fail(why);
}

TlsStatus TlsSession::begin() noexcept {
  const TlsChoice choice = context_->choose(*hello_);
  session_.reset(wolfSSL_new(choice.context));
  if (session_ == nullptr) return fail("no memory");
  host_ = choice.host;
  server_name_ = hello_->server_name.view();
  hello_.reset();
  wolfSSL_SetIOReadCtx(session_.get(), this);
  wolfSSL_SetIOWriteCtx(session_.get(), this);
  wolfSSL_SetCertCbCtx(session_.get(), this);
  state_ = State::handshake;
  return shake_hands();
}

TlsStatus TlsSession::shake_hands() noexcept {
  const int result = wolfSSL_accept(session_.get());
  if (result != WOLFSSL_SUCCESS) return judge(result);
  state_ = State::open;
  learn();
  return TlsStatus::established;
}

// What is told of the session is read once: the library keeps no name that it has not.
void TlsSession::learn() noexcept {
  WOLFSSL* const session = session_.get();
  const int suite = wolfSSL_get_current_cipher_suite(session);
  const char* const cipher =
      wolfSSL_get_cipher_name_iana_from_suite(byte(suite >> 8), byte(suite & 0xff));
  const bool is_tls13 = wolfSSL_GetVersion(session) == WOLFSSL_TLSV1_3;
  facts_ = {
      .version = is_tls13 ? "TLS1.3" : "TLS1.2",
      .cipher = std::string_view(cipher != nullptr ? cipher : ""),
      .group = group_name(wolfSSL_get_curve_name(session)),
      .is_resumed = wolfSSL_session_reused(session) == 1,
  };
#ifdef MAILRACE_TLS_STAPLES
  wolfSSL_set_tlsext_status_ocsp_resp(session, nullptr, 0);  // stapled, and not kept
#endif
  forget_intermediates();
}

// The certificates that a client sent beside its own are not trusted, and not kept, whatever became
// of the handshake: the library puts them with the context's before the client has proved anything.
void TlsSession::forget_intermediates() noexcept {
  if (!std::exchange(may_have_intermediates_, false) || session_ == nullptr) return;
  wolfSSL_CertManagerUnloadIntermediateCerts(
      wolfSSL_CTX_GetCertManager(wolfSSL_get_SSL_CTX(session_.get())));
}

core::TlsFacts TlsSession::facts() const noexcept {
  core::TlsFacts facts = facts_;
  facts.server_name = server_name_;
  facts.client = client_;
  return facts;
}

// --- records -------------------------------------------------------------------------------------

TlsStatus TlsSession::read_record(core::MutableOctets target, core::Octets& plaintext) noexcept {
  const int result = wolfSSL_read(session_.get(), target.data(), int(target.size()));
  if (result > 0) {
    plaintext = target.first(size_t(result));
    fruitless_bytes_ -=
        std::min(fruitless_bytes_, plaintext.size() / core::kTlsPlaintextPerFruitlessByte);
    return TlsStatus::plaintext;
  }
  fruitless_bytes_ += step_bytes_;
  const TlsStatus status = judge(result);
  // A change of keys, over and over: each costs what many octets of mail do.
  const bool is_too_much = fruitless_bytes_ > core::kTlsFruitlessBytesMax;
  return is_too_much && state_ == State::open ? fail("too much without mail") : status;
}

// The library is given whole records only: for others it would take memory that nobody counts, as
// much as the client announces. And one of them in a step, since it goes on until there is
// plaintext; but nobody would come back for what the stash has. returns   the record's size, or 0
size_t TlsSession::next_record() noexcept {
  if (stash_.empty()) {
    if (state_ == State::open && step_bytes_ > 0) return 0;
    const size_t size = record_bytes(input_);
    if (size <= input_.size()) return size;
    stash_.fill(input_, size);
  }
  for (int part = 0; part < 2; ++part) stash_.fill(input_, record_bytes(stash_.front()));
  const size_t size = record_bytes(stash_.front());
  return size <= stash_.front().size() ? size : 0;
}

TlsStatus TlsSession::judge(int result) noexcept {
  const int error = wolfSSL_get_error(session_.get(), result);
  if (error == WOLFSSL_ERROR_WANT_READ) return TlsStatus::wants_input;
  if (error == WOLFSSL_ERROR_WANT_WRITE) return TlsStatus::wants_output;
  if (error == WOLFSSL_ERROR_ZERO_RETURN && state_ == State::open) {
    state_ = State::peer_closed;
    return TlsStatus::closed;
  }
  const char* const why = wolfSSL_ERR_reason_error_string(static_cast<unsigned long>(error));
  return fail(why != nullptr ? why : "unknown error");
}

TlsStatus TlsSession::fail(std::string_view why) noexcept {
  state_ = State::failed;
  failure_ = why;
  forget_client();
  return TlsStatus::failed;
}

// Nothing more is read; what is still to be sent does not need the library.
void TlsSession::forget_client() noexcept {
  stash_.clear();
  forget_intermediates();
  session_.reset();
}

bool TlsSession::write(core::Octets octets) noexcept {
  MAILRACE_CHECK(is_open());
  MAILRACE_CHECK(output_.room() >= octets.size() + core::kTlsRecordOverheadBytes);
  const int result = wolfSSL_write(session_.get(), octets.data(), int(octets.size()));
  if (result == int(octets.size())) return true;
  if (judge(result) != TlsStatus::failed) fail("cannot be written to");
  return false;
}

void TlsSession::close() noexcept {
  if (is_open()) wolfSSL_shutdown(session_.get());
  if (state_ != State::failed) state_ = State::closed;
  forget_client();
}

// --- what the library calls ----------------------------------------------------------------------

int TlsSession::on_read(WOLFSSL*, char* target, int size, void* self) noexcept {
  TlsSession& session = *static_cast<TlsSession*>(self);
  if (session.record_left_ == 0) {
    session.record_left_ = session.next_record();
    session.step_bytes_ += session.record_left_;
  }
  const bool is_stashed = !session.stash_.empty();
  const core::Octets source = is_stashed ? session.stash_.front() : session.input_;
  const size_t count = std::min({source.size(), size_t(size), session.record_left_});
  if (count == 0) return WOLFSSL_CBIO_ERR_WANT_READ;
  std::memcpy(target, source.data(), count);
  session.record_left_ -= count;
  if (is_stashed) {
    session.stash_.consume(count);
  } else {
    session.input_ = session.input_.subspan(count);
  }
  return int(count);
}

int TlsSession::on_write(WOLFSSL*, char* octets, int size, void* self) noexcept {
  TlsOutput& output = static_cast<TlsSession*>(self)->output_;
  const size_t taken = output.add(octets_of(octets, size_t(size)));
  return taken == 0 ? WOLFSSL_CBIO_ERR_WANT_WRITE : int(taken);
}

int TlsSession::on_ticket(WOLFSSL* session, unsigned char* name, unsigned char* nonce,
                          unsigned char* tag, int is_sealed_now, unsigned char* state, int bytes,
                          int* bytes_after, void* cipher) noexcept {
  auto* const self = static_cast<TlsSession*>(wolfSSL_GetIOReadCtx(session));
  auto* const tickets = static_cast<TlsTicketCipher*>(cipher);
  const TlsTicketHead head{octets_of(name, 16), octets_of(nonce, 16), octets_of(tag, 16)};
  const core::MutableOctets octets = octets_of(state, size_t(bytes));
  *bytes_after = bytes;
  if (is_sealed_now == 0) return self->open_ticket(session, head, octets, *tickets);
  std::memset(tag, 0, WOLFSSL_TICKET_MAC_SZ);
  if (wc_RNG_GenerateBlock(wolfSSL_GetRNG(session), nonce, 12) != 0) {
    return WOLFSSL_TICKET_RET_FATAL;
  }
  const auto chain = uint8_t(self->ticket_chain_ + 1);
  const bool is_sealed = tickets->seal(head, octets, self->host_, chain);
  return is_sealed ? WOLFSSL_TICKET_RET_OK : WOLFSSL_TICKET_RET_FATAL;
}

int TlsSession::open_ticket(WOLFSSL* session, const TlsTicketHead& head, core::MutableOctets state,
                            TlsTicketCipher& cipher) noexcept {
  uint8_t chain = 0;
  const auto opened = cipher.open(head, state, host_, chain);
  if (opened == TlsTicketCipher::Opened::refused) return WOLFSSL_TICKET_RET_REJECT;
  ticket_chain_ = chain;
  // In TLS 1.3 a new ticket comes by itself, and asking for it would end the resumption.
  const bool wants_new = opened == TlsTicketCipher::Opened::with_other &&
                         wolfSSL_GetVersion(session) != WOLFSSL_TLSV1_3;
  return wants_new ? WOLFSSL_TICKET_RET_CREATE : WOLFSSL_TICKET_RET_OK;
}

// Called for each certificate that is not verified, which is all of them: there is no root. returns
// 1: go on all the same
int TlsSession::on_client_certificate(int, WOLFSSL_X509_STORE_CTX* store) noexcept {
  auto* const self = static_cast<TlsSession*>(store->userCtx);
  self->may_have_intermediates_ = true;
  if (store->error_depth != 0 || store->domain == nullptr) return 1;
  const std::string_view name(store->domain);
  self->client_ = name.substr(0, core::kTlsClientBytesMax);
  std::replace_if(
      self->client_.begin(), self->client_.end(), [](char c) { return !is_plain(c); }, '?');
  return 1;
}

}  // namespace mailrace::net
