// SPDX-License-Identifier: GPL-3.0-or-later
// A growing list of short texts in blocks of a pool.
#pragma once

#include "core/base/block_pool.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace mailrace::core {

/// Texts appended one after the other; each keeps its address until the chain is cleared. Memory is
/// whole blocks of the pool, none while the chain is empty, and never more than its share.
class TextChain {
 public:
  /// pool         must outlive the chain
  /// blocks_max   this chain's share of it
  explicit TextChain(BlockPool& pool, size_t blocks_max = SIZE_MAX) noexcept
      : pool_(&pool), blocks_max_(blocks_max) {}
  TextChain(TextChain&& other) noexcept;
  TextChain& operator=(TextChain&& other) noexcept;
  TextChain(const TextChain&) = delete;
  TextChain& operator=(const TextChain&) = delete;
  ~TextChain() { clear(); }

  /// Copies a text to the end.
  ///
  /// parts     of the text, in order; at most entry_bytes_max() octets together
  /// returns   the copy, valid until clear(); nothing if the pool has no block left, or the chain
  ///           has its share
  std::optional<std::string_view> append(std::initializer_list<std::string_view> parts) noexcept;
  std::optional<std::string_view> append(std::string_view text) noexcept { return append({text}); }

  /// Takes the last text off. Requires: `text` is what the last append() returned.
  void drop_last(std::string_view text) noexcept;

  /// Where a walk over the texts is; begins at the first one. Good until clear() or drop_last().
  class Cursor {
    friend class TextChain;
    const void* block_ = nullptr;
    size_t offset_ = 0;
    bool begun_ = false;
  };
  /// The next text; nothing behind the last one.
  std::optional<std::string_view> next(Cursor& cursor) const noexcept;

  /// Gives all blocks back to the pool.
  void clear() noexcept;

  uint32_t count() const noexcept { return count_; }
  size_t entry_bytes_max() const noexcept;

  /// Calls visit(std::string_view) for each text in order, until it returns false.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Block* block = first_; block != nullptr; block = block->next) {
      const char* at = texts(block);
      const char* const end = at + block->used;
      while (at < end) {
        uint16_t size;
        __builtin_memcpy(&size, at, sizeof size);
        at += sizeof size;
        if (!visit(std::string_view(at, size))) return;
        at += size;
      }
    }
  }

 private:
  struct Block {
    Block* next;
    size_t used;  // octets behind this header
  };

  static const char* texts(const Block* block) noexcept {
    return reinterpret_cast<const char*>(block + 1);
  }

  BlockPool* pool_;
  size_t blocks_max_;
  size_t blocks_ = 0;
  Block* first_ = nullptr;
  Block* last_ = nullptr;
  uint32_t count_ = 0;
};

}  // namespace mailrace::core
