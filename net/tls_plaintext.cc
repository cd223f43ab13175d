// SPDX-License-Identifier: GPL-3.0-or-later
// Seldom more than the commands behind a group's end: most records are used at once.
#include "net/tls_plaintext.h"

#include "core/base/check.h"
#include "core/base/limits.h"

namespace mailrace::net {

void TlsPlaintext::lend(core::Octets octets) noexcept {
  MAILRACE_CHECK(empty());
  MAILRACE_CHECK(octets.size() <= core::kTlsRecordBytesMax);
  rest_ = octets;
}

void TlsPlaintext::consume(size_t size) noexcept {
  MAILRACE_CHECK(size <= rest_.size());
  rest_ = rest_.subspan(size);
  if (rest_.empty()) clear();
}

bool TlsPlaintext::keep(bool is_owed) noexcept {
  if (!is_lent()) return true;
  if (!is_owed && kept_bytes_ + rest_.size() > core::kTlsKeptBytesPerWorkerMax) return false;
  kept_.assign(rest_.begin(), rest_.end());
  kept_bytes_ += kept_.size();
  rest_ = kept_;
  return true;
}

void TlsPlaintext::clear() noexcept {
  kept_bytes_ -= kept_.size();
  core::release(kept_);
  rest_ = {};
}

}  // namespace mailrace::net
