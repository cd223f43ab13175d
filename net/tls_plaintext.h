// SPDX-License-Identifier: GPL-3.0-or-later
// What was decrypted for one connection and is not yet used: at most a record.
#pragma once

#include "core/base/bytes.h"

#include <cstddef>
#include <vector>

namespace mailrace::net {

/// Lies in the worker's buffer, for as long as the worker is with this connection; what is left
/// then is copied.
class TlsPlaintext {
 public:
  /// kept_bytes   of all connections of the worker; outlives this
  explicit TlsPlaintext(size_t& kept_bytes) noexcept : kept_bytes_(kept_bytes) {}
  TlsPlaintext(const TlsPlaintext&) = delete;
  TlsPlaintext& operator=(const TlsPlaintext&) = delete;
  ~TlsPlaintext() { clear(); }

  bool empty() const noexcept { return rest_.empty(); }
  /// Whether there are octets, in memory of somebody else.
  bool is_lent() const noexcept { return !rest_.empty() && kept_.empty(); }
  /// All of it, in one piece; valid until consume(), keep() or clear().
  core::Octets front() const noexcept { return rest_; }

  /// Requires: empty(). octets   borrowed until keep() or until they are used
  void lend(core::Octets octets) noexcept;
  void consume(size_t size) noexcept;
  /// Copies what is lent.
  /// is_owed   to a mail that is open: whatever others have kept
  /// returns   false if kTlsKeptBytesPerWorkerMax would be exceeded
  bool keep(bool is_owed) noexcept;
  void clear() noexcept;

 private:
  size_t& kept_bytes_;
  core::Octets rest_;
  std::vector<std::byte> kept_;
};

}  // namespace mailrace::net
