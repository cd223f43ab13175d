// SPDX-License-Identifier: GPL-3.0-or-later
// Where a write that bypasses the page cache is put together: aligned memory that the kernel knows.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/limits.h"
#include "net/ring.h"

#include <cstddef>

namespace mailrace::net {

/// Buffers of kWriteBytesMax octets, one for each write that may be under way; registered with the
/// ring if it lets us, so that no write has to look its pages up. In huge pages if the kernel has
/// some: a disk is told of each stretch of memory apart, and takes only so many in one request.
/// Belongs to one worker.
class WriteBuffers {
 public:
  WriteBuffers();

  /// Registers the memory with a ring; works without, too. ring   must outlive this
  void register_with(Ring& ring) noexcept;
  bool registered() const noexcept { return registered_; }

  /// Requires: one is free.
  std::byte* take() noexcept;
  void give(std::byte* buffer) noexcept { pool_.give(buffer); }
  /// Whether these octets lie in one of them.
  bool has(const void* octets) const noexcept;

 private:
  static constexpr size_t kHugePageBytes = 2 << 20;
  static constexpr size_t kCount =
      core::align_up(core::kWritesInFlightMax, kHugePageBytes / core::kWriteBytesMax);

  core::BlockPool pool_;
  bool registered_ = false;
};

}  // namespace mailrace::net
