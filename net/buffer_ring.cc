// SPDX-License-Identifier: GPL-3.0-or-later
// Few buffers, used again and again: a pool that cycles through the cache costs more than it saves.
#include "net/buffer_ring.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <algorithm>
#include <new>

namespace mailrace::net {
namespace {

constexpr std::align_val_t kBufferAlignment{4096};

}  // namespace

core::Result<void> BufferRing::open(Ring& ring, uint16_t group, uint32_t count, size_t bytes) {
  MAILRACE_CHECK(buffers_ == nullptr);
  int error = 0;
  buffers_ = io_uring_setup_buf_ring(&ring.handle(), count, group, 0, &error);
  if (buffers_ == nullptr) return core::fail_errno(error, "io_uring_register_buf_ring");
  ring_ = &ring;
  memory_ = static_cast<std::byte*>(::operator new(bytes* count, kBufferAlignment));
  bytes_ = bytes;
  count_ = count;
  group_ = group;
  lent_ = count;
  target_ = count;
  waiting_.reserve(count);
  for (uint32_t id = 0; id < count; ++id) give_back(uint16_t(id));
  return {};
}

BufferRing::~BufferRing() {
  if (buffers_ == nullptr) return;
  io_uring_free_buf_ring(&ring_->handle(), buffers_, count_, group_);
  ::operator delete(memory_, kBufferAlignment);
}

void BufferRing::give_back(uint16_t id) noexcept {
  MAILRACE_CHECK(id < count_);
  MAILRACE_CHECK(lent_ > 0);
  --lent_;
  if (offered() > target_) return waiting_.push_back(id);
  offer(id);
}

void BufferRing::offer(uint16_t id) noexcept {
  io_uring_buf_ring_add(buffers_, memory_ + size_t{id} * bytes_, unsigned(bytes_), id,
                        io_uring_buf_ring_mask(count_), 0);
  io_uring_buf_ring_advance(buffers_, 1);
}

void BufferRing::adapt() noexcept {
  if (sample_buffers_ >= core::kReceiveSampleBuffers) {
    const uint64_t mean = std::max<uint64_t>(sample_octets_ / sample_buffers_, 1);
    const bool many_starve = sample_starved_ / sample_buffers_ >= core::kReceiveStarvedMax;
    const uint64_t hot = std::clamp<uint64_t>(core::kReceiveHotBytes / mean, 1, count_);
    target_ = many_starve ? count_ : uint32_t(hot);
    sample_buffers_ = 0;
    sample_octets_ = 0;
    sample_starved_ = 0;
  }
  while (offered() < target_ && !waiting_.empty()) {
    const uint16_t id = waiting_.back();
    waiting_.pop_back();
    offer(id);
  }
}

}  // namespace mailrace::net
