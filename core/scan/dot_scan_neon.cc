// SPDX-License-Identifier: GPL-3.0-or-later
// The dot scan with NEON, which every AArch64 has: 16 octets a step.
#include "core/scan/dot_scan_kernel.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace mailrace::core {
namespace {

constexpr ptrdiff_t kWidth = 16;
constexpr ptrdiff_t kBlock = 4 * kWidth;

inline uint8x16_t load(const std::byte* at) noexcept {
  return vld1q_u8(reinterpret_cast<const uint8_t*>(at));
}

// All ones where the octet is a mismatch. Reads at[-1].
inline uint8x16_t mismatches(const std::byte* at) noexcept {
  const uint8x16_t octets = load(at);
  const uint8x16_t before = load(at - 1);
  const uint8x16_t lf = vdupq_n_u8(kLf);
  const uint8x16_t half = veorq_u8(vceqq_u8(octets, lf), vceqq_u8(before, vdupq_n_u8(kCr)));
  const uint8x16_t dot = vandq_u8(vceqq_u8(octets, vdupq_n_u8(kDot)), vceqq_u8(before, lf));
  return vorrq_u8(half, dot);
}

// Four bits a lane: NEON has no movemask, but it can narrow.
inline uint64_t mask_of(uint8x16_t lanes) noexcept {
  return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(lanes), 4)), 0);
}

inline ptrdiff_t first_lane(uint64_t mask) noexcept { return __builtin_ctzll(mask) / 4; }

}  // namespace

size_t dot_scan_neon(Octets data, uint16_t previous) noexcept {
  if (data.size() <= size_t(kWidth)) return dot_scan_scalar(data, previous);
  if (dot_scan_stops_at_first(data[0], previous)) return 0;
  const std::byte* const begin = data.data();
  const std::byte* const end = begin + data.size();
  const std::byte* at = begin + 1;
  for (; end - at >= kBlock; at += kBlock) {
    const uint8x16_t low = vorrq_u8(mismatches(at), mismatches(at + kWidth));
    const uint8x16_t high = vorrq_u8(mismatches(at + 2 * kWidth), mismatches(at + 3 * kWidth));
    if (mask_of(vorrq_u8(low, high)) != 0) break;
  }
  for (; end - at >= kWidth; at += kWidth) {
    const uint64_t mask = mask_of(mismatches(at));
    if (mask != 0) return dot_scan_hit(begin, at + first_lane(mask));
  }
  if (at == end) return data.size();
  at = end - kWidth;  // again over octets that are known to be clean, but not past the end
  const uint64_t mask = mask_of(mismatches(at));
  return mask != 0 ? dot_scan_hit(begin, at + first_lane(mask)) : data.size();
}

}  // namespace mailrace::core
#endif
