// SPDX-License-Identifier: GPL-3.0-or-later
// The free list runs through the first octets of the free blocks.
#include "core/base/block_pool.h"

#include "core/base/check.h"

#include <bit>
#include <cstring>

namespace mailrace::core {

BlockPool::BlockPool(size_t block_bytes, size_t block_count, size_t alignment)
    : alignment_(std::align_val_t{alignment}),
      block_bytes_(block_bytes),
      block_count_(block_count) {
  MAILRACE_CHECK(std::has_single_bit(alignment));
  MAILRACE_CHECK(block_bytes % 64 == 0);
  MAILRACE_CHECK(block_count > 0);
  // One large allocation comes from the kernel untouched: pages cost nothing until a block is used.
  base_ = static_cast<std::byte*>(::operator new(block_bytes* block_count, alignment_));
}

BlockPool::~BlockPool() { ::operator delete(base_, alignment_); }

std::byte* BlockPool::take() noexcept {
  if (free_ != nullptr) {
    std::byte* const block = free_;
    std::memcpy(&free_, block, sizeof free_);
    --free_count_;
    return block;
  }
  if (fresh_ == block_count_) return nullptr;
  return base_ + block_bytes_ * fresh_++;
}

void BlockPool::give(std::byte* block) noexcept {
  MAILRACE_CHECK(block >= base_ && block < base_ + block_bytes_ * fresh_);
  MAILRACE_DCHECK(size_t(block - base_) % block_bytes_ == 0);
  std::memcpy(block, &free_, sizeof free_);
  free_ = block;
  ++free_count_;
}

}  // namespace mailrace::core
