// SPDX-License-Identifier: GPL-3.0-or-later
// One copy of what is in the cache anyway costs less than the page cache.
#include "net/write_buffers.h"

#include "core/base/check.h"

#include <sys/mman.h>

#include <functional>

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

std::byte* WriteBuffers::take() noexcept {
  std::byte* const buffer = pool_.take();
  MAILRACE_CHECK(buffer != nullptr);
  return buffer;
}

bool WriteBuffers::has(const void* octets) const noexcept {
  const core::MutableOctets memory = pool_.memory();
  return std::less_equal<const void*>()(memory.data(), octets) &&
         std::less<const void*>()(octets, memory.data() + memory.size());
}

}  // namespace mailrace::net
