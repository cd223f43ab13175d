// SPDX-License-Identifier: GPL-3.0-or-later
// Many deadlines, one ring timeout: coarse, cheap to move.
#pragma once

#include "core/base/time.h"

#include <array>
#include <cstdint>
#include <vector>

namespace mailrace::net {

/// One deadline for each slot of a table. Moving a deadline back, which every received octet does,
/// is one store: the wheel finds out when the old one comes up. Belongs to one worker.
class TimerWheel {
 public:
  /// A deadline fires within one tick after it has passed.
  static constexpr core::Duration kTick = core::milliseconds(250);

  /// slot_count   slots are 0 .. slot_count - 1
  explicit TimerWheel(uint32_t slot_count, core::Instant now);

  /// Sets or moves the deadline of `slot`.
  void set(uint32_t slot, core::Instant deadline) noexcept;

  /// Forgets the deadline of `slot`, if it has one.
  void clear(uint32_t slot) noexcept;

  bool empty() const noexcept { return size_ == 0; }

  /// Calls expired(slot) for each deadline that has passed; the deadline is cleared before.
  /// `expired` may set and clear any slot.
  template <class Expired>
  void advance(core::Instant now, Expired&& expired) {
    const uint64_t target = tick_of(now);
    while (current_ < target) {
      ++current_;
      uint32_t slot = take_bucket(current_);
      while (slot != kNone) {
        const uint32_t next = entries_[slot].next;
        entries_[slot].bucket = kNone;
        if (next != kNone) entries_[next].previous = kNone;
        --size_;
        pending_next_ = next;
        if (entries_[slot].deadline.ns <= now.ns) {
          expired(slot);
        } else {
          insert(slot);
        }
        slot = pending_next_;
      }
      if (size_ == 0) current_ = target;
    }
    pending_next_ = kNone;
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kBuckets = 2048;  // 512 s ahead; later deadlines go round again

  struct Entry {
    core::Instant deadline;
    uint32_t previous = kNone;
    uint32_t next = kNone;
    uint32_t bucket = kNone;  // kNone: not in the wheel
  };

  static uint64_t tick_of(core::Instant t) noexcept { return uint64_t(t.ns) / uint64_t(kTick.ns); }
  void insert(uint32_t slot) noexcept;
  void unlink(uint32_t slot) noexcept;
  uint32_t take_bucket(uint64_t tick) noexcept;

  std::vector<Entry> entries_;
  std::array<uint32_t, kBuckets> buckets_;
  uint64_t current_;
  uint32_t size_ = 0;
  uint32_t pending_next_ = kNone;  // the rest of the bucket that advance() is walking
};

}  // namespace mailrace::net
