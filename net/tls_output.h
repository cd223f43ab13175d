// SPDX-License-Identifier: GPL-3.0-or-later
// Encrypted octets of one connection on their way out, in a block that is only held while there are
// any.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/bytes.h"
#include "core/base/limits.h"

#include <cstddef>

namespace mailrace::net {

/// What is pending never moves while a send may read it.
class TlsOutput {
 public:
  /// blocks   of kTlsOutputBytes octets; outlives this
  explicit TlsOutput(core::BlockPool& blocks) noexcept : blocks_(blocks) {}
  TlsOutput(const TlsOutput&) = delete;
  TlsOutput& operator=(const TlsOutput&) = delete;
  ~TlsOutput() { consume(end_ - begin_); }

  /// Octets that add() takes now, if the pool is not used up.
  size_t room() const noexcept { return core::kTlsOutputBytes - end_; }
  /// Copies as much of `octets` as there is room for. returns how much
  size_t add(core::Octets octets) noexcept;

  bool empty() const noexcept { return begin_ == end_; }
  core::Octets pending() const noexcept { return {block_ + begin_, end_ - begin_}; }
  /// Takes the first `size` octets of pending() off.
  void consume(size_t size) noexcept;

 private:
  core::BlockPool& blocks_;
  std::byte* block_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace mailrace::net
