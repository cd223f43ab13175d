// SPDX-License-Identifier: GPL-3.0-or-later
// Sockets are opened before the workers start, so that a bad address stops the program at once.
#include "net/listener.h"

#include "core/base/limits.h"
#include "net/socket_address.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mailrace::net {
namespace {

bool set(const Fd& socket, int level, int option) noexcept {
  const int on = 1;
  return ::setsockopt(socket.get(), level, option, &on, sizeof on) == 0;
}

}  // namespace

core::Result<Fd> open_listener(const core::Endpoint& endpoint, Sharing sharing) {
  sockaddr_storage address;
  const socklen_t size = to_socket_address(endpoint, address);
  Fd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return core::fail_errno(errno, "socket");
  // TCP_NODELAY is inherited by what is accepted: replies are batched here, not by Nagle.
  const bool options = set(socket, SOL_SOCKET, SO_REUSEADDR) &&
                       (sharing == Sharing::first || set(socket, SOL_SOCKET, SO_REUSEPORT)) &&
                       set(socket, IPPROTO_TCP, TCP_NODELAY) &&
                       (endpoint.address.is_v4 || set(socket, IPPROTO_IPV6, IPV6_V6ONLY));
  if (!options) return core::fail_errno(errno, "setsockopt");
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return core::fail_errno(errno, "bind");
  }
  // Bound alone; from here on it may be joined.
  if (!set(socket, SOL_SOCKET, SO_REUSEPORT)) return core::fail_errno(errno, "setsockopt");
  if (::listen(socket.get(), core::kListenBacklog) != 0) return core::fail_errno(errno, "listen");
  return socket;
}

core::Result<core::Endpoint> local_endpoint(const Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return core::fail_errno(errno, "getsockname");
  }
  return endpoint_of(reinterpret_cast<const sockaddr*>(&address));
}

Listener::Listener(ListeningSocket socket) noexcept
    : socket_(std::move(socket.socket)), options_(socket.options) {
  const auto endpoint = local_endpoint(socket_);
  const bool v6 = endpoint && !endpoint->address.is_v4;
  peer_name_bytes_ = int(v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
}

void Listener::accept(Ring& ring, uint32_t index, AcceptPace pace) noexcept {
  if (paused_ || stopped_) return;
  if (pace == AcceptPace::all) {
    if (!armed_) arm(ring, index, true);
    return;
  }
  cancel_multishot(ring, index);
  for (; allowance_ > 0; --allowance_) arm(ring, index, false);
}

// What is armed for one connection is told by the token's generation.
void Listener::arm(Ring& ring, uint32_t index, bool multishot) noexcept {
  io_uring_sqe& sqe = ring.next_sqe();
  if (ring.features().socket_commands) {
    io_uring_prep_accept_direct(&sqe, socket_.get(), nullptr, nullptr, 0, IORING_FILE_INDEX_ALLOC);
  } else {
    io_uring_prep_accept(&sqe, socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
  }
  if (multishot) sqe.ioprio |= IORING_ACCEPT_MULTISHOT;
  io_uring_sqe_set_data64(&sqe, Token{Op::accept, multishot ? 0u : 1u, index}.pack());
  if (multishot) {
    armed_ = true;
  } else {
    ++singles_;
  }
}

void Listener::on_accept(const io_uring_cqe& cqe) noexcept {
  const bool is_single = Token::unpack(cqe.user_data).generation != 0;
  const bool ended = (cqe.flags & IORING_CQE_F_MORE) == 0;
  if (is_single) {
    --singles_;
    if (cqe.res == -ECANCELED) ++allowance_;
  } else if (ended) {
    armed_ = false;
    cancelled_ = false;
  }
  if (cqe.res < 0 && cqe.res != -ECANCELED) paused_ = true;
  close_if_stopped();
}

void Listener::go_on() noexcept {
  paused_ = false;
  allowance_ = core::kSlowAccepts - std::min(core::kSlowAccepts, singles_);
}

void Listener::look_again(Ring& ring, uint32_t index) noexcept {
  if (stopped_) return;
  cancel_multishot(ring, index);
  cancel_singles(ring, index);
}

void Listener::stop(Ring& ring, uint32_t index) noexcept {
  if (std::exchange(stopped_, true)) return;
  cancel_multishot(ring, index);
  cancel_singles(ring, index);
  close_if_stopped();
}

void Listener::cancel_multishot(Ring& ring, uint32_t index) noexcept {
  if (!armed_ || std::exchange(cancelled_, true)) return;
  io_uring_sqe& sqe = ring.next_sqe();
  io_uring_prep_cancel64(&sqe, Token{Op::accept, 0, index}.pack(), 0);
  io_uring_sqe_set_data64(&sqe, Token{}.pack());
}

void Listener::cancel_singles(Ring& ring, uint32_t index) noexcept {
  if (singles_ == 0) return;
  io_uring_sqe& sqe = ring.next_sqe();
  io_uring_prep_cancel64(&sqe, Token{Op::accept, 1, index}.pack(), IORING_ASYNC_CANCEL_ALL);
  io_uring_sqe_set_data64(&sqe, Token{}.pack());
}

void Listener::close_if_stopped() noexcept {
  if (stopped_ && !armed()) socket_.reset(-1);
}

}  // namespace mailrace::net
