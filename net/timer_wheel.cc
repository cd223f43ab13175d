// SPDX-License-Identifier: GPL-3.0-or-later
// A hashed wheel of one level with lazy moves (Varghese and Lauck, scheme 6).
#include "net/timer_wheel.h"

#include "core/base/check.h"

#include <algorithm>
#include <utility>

namespace mailrace::net {

TimerWheel::TimerWheel(uint32_t slot_count, core::Instant now)
    : entries_(slot_count), current_(tick_of(now)) {
  buckets_.fill(kNone);
}

void TimerWheel::set(uint32_t slot, core::Instant deadline) noexcept {
  MAILRACE_DCHECK(slot < entries_.size());
  Entry& entry = entries_[slot];
  const bool later = deadline >= entry.deadline;
  entry.deadline = deadline;
  if (entry.bucket != kNone) {
    if (later) return;  // found out when its bucket comes up
    unlink(slot);
  }
  insert(slot);
}

void TimerWheel::clear(uint32_t slot) noexcept {
  MAILRACE_DCHECK(slot < entries_.size());
  if (entries_[slot].bucket != kNone) unlink(slot);
}

void TimerWheel::insert(uint32_t slot) noexcept {
  Entry& entry = entries_[slot];
  // One tick late rather than early, never the tick that is being walked, at most once around.
  const uint64_t wanted = tick_of(entry.deadline) + 1;
  const uint64_t tick = std::clamp(wanted, current_ + 1, current_ + kBuckets - 1);
  const uint32_t bucket = uint32_t(tick % kBuckets);
  entry.bucket = bucket;
  entry.previous = kNone;
  entry.next = buckets_[bucket];
  if (entry.next != kNone) entries_[entry.next].previous = slot;
  buckets_[bucket] = slot;
  ++size_;
}

void TimerWheel::unlink(uint32_t slot) noexcept {
  Entry& entry = entries_[slot];
  if (pending_next_ == slot) pending_next_ = entry.next;
  if (entry.previous != kNone) {
    entries_[entry.previous].next = entry.next;
  } else if (buckets_[entry.bucket] == slot) {
    buckets_[entry.bucket] = entry.next;
  }
  if (entry.next != kNone) entries_[entry.next].previous = entry.previous;
  entry.bucket = kNone;
  --size_;
}

uint32_t TimerWheel::take_bucket(uint64_t tick) noexcept {
  const uint32_t bucket = uint32_t(tick % kBuckets);
  return std::exchange(buckets_[bucket], kNone);
}

}  // namespace mailrace::net
