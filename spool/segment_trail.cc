// SPDX-License-Identifier: GPL-3.0-or-later
#include "spool/segment_trail.h"

#include "core/base/check.h"

namespace mailrace::spool {

void SegmentTrail::note(uint64_t number) noexcept {
  uint64_t& place = numbers_[next_];
  if (count_ == numbers_.size()) {
    forgotten_ = place;
  } else {
    ++count_;
  }
  MAILRACE_CHECK(number > place);
  place = number;
  next_ = (next_ + 1) % numbers_.size();
}

}  // namespace mailrace::spool
