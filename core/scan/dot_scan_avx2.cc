// SPDX-License-Identifier: GPL-3.0-or-later
// The dot scan with AVX2: 32 octets a step.
#include "core/scan/dot_scan_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define MAILRACE_TARGET __attribute__((target("avx2")))

namespace mailrace::core {
namespace {

constexpr ptrdiff_t kWidth = 32;
constexpr ptrdiff_t kBlock = 4 * kWidth;

MAILRACE_TARGET inline __m256i load(const std::byte* at) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

// All ones where the octet is a mismatch. Reads at[-1].
MAILRACE_TARGET inline __m256i mismatches(const std::byte* at) noexcept {
  const __m256i octets = load(at);
  const __m256i before = load(at - 1);
  const __m256i lf = _mm256_set1_epi8(kLf);
  const __m256i half = _mm256_xor_si256(_mm256_cmpeq_epi8(octets, lf),
                                        _mm256_cmpeq_epi8(before, _mm256_set1_epi8(kCr)));
  const __m256i dot = _mm256_and_si256(_mm256_cmpeq_epi8(octets, _mm256_set1_epi8(kDot)),
                                       _mm256_cmpeq_epi8(before, lf));
  return _mm256_or_si256(half, dot);
}

MAILRACE_TARGET inline unsigned mask_of(__m256i lanes) noexcept {
  return unsigned(_mm256_movemask_epi8(lanes));
}

}  // namespace

MAILRACE_TARGET size_t dot_scan_avx2(Octets data, uint16_t previous) noexcept {
  if (data.size() <= size_t(kWidth)) return dot_scan_sse2(data, previous);
  if (dot_scan_stops_at_first(data[0], previous)) return 0;
  const std::byte* const begin = data.data();
  const std::byte* const end = begin + data.size();
  const std::byte* at = begin + 1;
  for (; end - at >= kBlock; at += kBlock) {
    const __m256i low = _mm256_or_si256(mismatches(at), mismatches(at + kWidth));
    const __m256i high = _mm256_or_si256(mismatches(at + 2 * kWidth), mismatches(at + 3 * kWidth));
    if (mask_of(_mm256_or_si256(low, high)) != 0) break;
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
