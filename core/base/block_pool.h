// SPDX-License-Identifier: GPL-3.0-or-later
// A fixed number of equal blocks: memory that is bounded, and never allocated once the pool stands.
#pragma once

#include "core/base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

namespace mailrace::core {

/// Blocks of one size, handed out last-in first-out so that the hot ones stay in the cache. Address
/// space is reserved at construction; memory is used only once a block was first handed out.
/// Belongs to one worker; not thread-safe.
class BlockPool {
 public:
  static constexpr size_t kPageBytes = 4096;

  /// block_bytes   size of a block, a multiple of 64
  /// block_count   how many there are; take() fails when all are out
  /// alignment     of the first one, a power of two; a page, so that blocks can be handed to the
  ///               kernel whole
  BlockPool(size_t block_bytes, size_t block_count, size_t alignment = kPageBytes);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  /// A block with undefined contents, or nullptr when all are out. It goes back by give().
  std::byte* take() noexcept;

  /// Takes a block back. Requires: it came from take() of this pool and was not given yet.
  void give(std::byte* block) noexcept;

  /// All blocks, handed out or not: to make the kernel know them.
  MutableOctets memory() const noexcept { return {base_, block_bytes_ * block_count_}; }

  size_t block_bytes() const noexcept { return block_bytes_; }
  size_t block_count() const noexcept { return block_count_; }
  size_t free_count() const noexcept { return block_count_ - fresh_ + free_count_; }
  /// Memory of blocks that were handed out once and are not now: the next ones take none.
  size_t reusable_bytes() const noexcept { return free_count_ * block_bytes_; }

 private:
  std::align_val_t alignment_;
  size_t block_bytes_;
  size_t block_count_;
  std::byte* base_ = nullptr;
  size_t fresh_ = 0;       // blocks below this index were handed out at least once
  size_t free_count_ = 0;  // length of the free list
  std::byte* free_ = nullptr;
};

}  // namespace mailrace::core
