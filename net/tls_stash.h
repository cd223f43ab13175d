// SPDX-License-Identifier: GPL-3.0-or-later
// Encrypted octets of one connection that the library cannot use yet: a record that is not whole,
// or a ClientHello in pieces.
#pragma once

#include "core/base/bytes.h"

#include <cstddef>
#include <vector>

namespace mailrace::net {

/// Takes up what was really sent, up to twice that: what a client announces is nothing yet.
class TlsStash {
 public:
  /// kept_bytes   of all connections of the worker; outlives this
  explicit TlsStash(size_t& kept_bytes) noexcept : kept_bytes_(kept_bytes) {}
  TlsStash(const TlsStash&) = delete;
  TlsStash& operator=(const TlsStash&) = delete;
  ~TlsStash() { clear(); }

  bool empty() const noexcept { return octets_.empty(); }
  /// All of it, in one piece; valid until fill(), consume() or clear().
  core::Octets front() const noexcept { return core::Octets(octets_).subspan(used_); }

  /// Takes octets off `from` until there are `size`, or none left there.
  void fill(core::Octets& from, size_t size) noexcept;
  void consume(size_t size) noexcept;
  /// Counts what is here for as long as it is; but for kTlsStashFreeBytes, which all may have.
  /// is_owed   to a mail that is open: whatever others have kept
  /// returns   false if kTlsKeptBytesPerWorkerMax would be exceeded
  bool keep(bool is_owed) noexcept;
  void clear() noexcept;

 private:
  size_t& kept_bytes_;
  size_t counted_bytes_ = 0;  // of these
  std::vector<std::byte> octets_;
  size_t used_ = 0;  // of octets_
};

}  // namespace mailrace::net
