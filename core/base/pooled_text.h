// SPDX-License-Identifier: GPL-3.0-or-later
// Text that is there seldom, in a block of a pool while it is.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/check.h"

#include <cstring>
#include <string_view>
#include <utility>

namespace mailrace::core {

class PooledText {
 public:
  PooledText() = default;
  PooledText(PooledText&& other) noexcept { take(other); }
  PooledText& operator=(PooledText&& other) noexcept {
    if (this == &other) return *this;
    clear();
    take(other);
    return *this;
  }
  PooledText(const PooledText&) = delete;
  PooledText& operator=(const PooledText&) = delete;
  ~PooledText() { clear(); }

  /// Replaces what was there. Text of no octets takes no block.
  ///
  /// pool      must outlive this
  /// text      copied; fits into a block
  /// returns   false: the pool has none left, and this is empty
  bool assign(BlockPool& pool, std::string_view text) noexcept {
    MAILRACE_CHECK(text.size() <= pool.block_bytes());
    clear();
    if (text.empty()) return true;
    std::byte* const block = pool.take();
    if (block == nullptr) return false;
    pool_ = &pool;
    std::memcpy(block, text.data(), text.size());
    text_ = {reinterpret_cast<const char*>(block), text.size()};
    return true;
  }

  /// Gives the block back.
  void clear() noexcept {
    if (pool_ == nullptr) return;
    pool_->give(reinterpret_cast<std::byte*>(const_cast<char*>(text_.data())));
    pool_ = nullptr;
    text_ = {};
  }

  /// Valid until it is changed or moved from.
  std::string_view view() const noexcept { return text_; }

 private:
  void take(PooledText& other) noexcept {
    pool_ = std::exchange(other.pool_, nullptr);
    text_ = std::exchange(other.text_, {});
  }

  BlockPool* pool_ = nullptr;  // nullptr: there is no text
  std::string_view text_;
};

}  // namespace mailrace::core
