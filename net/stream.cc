// SPDX-License-Identifier: GPL-3.0-or-later
// Direct descriptors where the kernel can tell us a direct descriptor's peer, plain ones elsewhere.
#include "net/stream.h"

#include "core/base/check.h"

#include <sys/socket.h>

#include <utility>

namespace mailrace::net {

// Completes an entry that was prepared for descriptor_.
void Stream::finish(io_uring_sqe& sqe, Op op) noexcept {
  if (ring_.features().socket_commands) sqe.flags |= IOSQE_FIXED_FILE;
  io_uring_sqe_set_data64(&sqe, Token{op, self_.generation, self_.slot}.pack());
}

void Stream::ask_peer_name(void* target, int size) noexcept {
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_cmd_sock(&sqe, SOCKET_URING_OP_GETSOCKOPT, descriptor_, SOL_SOCKET, SO_PEERNAME,
                         target, size);
  finish(sqe, Op::peer_name);
  peer_name_pending_ = true;
}

void Stream::receive() noexcept {
  MAILRACE_CHECK(!receiving_);
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_recv_multishot(&sqe, descriptor_, nullptr, 0, 0);
  sqe.buf_group = group_;
  sqe.flags |= IOSQE_BUFFER_SELECT;
  finish(sqe, Op::receive);
  receiving_ = true;
  stopping_ = false;
}

void Stream::stop_receiving() noexcept {
  if (!receiving_ || std::exchange(stopping_, true)) return;
  cancel(Op::receive);
}

void Stream::cancel(Op op) noexcept {
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_cancel64(&sqe, Token{op, self_.generation, self_.slot}.pack(), 0);
  io_uring_sqe_set_data64(&sqe, Token{}.pack());
}

void Stream::on_receive(const io_uring_cqe& cqe) noexcept {
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) receiving_ = false;
}

void Stream::send(core::Octets octets) noexcept {
  MAILRACE_CHECK(!sending_);
  io_uring_sqe& sqe = ring_.next_sqe();
  // MSG_WAITALL: the kernel goes on by itself after a short send.
  io_uring_prep_send(&sqe, descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_WAITALL);
  finish(sqe, Op::send);
  sending_ = true;
}

void Stream::shutdown_write() noexcept {
  if (std::exchange(write_shut_, true)) return;
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_shutdown(&sqe, descriptor_, SHUT_WR);
  finish(sqe, Op::shutdown);
  shutting_ = true;
}

void Stream::abort() noexcept {
  if (std::exchange(aborted_, true)) return;
  stop_receiving();
  if (sending_) cancel(Op::send);
}

void Stream::close() noexcept {
  MAILRACE_CHECK(quiet());
  io_uring_sqe& sqe = ring_.next_sqe();
  if (ring_.features().socket_commands) {
    io_uring_prep_close_direct(&sqe, unsigned(descriptor_));
  } else {
    io_uring_prep_close(&sqe, descriptor_);
  }
  io_uring_sqe_set_data64(&sqe, Token{}.pack());
}

}  // namespace mailrace::net
