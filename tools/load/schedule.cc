// SPDX-License-Identifier: GPL-3.0-or-later
// Constant arrivals are computed from their number, so nothing adds up to a drift.
#include "tools/load/schedule.h"

#include <cmath>

namespace mailrace::tools {
namespace {

constexpr double kNsPerThousandSeconds = 1e12;

}  // namespace

LoadSchedule::LoadSchedule(LoadRate rate, LoadArrivals arrivals, LoadPart part, uint64_t seed,
                           core::Instant start) noexcept
    : rate_(rate),
      arrivals_(arrivals),
      number_(part.index),
      stride_(part.count),
      prng_(core::Prng(seed + part.index).next()),
      start_(start) {
  draw();
}

void LoadSchedule::pass() noexcept {
  number_ += stride_;
  draw();
}

void LoadSchedule::draw() noexcept {
  if (arrivals_ == LoadArrivals::constant) {
    const uint64_t thousandths = number_ * 1'000;
    const uint64_t rest_ns = thousandths % rate_.thousandths * 1'000'000'000 / rate_.thousandths;
    const core::Duration whole = core::seconds(int64_t(thousandths / rate_.thousandths));
    next_ = start_ + whole + core::Duration{int64_t(rest_ns)};
    return;
  }
  // From (0, 1], so that the logarithm is finite.
  const double uniform = double((prng_.next() >> 11) + 1) * 0x1p-53;
  const double mean_ns = kNsPerThousandSeconds / double(rate_.thousandths) * double(stride_);
  offset_ns_ -= std::log(uniform) * mean_ns;
  next_ = start_ + core::Duration{int64_t(offset_ns_)};
}

}  // namespace mailrace::tools
