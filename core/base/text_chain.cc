// SPDX-License-Identifier: GPL-3.0-or-later
// Each text is a 16-bit length and its octets; none straddles two blocks.
#include "core/base/text_chain.h"

#include "core/base/check.h"

#include <cstring>
#include <new>
#include <utility>

namespace mailrace::core {

TextChain::TextChain(TextChain&& other) noexcept
    : pool_(other.pool_),
      blocks_max_(other.blocks_max_),
      blocks_(std::exchange(other.blocks_, 0)),
      first_(std::exchange(other.first_, nullptr)),
      last_(std::exchange(other.last_, nullptr)),
      count_(std::exchange(other.count_, 0)) {}

TextChain& TextChain::operator=(TextChain&& other) noexcept {
  if (this == &other) return *this;
  clear();
  pool_ = other.pool_;
  blocks_max_ = other.blocks_max_;
  blocks_ = std::exchange(other.blocks_, 0);
  first_ = std::exchange(other.first_, nullptr);
  last_ = std::exchange(other.last_, nullptr);
  count_ = std::exchange(other.count_, 0);
  return *this;
}

size_t TextChain::entry_bytes_max() const noexcept {
  return pool_->block_bytes() - sizeof(Block) - sizeof(uint16_t);
}

std::optional<std::string_view> TextChain::append(
    std::initializer_list<std::string_view> parts) noexcept {
  size_t bytes = 0;
  for (const std::string_view part : parts) bytes += part.size();
  MAILRACE_CHECK(bytes <= entry_bytes_max());
  MAILRACE_CHECK(bytes <= UINT16_MAX);
  const size_t needed = sizeof(uint16_t) + bytes;
  if (last_ == nullptr || sizeof(Block) + last_->used + needed > pool_->block_bytes()) {
    if (blocks_ == blocks_max_) return std::nullopt;
    std::byte* const memory = pool_->take();
    if (memory == nullptr) return std::nullopt;
    Block* const block = new (memory) Block{nullptr, 0};
    (last_ == nullptr ? first_ : last_->next) = block;
    last_ = block;
    ++blocks_;
  }
  char* const at = reinterpret_cast<char*>(last_ + 1) + last_->used;
  const uint16_t size = uint16_t(bytes);
  std::memcpy(at, &size, sizeof size);
  char* target = at + sizeof size;
  for (const std::string_view part : parts) {
    if (!part.empty()) std::memcpy(target, part.data(), part.size());
    target += part.size();
  }
  last_->used += needed;
  ++count_;
  return std::string_view(at + sizeof size, bytes);
}

void TextChain::drop_last(std::string_view text) noexcept {
  MAILRACE_CHECK(count_ > 0);
  const char* const end = reinterpret_cast<const char*>(last_ + 1) + last_->used;
  MAILRACE_CHECK(text.data() + text.size() == end);
  last_->used -= sizeof(uint16_t) + text.size();
  if (--count_ == 0) clear();
}

std::optional<std::string_view> TextChain::next(Cursor& cursor) const noexcept {
  if (!std::exchange(cursor.begun_, true)) cursor.block_ = first_;
  const auto* block = static_cast<const Block*>(cursor.block_);
  while (block != nullptr && cursor.offset_ == block->used) {
    block = block->next;
    cursor.block_ = block;
    cursor.offset_ = 0;
  }
  if (block == nullptr) return std::nullopt;
  const char* const at = texts(block) + cursor.offset_;
  uint16_t size;
  std::memcpy(&size, at, sizeof size);
  cursor.offset_ += sizeof size + size;
  return std::string_view(at + sizeof size, size);
}

void TextChain::clear() noexcept {
  while (first_ != nullptr) {
    Block* const next = first_->next;
    pool_->give(reinterpret_cast<std::byte*>(first_));
    first_ = next;
  }
  last_ = nullptr;
  blocks_ = 0;
  count_ = 0;
}

}  // namespace mailrace::core
