// SPDX-License-Identifier: GPL-3.0-or-later
// Whatever happens ends in settle(), which starts what is to be under way next.
#include "tools/sink/connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace mailrace::tools {
namespace {

// With this close(2) sends RST.
constexpr linger kNoLinger{.l_onoff = 1, .l_linger = 0};

}  // namespace

SinkConnection::SinkConnection(SinkContext& context, SinkResources& resources, int descriptor,
                               uint64_t seed) noexcept
    : context_(context),
      resources_(resources),
      stream_(resources.ring, {.slot = uint32_t(descriptor)}, descriptor, resources.buffer_group),
      replies_(resources.blocks),
      session_(context, resources.blocks, seed),
      heard_at_(context.now) {}

void SinkConnection::start() noexcept {
  advance({});
  settle();
}

void SinkConnection::check_time() noexcept {
  const int64_t patience = hangs_up_ ? core::kLingerTimeoutS : core::kSinkIdleTimeoutS;
  if (gone_ || context_.now - heard_at_ < core::seconds(patience)) return;
  if (!hangs_up_ && !ending_) ++context_.stats.dropped;
  gone_ = ending_ = true;
  settle();
}

void SinkConnection::on_shutdown() noexcept {
  stream_.on_shutdown();
  settle();
}

void SinkConnection::on_receive(const io_uring_cqe& cqe, core::Octets octets) noexcept {
  stream_.on_receive(cqe);
  if (cqe.res > 0) take(octets);
  if (cqe.res == 0) peer_closed_ = true;
  // Out of buffers: they are back by the time that it receives again. Cancelled: by ourselves.
  if (cqe.res < 0 && cqe.res != -ENOBUFS && cqe.res != -ECANCELED) gone_ = ending_ = true;
  settle();
}

void SinkConnection::take(core::Octets octets) noexcept {
  if (ending_ || hangs_up_) return;
  heard_at_ = context_.now;
  if (waits()) return stash(octets);
  const size_t used = advance(octets);
  if (waits()) stash(octets.subspan(used));
}

// Feeds the session, and notes what it waits for. returns   octets that it is done with
size_t SinkConnection::advance(core::Octets input) noexcept {
  const SinkStep step = session_.feed(input, replies_);
  switch (step.need) {
    case SinkNeed::input:
      break;
    case SinkNeed::output:
      is_full_ = true;
      break;
    case SinkNeed::delay:
      arm_delay(step.delay);
      break;
    case SinkNeed::hang_up:
      hangs_up_ = true;
      break;
    case SinkNeed::reset:  // behind the replies that are due: what they acknowledge was counted
      resets_ = true;
      [[fallthrough]];
    case SinkNeed::close:
      ending_ = true;
      break;
  }
  return step.consumed;
}

// It stays where it is until all of it was used: a session may wait many times on its way.
void SinkConnection::advance_stash() noexcept {
  stash_used_ += advance(core::as_octets(stash_).subspan(stash_used_));
  if (waits()) return;
  resources_.stashed_bytes -= stash_.size();
  core::release(stash_);
  stash_used_ = 0;
}

// A peer that sends on while it has to wait is held back by TCP, as soon as the kernel has heard
// that nothing is received; until then it can send some buffers full.
void SinkConnection::stash(core::Octets octets) noexcept {
  if (octets.size() > core::kStashBytesPerWorkerMax - resources_.stashed_bytes) {
    ++context_.stats.dropped;
    gone_ = ending_ = true;
    return;
  }
  resources_.stashed_bytes += octets.size();
  stash_.append(core::as_text(octets));
}

void SinkConnection::arm_delay(core::Duration delay) noexcept {
  constexpr int64_t kSecond = core::seconds(1).ns;
  delay_ = {.tv_sec = delay.ns / kSecond, .tv_nsec = delay.ns % kSecond};
  io_uring_sqe& sqe = resources_.ring.next_sqe();
  io_uring_prep_timeout(&sqe, &delay_, 0, 0);
  io_uring_sqe_set_data64(
      &sqe, net::Token{.op = net::Op::flush, .slot = uint32_t(stream_.descriptor())}.pack());
  delayed_ = true;
}

void SinkConnection::on_delay() noexcept {
  delayed_ = false;
  heard_at_ = context_.now;
  if (!ending_) advance_stash();
  settle();
}

void SinkConnection::on_send(int result) noexcept {
  stream_.on_send();
  if (result < 0) gone_ = ending_ = true;
  replies_.consume(std::exchange(sent_, 0));
  if (!ending_ && is_full_ && replies_.empty()) {
    is_full_ = false;
    advance_stash();
  }
  settle();
}

void SinkConnection::settle() noexcept {
  if (peer_closed_ && !waits()) ending_ = true;
  if (!gone_ && !replies_.empty() && !stream_.sending()) {
    const core::Octets pending = replies_.pending();
    sent_ = pending.size();
    stream_.send(pending);
  }
  if (hangs_up_ && !gone_ && !stream_.sending()) stream_.shutdown_write();
  if (gone_) {
    stream_.abort();
  } else if (ending_ || waits()) {
    stream_.stop_receiving();
  } else if (!stream_.receiving() && !peer_closed_) {
    stream_.receive();
  }
}

void SinkConnection::close() noexcept {
  resources_.stashed_bytes -= stash_.size();
  if (resets_ && resources_.ring.features().socket_commands) {
    io_uring_sqe& sqe = resources_.ring.next_sqe();
    io_uring_prep_cmd_sock(&sqe, SOCKET_URING_OP_SETSOCKOPT, stream_.descriptor(), SOL_SOCKET,
                           SO_LINGER, const_cast<linger*>(&kNoLinger), sizeof kNoLinger);
    sqe.flags |= IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK;  // closed behind it, whatever comes of it
    io_uring_sqe_set_data64(&sqe, net::Token{}.pack());
  } else if (resets_) {
    ::setsockopt(stream_.descriptor(), SOL_SOCKET, SO_LINGER, &kNoLinger, sizeof kNoLinger);
  }
  stream_.close();
}

}  // namespace mailrace::tools
