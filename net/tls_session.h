// SPDX-License-Identifier: GPL-3.0-or-later
// TLS of one connection, server side: encrypted octets in, plaintext out, and the other way round.
// Knows no socket.
#pragma once

#include "core/base/bytes.h"
#include "core/smtp/envelope.h"
#include "core/tls/client_hello.h"
#include "net/tls_context.h"
#include "net/tls_output.h"
#include "net/tls_stash.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct WOLFSSL;
struct WOLFSSL_X509_STORE_CTX;

namespace mailrace::net {

enum class TlsStatus : uint8_t {
  wants_input,   // go on: with what is left of the input, or with more if nothing is
  wants_output,  // the output is full: send, then go on
  hello,         // a whole ClientHello is there; to go on from here costs a signature
  established,   // the handshake has ended just now
  plaintext,     // octets for the session
  closed,        // the peer has said that it sends no more
  failed,        // see failure(); the output may have an alert for the peer
};

struct TlsStep {
  TlsStatus status = TlsStatus::wants_input;
  size_t consumed = 0;     // octets of the input done with
  core::Octets plaintext;  // TlsStatus::plaintext: in the memory that was lent
};

/// Costs nothing but its own size until a ClientHello is there: what is known of a client by then
/// decides how it is served. source   net/TLS.md
class TlsSession {
 public:
  /// context      nobody else's but this worker's
  /// blocks       of kTlsOutputBytes octets for output(); outlives this
  /// kept_bytes   of all connections of the worker; outlives this
  TlsSession(std::shared_ptr<TlsContext> context, core::BlockPool& blocks,
             size_t& kept_bytes) noexcept;
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  /// Goes one step on: with the handshake, or by one record. A record that is not whole is copied.
  ///
  /// input     what came and was not consumed, in order, split anywhere, possibly none
  /// target    for plaintext: kTlsRecordBytesMax octets, borrowed as long as the result is used
  /// is_owed   to a mail that is open: a record is kept whatever others have kept
  TlsStep advance(core::Octets input, core::MutableOctets target, bool is_owed = false) noexcept;

  /// Encrypts octets of ours into output().
  /// returns   false if the session cannot go on
  /// requires  is_open(); room there for the octets and kTlsRecordOverheadBytes
  bool write(core::Octets octets) noexcept;

  /// Says that we send no more, into output(). Whatever is wrong, nothing more can be said.
  void close() noexcept;

  /// The handshake has ended well, and nothing has gone wrong since.
  bool is_open() const noexcept { return state_ == State::open || state_ == State::peer_closed; }
  /// Whether the library holds something for this session: it has begun a handshake.
  bool has_begun() const noexcept { return session_ != nullptr; }
  bool in_handshake() const noexcept { return state_ == State::handshake; }

  TlsOutput& output() noexcept { return output_; }
  /// Requires: the handshake has ended well. Valid as long as this.
  core::TlsFacts facts() const noexcept;
  /// Why it failed, in a few words; static.
  std::string_view failure() const noexcept { return failure_; }

  // What the library calls.
  static int on_read(WOLFSSL*, char* target, int size, void* self) noexcept;
  static int on_write(WOLFSSL*, char* octets, int size, void* self) noexcept;
  static int on_ticket(WOLFSSL* session, unsigned char* name, unsigned char* nonce,
                       unsigned char* tag, int is_sealed_now, unsigned char* state, int bytes,
                       int* bytes_after, void* cipher) noexcept;
  static int on_client_certificate(int is_verified, WOLFSSL_X509_STORE_CTX* store) noexcept;

 private:
  enum class State : uint8_t { hello, ready, handshake, open, peer_closed, closed, failed };
  struct FreeSession {
    void operator()(WOLFSSL* session) const noexcept;
  };

  TlsStatus read_hello() noexcept;
  TlsStatus begin() noexcept;
  TlsStatus shake_hands() noexcept;
  TlsStatus read_record(core::MutableOctets target, core::Octets& plaintext) noexcept;
  size_t next_record() noexcept;
  TlsStatus judge(int result) noexcept;
  TlsStatus refuse(uint8_t alert, std::string_view why) noexcept;
  TlsStatus fail(std::string_view why) noexcept;
  void forget_client() noexcept;
  void learn() noexcept;
  void forget_intermediates() noexcept;
  int open_ticket(WOLFSSL* session, const TlsTicketHead& head, core::MutableOctets state,
                  TlsTicketCipher& cipher) noexcept;

  std::shared_ptr<TlsContext> context_;
  TlsOutput output_;
  std::unique_ptr<WOLFSSL, FreeSession> session_;
  core::Octets input_;          // during advance()
  TlsStash stash_;              // comes before it
  size_t record_left_ = 0;      // of a record that the library is reading, there or there
  size_t step_bytes_ = 0;       // of the records that it was given in this step
  size_t fruitless_bytes_ = 0;  // of those without plaintext, less what plaintext made up for
  std::unique_ptr<core::ClientHello> hello_;  // until begin()
  std::string_view host_;                     // what tickets are bound to
  std::string server_name_;
  std::string client_;
  core::TlsFacts facts_;
  std::string_view failure_;
  State state_ = State::hello;
  uint8_t ticket_chain_ = 0;             // how many resumptions led here
  bool may_have_intermediates_ = false;  // of this client, in the context
};

}  // namespace mailrace::net
