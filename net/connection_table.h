// SPDX-License-Identifier: GPL-3.0-or-later
// Slots with generations: a late completion misses the slot's new tenant.
#pragma once

#include "core/base/check.h"
#include "net/token.h"

#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace mailrace::net {

/// A fixed number of slots for connections, each built in place and taken down in place. Memory is
/// reserved at construction and used only once a slot had a tenant. Belongs to one worker.
template <class Connection>
class ConnectionTable {
 public:
  explicit ConnectionTable(uint32_t slot_count)
      : memory_(
            static_cast<Connection*>(::operator new(sizeof(Connection) * slot_count, kAlignment))),
        entries_(slot_count) {
    for (uint32_t slot = slot_count; slot-- > 0;) {
      entries_[slot].next_free = free_;
      free_ = slot;
    }
  }
  ConnectionTable(const ConnectionTable&) = delete;
  ConnectionTable& operator=(const ConnectionTable&) = delete;
  ~ConnectionTable() {
    for (uint32_t slot = 0; slot < entries_.size(); ++slot) {
      if (entries_[slot].taken) std::destroy_at(memory_ + slot);
    }
    ::operator delete(memory_, kAlignment);
  }

  uint32_t size() const noexcept { return size_; }
  uint32_t slot_count() const noexcept { return uint32_t(entries_.size()); }
  bool full() const noexcept { return free_ == kNone; }

  /// Builds a connection in a free slot as Connection(Token{op ignore, generation, slot}, args...).
  /// Requires: !full().
  template <class... Arguments>
  Connection& emplace(Arguments&&... arguments) {
    MAILRACE_CHECK(free_ != kNone);
    const uint32_t slot = free_;
    Entry& entry = entries_[slot];
    free_ = entry.next_free;
    entry.taken = true;
    entry.generation = (entry.generation + 1) & Token::kGenerationMask;
    ++size_;
    return *new (memory_ + slot) Connection(Token{Op::ignore, entry.generation, slot},
                                            std::forward<Arguments>(arguments)...);
  }

  /// The tenant, if it is still this one.
  Connection* find(uint32_t slot, uint32_t generation) noexcept {
    MAILRACE_CHECK(slot < entries_.size());
    const Entry& entry = entries_[slot];
    return entry.taken && entry.generation == generation ? memory_ + slot : nullptr;
  }

  /// The tenant of a slot, whoever it is.
  Connection* at(uint32_t slot) noexcept {
    MAILRACE_CHECK(slot < entries_.size());
    return entries_[slot].taken ? memory_ + slot : nullptr;
  }

  void erase(uint32_t slot) noexcept {
    MAILRACE_CHECK(slot < entries_.size());
    MAILRACE_CHECK(entries_[slot].taken);
    std::destroy_at(memory_ + slot);
    entries_[slot].taken = false;
    entries_[slot].next_free = free_;
    free_ = slot;
    --size_;
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr std::align_val_t kAlignment{4096};

  struct Entry {
    uint32_t generation = 0;
    uint32_t next_free = kNone;
    bool taken = false;
  };

  Connection* memory_;
  std::vector<Entry> entries_;
  uint32_t free_ = kNone;
  uint32_t size_ = 0;
};

}  // namespace mailrace::net
