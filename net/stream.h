// SPDX-License-Identifier: GPL-3.0-or-later
// One TCP stream: receiving, sends in order, shutdown, and an end that waits for the kernel.
#pragma once

#include "core/base/bytes.h"
#include "net/ring.h"
#include "net/token.h"

#include <cstdint>

namespace mailrace::net {

/// The socket of one connection. Knows which operations are under way, because neither the socket
/// nor the memory that they name may go away before they have completed.
class Stream {
 public:
  /// ring        must outlive this
  /// self        generation and slot for the tokens
  /// descriptor  index of a direct descriptor if the ring has socket commands, else a plain one
  /// group       of the provided buffers to receive into
  Stream(Ring& ring, Token self, int descriptor, uint16_t group) noexcept
      : ring_(ring), self_(self), descriptor_(descriptor), group_(group) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Asks for the peer's address. Op::peer_name completes.
  /// target   borrowed until then
  void ask_peer_name(void* target, int size) noexcept;
  void on_peer_name() noexcept { peer_name_pending_ = false; }

  /// Multishot receive; Op::receive completes again and again.
  void receive() noexcept;
  void stop_receiving() noexcept;
  /// To be called with each completion of Op::receive.
  void on_receive(const io_uring_cqe& cqe) noexcept;
  bool receiving() const noexcept { return receiving_; }
  int descriptor() const noexcept { return descriptor_; }

  /// Sends all of `octets`; Op::send completes. Requires: !sending().
  /// octets   borrowed until then
  void send(core::Octets octets) noexcept;
  void on_send() noexcept { sending_ = false; }
  bool sending() const noexcept { return sending_; }

  /// No more from us; the peer reads the end of the stream. Op::shutdown completes. The kernel
  /// hands this to a helper thread, which costs more than a send: for when it is needed only.
  void shutdown_write() noexcept;
  void on_shutdown() noexcept { shutting_ = false; }

  /// Cancels what is under way, so that it completes soon.
  void abort() noexcept;

  /// Whether nothing is under way, so that close() may be called. A shutdown counts: it looks its
  /// direct descriptor up only when it runs, and that must not be somebody else's by then.
  bool quiet() const noexcept {
    return !receiving_ && !sending_ && !peer_name_pending_ && !shutting_;
  }
  /// Gives the descriptor back. Requires: quiet().
  void close() noexcept;

 private:
  void cancel(Op op) noexcept;
  void finish(io_uring_sqe& sqe, Op op) noexcept;

  Ring& ring_;
  Token self_;
  int descriptor_;
  uint16_t group_;
  bool receiving_ = false;
  bool stopping_ = false;
  bool sending_ = false;
  bool peer_name_pending_ = false;
  bool shutting_ = false;
  bool write_shut_ = false;
  bool aborted_ = false;
};

}  // namespace mailrace::net
