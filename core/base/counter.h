// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers that one thread writes and others look at.
#pragma once

#include "core/base/time.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mailrace::core {

/// Written by one thread only, so that a load and a store do without a locked instruction.
class Counter {
 public:
  void add(uint64_t count = 1) noexcept { set(get() + count); }
  void set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  /// Any thread.
  uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// How often something took how long, by powers of two. Coarse, but what many workers count can be
/// added up, and so can what a server counted yesterday.
class TimeCounter {
 public:
  /// Bucket i counts up to kFirstUs << i microseconds; the last one all that is longer.
  static constexpr uint64_t kFirstUs = 16;
  static constexpr size_t kBuckets = 26;  // the last but one: up to 268 s

  void add(Duration time) noexcept {
    const auto us = uint64_t(std::max<int64_t>(time.us(), 0));
    const auto bucket = us <= kFirstUs ? 0 : size_t(std::bit_width((us - 1) / kFirstUs));
    counts_[std::min(bucket, kBuckets - 1)].add();
    total_us_.add(us);
  }

  uint64_t count(size_t bucket) const noexcept { return counts_[bucket].get(); }
  uint64_t total_us() const noexcept { return total_us_.get(); }

 private:
  std::array<Counter, kBuckets> counts_;
  Counter total_us_;
};

}  // namespace mailrace::core
