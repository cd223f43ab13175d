// SPDX-License-Identifier: GPL-3.0-or-later
// Which segments a mail may lie in.
#pragma once

#include "core/base/limits.h"

#include <cstdint>
#include <vector>

namespace mailrace::spool {

/// Numbers of the segments that a worker has written to, the newest kMailSegmentsMax of them, in
/// growing order. Numbers have gaps: a segment that could not be made, or was lost, has none.
class SegmentTrail {
 public:
  SegmentTrail() : numbers_(core::kMailSegmentsMax) {}

  /// Segment `number` is written to from now on. Requires: greater than all before it.
  void note(uint64_t number) noexcept;

  /// Whether the segments from `first` on are all here: false if others have taken their places.
  bool covers(uint64_t first) const noexcept { return first > forgotten_; }

  /// Calls visit(number), newest first, for the segments from `first` on, which may be none; as
  /// long as it returns 0. returns   what it has returned last; 0 if it was never called
  template <typename Visit>
  int visit_from(uint64_t first, Visit&& visit) const {
    for (size_t i = 1; i <= count_; ++i) {
      const uint64_t number = numbers_[(next_ + numbers_.size() - i) % numbers_.size()];
      if (number < first) break;
      if (const int result = visit(number); result != 0) return result;
    }
    return 0;
  }

 private:
  std::vector<uint64_t> numbers_;  // a ring
  size_t next_ = 0;
  size_t count_ = 0;
  uint64_t forgotten_ = 0;  // the greatest that is not here any more
};

}  // namespace mailrace::spool
