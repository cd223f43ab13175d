// SPDX-License-Identifier: GPL-3.0-or-later
// A block comes with the first octet and goes with the last.
#include "net/tls_output.h"

#include "core/base/check.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mailrace::net {

size_t TlsOutput::add(core::Octets octets) noexcept {
  if (octets.empty()) return 0;
  if (block_ == nullptr) block_ = blocks_.take();
  if (block_ == nullptr) return 0;
  const size_t size = std::min(octets.size(), room());
  if (size > 0) std::memcpy(block_ + end_, octets.data(), size);
  end_ += size;
  return size;
}

void TlsOutput::consume(size_t size) noexcept {
  MAILRACE_CHECK(size <= end_ - begin_);
  begin_ += size;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (block_ != nullptr) blocks_.give(std::exchange(block_, nullptr));
}

}  // namespace mailrace::net
