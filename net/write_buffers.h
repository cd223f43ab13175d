// SPDX-License-Identifier: GPL-3.0-or-later
// Where a write that bypasses the page cache is put together: aligned memory that the kernel knows.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/limits.h"
#include "net/ring.h"

#include <sys/uio.h>

#include <cstddef>
#include <span>

namespace mailrace::net {

/// Buffers of kWriteBytesMax octets, one for each write that may be under way; registered with the
/// ring if it lets us, so that no write has to look its pages up. Belongs to one worker.
class WriteBuffers {
 public:
  WriteBuffers() : pool_(core::kWriteBytesMax, kCount) {}

  /// Registers the memory with a ring; works without, too. ring   must outlive this
  void register_with(Ring& ring) noexcept;
  bool registered() const noexcept { return registered_; }

  /// Copies `pieces` back to back into a free buffer. Requires: one is free, and kWriteBytesMax
  /// octets at most. returns   what was copied; the buffer goes back by give()
  std::span<std::byte> gather(std::span<const iovec> pieces) noexcept;
  void give(std::byte* buffer) noexcept { pool_.give(buffer); }

 private:
  static constexpr size_t kCount = core::kWritesInFlightMax + 1;

  core::BlockPool pool_;
  bool registered_ = false;
};

}  // namespace mailrace::net
