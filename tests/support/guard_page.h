// SPDX-License-Identifier: GPL-3.0-or-later
// Memory between two unmapped pages: one octet read or written outside of it ends the test.
#pragma once

#include "core/base/bytes.h"
#include "core/base/check.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <span>

namespace mailrace::tests {

class GuardedPages {
 public:
  /// Maps room for at least `capacity` octets, all zero, with a page without access on both sides.
  explicit GuardedPages(size_t capacity) {
    const size_t page = size_t(::sysconf(_SC_PAGESIZE));
    room_bytes_ = size_t(core::align_up(capacity, page));
    mapped_bytes_ = room_bytes_ + 2 * page;
    mapped_ = ::mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MAILRACE_CHECK(mapped_ != MAP_FAILED);
    room_ = static_cast<std::byte*>(mapped_) + page;
    MAILRACE_CHECK(::mprotect(room_, room_bytes_, PROT_READ | PROT_WRITE) == 0);
  }
  ~GuardedPages() { ::munmap(mapped_, mapped_bytes_); }
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;

  /// The first `size` octets: one before them is not mapped. Valid for the life of the pages.
  core::MutableOctets at_start(size_t size) const {
    MAILRACE_CHECK(size <= room_bytes_);
    return {room_, size};
  }
  /// The last `size` octets: one after them is not mapped. Valid for the life of the pages.
  core::MutableOctets at_end(size_t size) const {
    MAILRACE_CHECK(size <= room_bytes_);
    return {room_ + room_bytes_ - size, size};
  }

 private:
  void* mapped_ = nullptr;
  size_t mapped_bytes_ = 0;
  std::byte* room_ = nullptr;
  size_t room_bytes_ = 0;
};

}  // namespace mailrace::tests
