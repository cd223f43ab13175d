// SPDX-License-Identifier: GPL-3.0-or-later
// One io_uring: set-up, submission, waiting, walking completions. Knows no connection.
#pragma once

#include "core/base/check.h"
#include "core/base/result.h"
#include "net/token.h"

#include <liburing.h>

#include <cstdint>

namespace mailrace::net {

/// What this kernel offers beyond the floor of Linux 6.1. Found by trying, never by version.
struct RingFeatures {
  /// IORING_OP_URING_CMD on sockets, for SO_PEERNAME of a direct descriptor; without it, or without
  /// room for their table, connections have plain descriptors.
  bool socket_commands = false;
  bool truncate = false;  // IORING_OP_FTRUNCATE
};
inline constexpr RingFeatures kAllRingFeatures{.socket_commands = true, .truncate = true};

/// What a ring may be used for: anything, or only what a worker does, see restrict_ring().
enum class RingUse : uint8_t { any, worker };

/// Owns the kernel's ring. Created, used and destroyed by one thread (single issuer).
class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  /// Sets up the ring with `direct_count` empty direct descriptors.
  ///
  /// direct_count  size of the direct descriptor table; 0: none. Past RLIMIT_NOFILE there is none
  ///               either, and the features have no socket commands
  /// usable        what to use if the kernel has it; without, the ring is that of an older kernel
  /// use           what the kernel lets the ring do from then on
  /// fails         io, sys_errno as io_uring_setup(2) gives it; see explain_ring_failure()
  /// source        net/ENGINE.md, "Set-up flags"
  core::Result<void> open(uint32_t direct_count, const RingFeatures& usable = kAllRingFeatures,
                          RingUse use = RingUse::any);

  /// A zeroed submission entry to fill in. Submits what is queued when the queue is full.
  io_uring_sqe& next_sqe() noexcept;

  /// Submits what is queued, for something that should not wait for the end of the tick. What the
  /// kernel has no memory for now stays queued. Fetches completions if there are any to be had.
  void submit() noexcept { io_uring_submit(&ring_); }

  /// Submits what is queued and waits until at least one completion is there.
  /// returns  false if a signal came first
  bool submit_and_wait() noexcept;

  /// Calls visit(const io_uring_cqe&) for each completion that is there now, and releases them.
  /// visit may queue submissions, and submit them; it must not call submit_and_wait(). What
  /// completes meanwhile is for the next time: each might bring another one, without end.
  template <class Visit>
  uint32_t visit_completions(Visit&& visit) {
    uint32_t count = 0;
    uint32_t head = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      visit(static_cast<const io_uring_cqe&>(*cqe));
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
    return count;
  }

  /// Whether more has completed than the completion queue holds. The kernel keeps it, and the next
  /// submit_and_wait() fetches more.
  bool has_overflowed() const noexcept { return io_uring_cq_has_overflow(&ring_); }

  /// Whether something has completed that was not visited, or will have when the kernel is entered.
  /// Without entering it.
  bool has_completions() const noexcept {
    return io_uring_cq_ready(&ring_) > 0 ||
           (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0;
  }

  const RingFeatures& features() const noexcept { return features_; }
  io_uring& handle() noexcept { return ring_; }

 private:
  core::Result<void> set_up(uint32_t entries, uint32_t more_flags) noexcept;
  core::Result<void> find_features(const RingFeatures& usable) noexcept;
  core::Result<void> make_direct_table(uint32_t count) noexcept;

  io_uring ring_{};
  bool is_open_ = false;
  RingFeatures features_;
};

}  // namespace mailrace::net
