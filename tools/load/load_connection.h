// SPDX-License-Identifier: GPL-3.0-or-later
// One connection of the load generator: the client side of SMTP as a chain of steps, on the ring.
#pragma once

#include "core/base/time.h"
#include "net/ring.h"
#include "tools/load/pacer.h"
#include "tools/load/plan.h"
#include "tools/load/reply_parser.h"
#include "tools/load/stats.h"
#include "tools/load/tls_client.h"

#include <sys/socket.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// What an operation under way is about.
enum class LoadOp : uint8_t { ignore, connect, receive, send, send_mail_data, tick, due };

/// sqe.user_data: [ op 8 | unused 24 | slot 32 ]. A slot is opened again only when nothing of its
/// last connection is under way, so no generation is needed.
struct LoadToken {
  LoadOp op = LoadOp::ignore;
  uint32_t slot = 0;

  constexpr uint64_t pack() const noexcept { return uint64_t(op) << 56 | slot; }
  static constexpr LoadToken unpack(uint64_t word) noexcept {
    return {LoadOp(word >> 56), uint32_t(word)};
  }
};

/// What the connections of one worker share. Belongs to its thread.
struct LoadContext {
  const LoadPlan& plan;
  net::Ring& ring;
  uint16_t buffer_group;
  LoadStats& stats;
  LoadTls* tls = nullptr;   // nullptr: no TLS
  uint64_t messages_left;   // that may still be begun
  uint64_t next_number;     // of a message, in its header section
  core::Instant deadline;   // no message is begun behind it
  core::Instant now{};      // of this tick
  bool measuring = false;   // the warm-up is over
  bool stopping = false;    // no message is begun any more
  bool timed_out = false;   // somebody waited in vain: the run ends here and now
  uint32_t open_count = 0;  // connections that are not idle

  LoadPacer* pacer = nullptr;      // nullptr: a closed loop
  std::deque<uint32_t> resting{};  // slots without a message, those first that rest the longest

  bool may_begin() const noexcept {
    const bool has_more = pacer != nullptr ? !pacer->is_exhausted() : messages_left > 0;
    return !stopping && has_more && now < deadline;
  }
};

/// Connects, sends messages one after the other, quits; and again if messages are left. Never sends
/// before the reply to the last step is there. Gives up at the first error and stays idle. In an
/// open loop it rests when no message waits: connected, or not if its messages are counted.
class LoadConnection {
 public:
  LoadConnection(LoadContext& context, uint32_t slot) noexcept;
  LoadConnection(const LoadConnection&) = delete;
  LoadConnection& operator=(const LoadConnection&) = delete;
  ~LoadConnection();

  /// Opens a connection if there is a message to send. Requires: idle().
  void start() noexcept;

  /// Sends the message that was due then, over a new connection if there is none. For one that was
  /// taken from LoadContext::resting.
  /// Requires: can_send().
  void send_due(core::Instant due) noexcept;
  /// Not so while a connection that ended by itself is being closed.
  bool can_send() const noexcept { return step_ == Step::idle || step_ == Step::resting; }

  /// Quits if it is connected and has no message.
  void quit_if_resting() noexcept;

  /// The completions of this connection, by LoadOp. `octets` is what was received, valid for the
  /// call.
  void on_connect(int result) noexcept;
  void on_receive(const io_uring_cqe& cqe, core::Octets octets) noexcept;
  void on_send(int result) noexcept;
  void on_send_mail_data(int result) noexcept;

  /// Gives up if there was no progress for the time that the options allow.
  void check_time() noexcept;

  bool idle() const noexcept { return step_ == Step::idle; }

 private:
  // Named after what was sent: the reply to it is awaited.
  enum class Step : uint8_t {
    idle,
    connect,
    ehlo,
    starttls,
    handshake,
    mail,
    rcpt,
    data,
    mail_data,
    resting,
    quit,
    end,
    failed
  };

  void open() noexcept;
  void receive() noexcept;
  void send(std::string_view text) noexcept;
  void send_mail_data() noexcept;
  void send_pieces(core::Octets header, core::Octets body) noexcept;
  void begin_tls() noexcept;
  void send_encrypted() noexcept;
  void go_on_encrypted() noexcept;
  void take_text(core::Octets octets) noexcept;
  void take_encrypted(core::Octets octets) noexcept;
  void on_established() noexcept;
  void on_reply(uint32_t code) noexcept;
  void count_phase(LoadPhase phase, core::Instant end) noexcept;
  void count_message() noexcept;
  void count_handshake() noexcept;
  void next_message() noexcept;
  void send_message() noexcept;
  void quit() noexcept;
  void give_up(LoadError error, std::string_view what) noexcept;
  void hang_up() noexcept;
  void close_if_quiet() noexcept;
  uint64_t token(LoadOp op) const noexcept { return LoadToken{op, slot_}.pack(); }
  size_t mail_bytes() const noexcept;

  LoadContext& context_;
  const LoadPlan& plan_;
  uint32_t slot_;
  int descriptor_ = -1;
  Step step_ = Step::idle;
  bool pipelining_ = false;
  bool connecting_ = false;  // under way, like the next two
  bool receiving_ = false;
  uint32_t sends_ = 0;
  bool hung_up_ = false;
  uint64_t messages_done_ = 0;        // over this connection
  size_t handed_bytes_ = 0;           // of the message, to the kernel
  size_t sent_bytes_ = 0;             // of these, taken by it
  core::Instant progress_{};          // last sign of life, or when it began to be awaited
  core::Instant waiting_since_{};     // for the end of a phase
  std::optional<core::Instant> due_;  // of the message, in an open loop
  ReplyParser parser_;
  std::optional<LoadTlsSession> tls_;
  std::vector<std::byte> encrypted_;  // being sent
  msghdr header_and_body_{};
  iovec pieces_[2]{};
  char header_[LoadMail::kHeaderBytes];
};

}  // namespace mailrace::tools
