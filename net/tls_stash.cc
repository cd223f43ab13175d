// SPDX-License-Identifier: GPL-3.0-or-later
// About every second record of a bulk transfer lies in two receive buffers, and is joined here.
#include "net/tls_stash.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <algorithm>
#include <utility>

namespace mailrace::net {

void TlsStash::fill(core::Octets& from, size_t size) noexcept {
  const size_t have = front().size();
  if (from.empty() || have >= size) return;
  octets_.erase(octets_.begin(), octets_.begin() + ptrdiff_t(std::exchange(used_, 0)));
  const core::Octets more = from.first(std::min(from.size(), size - have));
  const size_t needed = have + more.size();
  if (needed > octets_.capacity()) {
    octets_.reserve(std::min(size, std::max(needed, 2 * octets_.capacity())));
  }
  octets_.insert(octets_.end(), more.begin(), more.end());
  from = from.subspan(more.size());
}

void TlsStash::consume(size_t size) noexcept {
  MAILRACE_CHECK(size <= front().size());
  used_ += size;
  if (used_ == octets_.size()) clear();
}

bool TlsStash::keep(bool is_owed) noexcept {
  const size_t bytes = octets_.capacity() - std::min(octets_.capacity(), core::kTlsStashFreeBytes);
  const size_t all_bytes = kept_bytes_ - counted_bytes_ + bytes;
  if (!is_owed && bytes > counted_bytes_ && all_bytes > core::kTlsKeptBytesPerWorkerMax) {
    return false;
  }
  kept_bytes_ = all_bytes;
  counted_bytes_ = bytes;
  return true;
}

void TlsStash::clear() noexcept {
  kept_bytes_ -= std::exchange(counted_bytes_, 0);
  core::release(octets_);
  used_ = 0;
}

}  // namespace mailrace::net
