// SPDX-License-Identifier: GPL-3.0-or-later
// Receive buffers that the kernel picks from: lend, return, starvation.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "net/ring.h"

#include <liburing.h>

#include <cstdint>
#include <vector>

namespace mailrace::net {

/// A provided-buffer ring (Linux 5.19). The kernel takes a buffer when octets arrive, so idle
/// connections hold none. A buffer that came with a completion is lent to us until give_back().
///
/// The kernel uses what it is offered in turn, so with large pieces all of a large ring goes
/// through the cache. It is offered only as many as hold kReceiveHotBytes by what they held lately;
/// the others wait, the last one given back in front, for smaller pieces, which need more buffers,
/// or for many connections: that their receives are armed again costs more than cold buffers do.
class BufferRing {
 public:
  BufferRing() = default;
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;
  ~BufferRing();

  /// ring    must outlive this
  /// group   buffer group id, to be named in each receive
  /// count   how many buffers, a power of two <= 32768
  /// fails   io: the kernel refused the registration
  core::Result<void> open(Ring& ring, uint16_t group, uint32_t count, size_t bytes);

  uint16_t group() const noexcept { return group_; }

  /// The id of the buffer that a completion brought. Requires: has_buffer(cqe).
  static uint16_t buffer_id(const io_uring_cqe& cqe) noexcept {
    return uint16_t(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
  }
  static bool has_buffer(const io_uring_cqe& cqe) noexcept {
    return (cqe.flags & IORING_CQE_F_BUFFER) != 0;
  }

  /// The first `size` octets of a lent buffer; valid until it is given back.
  core::Octets octets(uint16_t id, size_t size) const noexcept {
    return {memory_ + size_t{id} * bytes_, size};
  }

  /// Returns a lent buffer. Requires: it is lent.
  void give_back(uint16_t id) noexcept;

  /// Notes that a receive ended because the kernel was offered none.
  void note_starved() noexcept { ++sample_starved_; }

  /// Offers the kernel as many as it should have; to be called behind each batch of completions.
  void adapt() noexcept;

  uint32_t count() const noexcept { return count_; }
  /// Buffers that are lent to us now, as far as completions were looked at.
  uint32_t lent() const noexcept { return lent_; }
  /// Buffers that the kernel may take, as far as completions were looked at.
  uint32_t offered() const noexcept { return count_ - lent_ - uint32_t(waiting_.size()); }
  /// Notes that a completion brought a buffer. result   of it: octets, or -errno
  void note_lent(int32_t result) noexcept {
    ++lent_;
    ++sample_buffers_;
    sample_octets_ += uint64_t(result > 0 ? result : 0);
  }

 private:
  void offer(uint16_t id) noexcept;

  Ring* ring_ = nullptr;
  io_uring_buf_ring* buffers_ = nullptr;
  std::byte* memory_ = nullptr;
  size_t bytes_ = 0;
  uint32_t count_ = 0;
  uint32_t lent_ = 0;
  uint32_t target_ = 0;            // so many are offered, if we have them
  std::vector<uint16_t> waiting_;  // given back and not offered
  uint32_t sample_buffers_ = 0;    // lent since the target was set
  uint64_t sample_octets_ = 0;     // in them
  uint64_t sample_starved_ = 0;    // receives that found none meanwhile
  uint16_t group_ = 0;
};

}  // namespace mailrace::net
