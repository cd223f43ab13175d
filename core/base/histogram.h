// SPDX-License-Identifier: GPL-3.0-or-later
// A log-linear histogram: fixed size, 3 % wide buckets, mergeable.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace mailrace::core {

/// Counts values of any size in buckets of 32 to the octave, so that a value read back is at most
/// 1/32 too large. Plain integers: one histogram per thread, merged afterwards.
class Histogram {
 public:
  void add(uint64_t value) noexcept {
    ++buckets_[bucket_of(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  void merge(const Histogram& other) noexcept {
    if (other.count_ == 0) return;
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  uint64_t count() const noexcept { return count_; }
  uint64_t max() const noexcept { return max_; }

  /// A value that `per_mille` thousandths of all values do not exceed; 0 if there are none.
  uint64_t percentile(uint32_t per_mille) const noexcept {
    if (count_ == 0) return 0;
    const uint64_t rank = std::max<uint64_t>(1, (count_ * per_mille + 999) / 1000);
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= rank) return std::min(max_, upper_bound(i));
    }
    return max_;
  }

  /// Calls visit(low, high, count) for each bucket that counts something, in order: `count` values
  /// from `low` to `high`, both included.
  template <class Visit>
  void for_each_bucket(Visit&& visit) const {
    uint64_t low = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      const uint64_t high = upper_bound(i);
      if (buckets_[i] > 0) visit(low, high, buckets_[i]);
      low = high + 1;
    }
  }

 private:
  static constexpr uint32_t kSubBits = 5;
  static constexpr uint64_t kSub = 1u << kSubBits;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) * kSub;

  // Values below 32 have a bucket each; from there on the top five bits below the leading one
  // count.
  static constexpr size_t bucket_of(uint64_t value) noexcept {
    if (value < kSub) return size_t(value);
    const auto shift = uint32_t(std::bit_width(value)) - kSubBits - 1;
    return size_t((uint64_t{shift} + 1) * kSub + ((value >> shift) - kSub));
  }

  static constexpr uint64_t upper_bound(size_t bucket) noexcept {
    if (bucket < kSub) return bucket;
    const uint64_t shift = bucket / kSub - 1;
    const uint64_t low = (kSub + bucket % kSub) << shift;
    return low + ((uint64_t{1} << shift) - 1);
  }

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace mailrace::core
