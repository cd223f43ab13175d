// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/policy/overload.h"

#include <algorithm>

namespace mailrace::core {

void Overload::note(Resource resource, uint32_t used) noexcept {
  used_[size_t(resource)] = used;
  Strain& strain = strains_[size_t(resource)];
  const auto reached = [used](Strain level, bool is_on) {
    const uint32_t mark = kStrainMarks[size_t(level) - 1];
    return used >= (is_on ? mark - mark / 8 : mark);
  };
  auto next = Strain::none;
  for (const Strain level : {Strain::slow, Strain::refuse, Strain::defer}) {
    if (reached(level, strain >= level)) next = level;
  }
  strain = next;
}

Strain Overload::strain() const noexcept { return *std::ranges::max_element(strains_); }

Resource Overload::cause() const noexcept {
  size_t most = 0;
  for (size_t i = 1; i < kResourceCount; ++i) {
    const bool is_more =
        strains_[i] > strains_[most] || (strains_[i] == strains_[most] && used_[i] > used_[most]);
    if (is_more) most = i;
  }
  return Resource(most);
}

void RecentMean::add(uint32_t used, Duration time) noexcept {
  constexpr uint64_t kSpanUs = uint64_t{kStrainSpanMs} * 1000;
  constexpr int64_t kWeightMax = 60'000'000;  // with it no product is beyond 64 bits
  const auto weight = uint64_t(std::clamp<int64_t>(time.us(), 0, kWeightMax));
  const uint64_t sample = uint64_t{std::min(used, 1'000'000u)} << kScaleBits;
  scaled_ = (scaled_ * kSpanUs + sample * weight) / (kSpanUs + weight);
}

}  // namespace mailrace::core
