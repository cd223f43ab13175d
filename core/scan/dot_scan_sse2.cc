// SPDX-License-Identifier: GPL-3.0-or-later
// The dot scan with SSE2, which every x86-64 has: 16 octets a step.
#include "core/scan/dot_scan_kernel.h"

#if defined(__x86_64__)
#include <emmintrin.h>

namespace mailrace::core {
namespace {

constexpr ptrdiff_t kWidth = 16;
constexpr ptrdiff_t kBlock = 4 * kWidth;

inline __m128i load(const std::byte* at) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

// All ones where the octet is a mismatch. Reads at[-1].
inline __m128i mismatches(const std::byte* at) noexcept {
  const __m128i octets = load(at);
  const __m128i before = load(at - 1);
  const __m128i lf = _mm_set1_epi8(kLf);
  const __m128i half =
      _mm_xor_si128(_mm_cmpeq_epi8(octets, lf), _mm_cmpeq_epi8(before, _mm_set1_epi8(kCr)));
  const __m128i dot =
      _mm_and_si128(_mm_cmpeq_epi8(octets, _mm_set1_epi8(kDot)), _mm_cmpeq_epi8(before, lf));
  return _mm_or_si128(half, dot);
}

inline unsigned mask_of(__m128i lanes) noexcept { return unsigned(_mm_movemask_epi8(lanes)); }

}  // namespace

size_t dot_scan_sse2(Octets data, uint16_t previous) noexcept {
  if (data.size() <= size_t(kWidth)) return dot_scan_scalar(data, previous);
  if (dot_scan_stops_at_first(data[0], previous)) return 0;
  const std::byte* const begin = data.data();
  const std::byte* const end = begin + data.size();
  const std::byte* at = begin + 1;
  for (; end - at >= kBlock; at += kBlock) {
    const __m128i low = _mm_or_si128(mismatches(at), mismatches(at + kWidth));
    const __m128i high = _mm_or_si128(mismatches(at + 2 * kWidth), mismatches(at + 3 * kWidth));
    if (mask_of(_mm_or_si128(low, high)) != 0) break;
  }
  for (; end - at >= kWidth; at += kWidth) {
    const unsigned mask = mask_of(mismatches(at));
    if (mask != 0) return dot_scan_hit(begin, at + __builtin_ctz(mask));
  }
  if (at == end) return data.size();
  at = end - kWidth;  // again over octets that are known to be clean, but not past the end
  const unsigned mask = mask_of(mismatches(at));
  return mask != 0 ? dot_scan_hit(begin, at + __builtin_ctz(mask)) : data.size();
}

}  // namespace mailrace::core
#endif
