// SPDX-License-Identifier: GPL-3.0-or-later
// Octets that a connection has received and not yet used: lent buffers, or a copy of them.
#pragma once

#include "core/base/bytes.h"
#include "core/base/limits.h"
#include "net/buffer_ring.h"

#include <array>
#include <cstdint>
#include <vector>

namespace mailrace::net {

/// Who holds which receive buffer; one for each worker, shared by its input queues.
struct HeldBuffers {
  static constexpr uint16_t kNone = UINT16_MAX;
  struct Entry {
    uint32_t owner = UINT32_MAX;  // slot of the connection, UINT32_MAX: not held
    uint32_t begin = 0;           // octets before this are used
    uint32_t end = 0;
    uint16_t next = kNone;  // of the same connection
  };
  explicit HeldBuffers(BufferRing& ring) noexcept : buffers(ring) {}

  BufferRing& buffers;
  std::array<Entry, core::kReceiveBufferCount> entries;
  uint64_t stashed_bytes = 0;  // in all stashes of the worker
};

/// First in, first out, without copying: a buffer goes back to the ring when its last octet was
/// used. A connection that may keep its buffers for long, because its peer does not take replies or
/// the disk stands still, gives them back by stash(), so that nobody starves.
class InputQueue {
 public:
  InputQueue(HeldBuffers& held, uint32_t owner) noexcept : held_(held), owner_(owner) {}
  InputQueue(const InputQueue&) = delete;
  InputQueue& operator=(const InputQueue&) = delete;
  ~InputQueue() { clear(); }

  /// Adds the first `size` octets of a lent buffer.
  void push(uint16_t buffer, uint32_t size);

  bool empty() const noexcept { return first_ == HeldBuffers::kNone && stash_.empty(); }
  uint32_t held_count() const noexcept { return count_; }
  bool has_stash() const noexcept { return !stash_.empty(); }

  /// The next octets in one piece; valid until consume(), stash() or clear(). Requires: !empty().
  core::Octets front() const noexcept;
  /// Takes `size` octets off front().
  void consume(size_t size) noexcept;

  /// Copies what is held and gives the buffers back.
  /// returns   false if kStashBytesMax or kStashBytesPerWorkerMax would be exceeded; nothing is
  /// done
  bool stash();
  /// The same, whatever one connection has: the first ones first, as many as
  /// kStashBytesPerWorkerMax allows. For those who cannot be dropped.
  void stash_some();

  void clear() noexcept;

 private:
  void pop() noexcept;
  size_t first_bytes() const noexcept;
  void stash_first();
  void drop_stash() noexcept;

  HeldBuffers& held_;
  uint32_t owner_;
  uint16_t first_ = HeldBuffers::kNone;
  uint16_t last_ = HeldBuffers::kNone;
  uint32_t count_ = 0;
  std::vector<std::byte> stash_;  // comes before what is held
  size_t stash_begin_ = 0;
};

}  // namespace mailrace::net
