// SPDX-License-Identifier: GPL-3.0-or-later
// One connection of the load generator: its socket, on the ring.
#pragma once

#include "core/base/time.h"
#include "net/ring.h"
#include "tools/load/dialog.h"
#include "tools/load/load_context.h"
#include "tools/load/reply_parser.h"
#include "tools/load/tls_client.h"

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
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

/// Connects, does what the dialog says to the end; and again if messages are left. Gives up at the
/// first error and stays idle. In an open loop it rests when no message waits: connected, or not if
/// its messages are counted.
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
  bool can_send() const noexcept { return idle() || is_resting(); }

  /// Waits in LoadContext::resting for a message to send.
  void rest() noexcept;
  /// Since when it has, or had last.
  core::Instant rested_since() const noexcept { return rested_since_; }

  /// Quits if it is connected and has no message.
  void quit_if_resting() noexcept;

  /// The completions of this connection, by LoadOp. `octets` is what was received, valid for the
  /// call.
  void on_connect(int result) noexcept;
  void on_receive(const io_uring_cqe& cqe, core::Octets octets) noexcept;
  void on_send(int result) noexcept;
  void on_send_mail_data(int result) noexcept;

  /// To be called some times a second: sends on if it is slow, and gives up if there was no
  /// progress for the time that the options allow.
  void on_tick() noexcept;

  bool idle() const noexcept { return dialog_.step() == LoadStep::idle; }

 private:
  bool is_resting() const noexcept { return dialog_.step() == LoadStep::resting; }
  bool is_unasked() const noexcept;
  void open() noexcept;
  bool bind_to_source() noexcept;
  void receive() noexcept;
  void perform(LoadAction action) noexcept;
  void send(std::string_view text) noexcept;
  void send_mail_data() noexcept;
  void send_pieces(const LoadOutgoing::Pieces& pieces) noexcept;
  void go_on_with_mail_data() noexcept;
  void begin_tls() noexcept;
  void send_encrypted() noexcept;
  void go_on_encrypted() noexcept;
  void take_text(core::Octets octets) noexcept;
  void take_encrypted(core::Octets octets) noexcept;
  void count_handshake() noexcept;
  void give_up(LoadError error, std::string_view what) noexcept;
  void hang_up() noexcept;
  void close_if_quiet() noexcept;
  uint64_t token(LoadOp op) const noexcept { return LoadToken{op, slot_}.pack(); }

  LoadContext& context_;
  const LoadPlan& plan_;
  uint32_t slot_;
  int descriptor_ = -1;
  bool connecting_ = false;  // under way, like the next two
  bool receiving_ = false;
  uint32_t sends_ = 0;
  bool hung_up_ = false;
  bool is_slow_ = false;
  core::Instant rested_since_{};
  core::Instant progress_{};    // last sign of life, or when it began to be awaited
  core::Instant slow_since_{};  // when its mail data began
  LoadDialog dialog_;
  ReplyParser parser_;
  std::optional<LoadTlsSession> tls_;
  std::vector<std::byte> encrypted_;  // being sent
  std::string proxy_header_;          // being sent
  msghdr message_{};
  iovec pieces_[3]{};
};

}  // namespace mailrace::tools
