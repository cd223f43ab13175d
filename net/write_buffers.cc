// SPDX-License-Identifier: GPL-3.0-or-later
// One copy of some hundred kilobytes that are in the cache anyway costs less than the page cache.
// It goes past the cache itself: the disk reads it, or in a virtual machine another processor does.
#include "net/write_buffers.h"

#include "core/base/check.h"
#include "core/base/streaming_copy.h"

#include <sys/mman.h>

namespace mailrace::net {

// Said before the memory is touched for the first time; a kernel without huge pages says no.
WriteBuffers::WriteBuffers() : pool_(core::kWriteBytesMax, kCount, kHugePageBytes) {
  const core::MutableOctets memory = pool_.memory();
  ::madvise(memory.data(), memory.size(), MADV_HUGEPAGE);
}

void WriteBuffers::register_with(Ring& ring) noexcept {
  const core::MutableOctets memory = pool_.memory();
  const iovec whole{memory.data(), memory.size()};
  // Fails where the limit on locked memory is low; then each write pins its pages by itself.
  registered_ = io_uring_register_buffers(&ring.handle(), &whole, 1) == 0;
}

std::span<std::byte> WriteBuffers::gather(std::span<const iovec> pieces) noexcept {
  std::byte* const buffer = pool_.take();
  MAILRACE_CHECK(buffer != nullptr);
  size_t size = 0;
  for (const iovec& piece : pieces) {
    MAILRACE_CHECK(piece.iov_len <= core::kWriteBytesMax - size);
    const core::Octets octets{static_cast<const std::byte*>(piece.iov_base), piece.iov_len};
    core::streaming_copy(buffer + size, octets);
    size += piece.iov_len;
  }
  return {buffer, size};
}

}  // namespace mailrace::net
