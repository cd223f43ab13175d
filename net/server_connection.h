// SPDX-License-Identifier: GPL-3.0-or-later
// Drives one ServerSession: feeds it what the stream receives and gets it what it needs.
#pragma once

#include "core/base/ip.h"
#include "core/port/mail_sink.h"
#include "core/proxy/proxy_header.h"
#include "core/smtp/reply.h"
#include "core/smtp/server_session.h"
#include "net/input_queue.h"
#include "net/listener.h"
#include "net/session_clock.h"
#include "net/stream.h"
#include "net/tls_plaintext.h"
#include "net/tls_session.h"
#include "net/worker_context.h"

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace mailrace::net {

/// One SMTP connection. The worker calls on_x() with what happened, and takes the connection down
/// once it is finished().
class ServerConnection {
 public:
  /// self        this connection's slot and generation
  /// context     of the worker; outlives the connection
  /// listener    where it came in
  /// descriptor  as Stream takes it
  /// refusal     why the session is to end with its first reply, if it is
  ServerConnection(Token self, WorkerContext& context, const ListenerOptions& listener,
                   int descriptor, std::optional<core::ReplyId> refusal) noexcept;
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;
  ~ServerConnection();

  /// Learns the peer's address, then begins the session.
  /// peer_name_bytes   size of a socket address of the listener's family: SO_PEERNAME wants no more
  void start(int peer_name_bytes) noexcept;

  void on_peer_name(int result) noexcept;
  void on_receive(const io_uring_cqe& cqe) noexcept;
  void on_send(int result) noexcept;
  void on_shutdown() noexcept { stream_.on_shutdown(); }
  void on_committed(core::MailOutcome outcome) noexcept;
  void on_room() noexcept;
  void on_timeout() noexcept;
  /// Receive buffers are there again.
  void on_buffers() noexcept;
  /// It may answer a ClientHello now.
  void on_handshake_turn() noexcept;
  /// Whether it has begun a handshake that has not ended.
  bool in_handshake() const noexcept { return in_handshake_; }
  /// Ends its handshake for another one's. returns   false: it is us that its client waits for
  bool give_way() noexcept;

  /// The server is stopping: says goodbye unless a transaction is open. `now`: even then.
  void drain(bool now) noexcept;

  /// Copies what it holds, if it waits for anything: somebody else needs the buffers. If that is
  /// too much, drops the connection, unless it is the disk that it waits for.
  void relieve() noexcept;

  uint32_t slot() const noexcept { return self_.slot; }
  bool waits_for_buffers() const noexcept { return starved_; }
  /// Whether nothing is under way any more; the worker then calls close() and takes it down.
  bool finished() const noexcept { return over_ && stream_.quiet() && !committing_; }
  void close() noexcept { stream_.close(); }

 private:
  /// What must happen before more input is used.
  enum class Wait : uint8_t { nothing, greeting, output, room, commit, delay, starttls, turn };
  /// How far the connection is.
  enum class Stage : uint8_t {
    naming,        // the kernel is asked who the peer is
    proxy_header,  // which comes before anything else
    handshake,     // of TLS
    greeting,      // which is delayed
    session,
  };

  // server_opening.cc: up to the greeting, and whom the peer speaks for.
  void go_on_opening() noexcept;
  void read_proxy_header() noexcept;
  void fail_proxy_header(std::string_view reason) noexcept;
  void begin_session() noexcept;
  core::ClientStanding standing() const noexcept;
  std::optional<core::ReplyId> let_in() noexcept;
  void become(const core::Endpoint& peer) noexcept;
  void await_greeting() noexcept;
  void greet() noexcept;
  void speak_for(const core::Xclient& client) noexcept;
  void log_proxied(const core::Endpoint& via, const core::Endpoint& destination, core::Verb by,
                   std::string_view name) noexcept;

  // server_tls.cc
  void begin_tls() noexcept;
  void go_on_handshake() noexcept;
  bool take_turn() noexcept;
  void wait_for_turn() noexcept;
  bool take_handshake_turn() noexcept;
  void leave_handshake() noexcept;
  void end_handshake() noexcept;
  void fail_tls(std::string_view reason) noexcept;
  TlsStep advance_tls() noexcept;
  bool decrypt() noexcept;
  static core::Octets moved(core::Octets part, core::Octets before, core::Octets after) noexcept;
  void keep_plaintext() noexcept;
  void encrypt_replies() noexcept;

  bool has_input() noexcept;
  core::Octets front() const noexcept;
  void consume(size_t size) noexcept;
  void rest() noexcept;

  void run(core::Step step) noexcept;
  void go_on() noexcept;
  bool meet(const core::Step& step, core::Step& next) noexcept;
  core::Verdict judge(const core::Step& step) noexcept;
  core::Verdict judge_mail() noexcept;
  void enter(MailStage stage, core::Instant since) noexcept;
  void count_mail(core::ReplyId reply) noexcept;
  core::Verdict judge_recipient(std::string_view domain) noexcept;
  core::Verdict judge_tls() noexcept;
  void note_refused(size_t what) noexcept;
  core::Verdict refuse_beyond(core::Limited limit, core::ReplyId reply) noexcept;
  core::Verdict open_mail() noexcept;
  core::Verdict refuse_for(const core::Error& error) noexcept;
  bool append(core::Octets octets) noexcept;
  bool end_mail(core::Step& next) noexcept;
  core::Step finish_mail(const core::Verdict& verdict) noexcept;
  void drop_mail() noexcept;
  void mail_is_over() noexcept;
  void note_reply_taken() noexcept;
  void terminate(core::ReplyId reason) noexcept;
  void begin_closing() noexcept;
  void flush() noexcept;
  void steer_receiving() noexcept;
  Turn turn() const noexcept;
  void watch_clock() noexcept;
  void end() noexcept;
  uint32_t take_early_talk() noexcept;
  void log_mail(core::ReplyId reply) noexcept;
  void log_refusals() noexcept;
  void log_early_talk() noexcept;
  void log_timeout() noexcept;

  const Settings& settings() const noexcept { return *terms_->settings; }

  WorkerContext& context_;
  TermsHold terms_;  // that it began with, to the end
  ListenerOptions listener_;
  Token self_;
  Stream stream_;
  InputQueue input_;
  core::ReplyBuffer replies_;
  core::ServerSession session_;
  std::unique_ptr<TlsSession> tls_;  // once TLS begins
  TlsPlaintext plaintext_;           // under TLS: what the session has not used yet

  core::Endpoint peer_;    // whom the session is with: as below, or as XCLIENT has it
  core::Endpoint origin_;  // the socket's peer, or the PROXY header's
  std::unique_ptr<core::ProxyHeader> proxy_header_;  // Stage::proxy_header
  sockaddr_in6 peer_name_{};                         // filled in by the kernel
  core::LimitedClient client_;
  bool beyond_errors_ = false;  // the client has made too many, all its connections together
  core::Place place_;           // of --max-connections
  core::Place mail_place_;      // of --max-transactions
  core::MailHandle mail_;
  bool mail_open_ = false;
  bool committing_ = false;     // the sink will report, whatever becomes of the connection
  core::Octets unappended_;     // mail data that the sink had no room for; in the input
  size_t unappended_used_ = 0;  // what to take off the input once it is appended

  Wait wait_ = Wait::nothing;
  std::optional<core::ReplyId> refusal_;  // why the session is not to begin
  Stage stage_ = Stage::naming;
  bool peer_closed_ = false;   // the peer sent its end
  bool in_handshake_ = false;  // counted as such
  bool starved_ = false;       // the receive ended for want of buffers
  bool closing_ = false;       // the session is over; replies are on their way
  bool unread_ = false;        // the session ended with octets of the peer's unread, or to come
  bool over_ = false;          // nothing more to send or to read

  SessionClock clock_;
  uint32_t early_talk_told_ = 0;
  core::Instant idle_since_;  // accept, or the end of the last mail
  core::Instant phase_at_;    // likewise, the greeting, a handshake, EHLO, or waiting for room
  core::Instant replied_at_;  // to a mail; the kernel has not taken it yet
  core::Instant mail_at_;
  core::Instant data_at_;
  core::Instant ended_at_;
};

}  // namespace mailrace::net
