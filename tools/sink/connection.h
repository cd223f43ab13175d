// SPDX-License-Identifier: GPL-3.0-or-later
// One connection of a sink: a socket on the ring, its session, and what waits while that waits.
#pragma once

#include "core/base/block_pool.h"
#include "core/smtp/reply.h"
#include "net/ring.h"
#include "net/stream.h"
#include "tools/sink/session.h"

#include <cstdint>
#include <string>

namespace mailrace::tools {

/// What the connections of a worker share besides their sessions' context.
struct SinkResources {
  net::Ring& ring;
  uint16_t buffer_group;
  core::BlockPool& blocks;   // two for each connection
  size_t stashed_bytes = 0;  // of all connections
};

/// Nothing is received while the session waits for a delay, or for its peer to take replies.
class SinkConnection {
 public:
  /// context, resources   must outlive this
  /// descriptor           as the ring accepted it; also the slot of its tokens
  SinkConnection(SinkContext& context, SinkResources& resources, int descriptor,
                 uint64_t seed) noexcept;

  /// Begins with the greeting.
  void start() noexcept;

  /// To be called with each completion. octets   what came with it; valid for the call
  void on_receive(const io_uring_cqe& cqe, core::Octets octets) noexcept;
  void on_send(int result) noexcept;
  /// The delay is over.
  void on_delay() noexcept;

  /// No more comes from us: the peer was told.
  void on_shutdown() noexcept;

  /// Ends it if nothing has come for too long, whatever is still to be sent.
  void check_time() noexcept;

  /// Whether nothing of it is under way any more: then close() and away with it.
  bool finished() const noexcept { return ending_ && stream_.quiet() && !delayed_; }
  void close() noexcept;

 private:
  bool waits() const noexcept { return delayed_ || is_full_; }
  void take(core::Octets octets) noexcept;
  size_t advance(core::Octets input) noexcept;
  void advance_stash() noexcept;
  void stash(core::Octets octets) noexcept;
  void arm_delay(core::Duration delay) noexcept;
  void settle() noexcept;

  SinkContext& context_;
  SinkResources& resources_;
  net::Stream stream_;
  core::ReplyBuffer replies_;
  SinkSession session_;
  std::string stash_;      // received while the session waited
  size_t stash_used_ = 0;  // octets of it
  core::Instant heard_at_;
  __kernel_timespec delay_{};  // the ring's while delayed_
  size_t sent_ = 0;            // octets of the replies that are being sent
  bool delayed_ = false;       // the session waits for its delay
  bool is_full_ = false;       // the session waits for the replies to be sent
  bool peer_closed_ = false;   // nothing more comes
  bool ending_ = false;        // nothing more is read
  bool hangs_up_ = false;      // what is read is thrown away, until the peer ends
  bool resets_ = false;        // by RST
  bool gone_ = false;          // nothing is sent any more
};

}  // namespace mailrace::tools
