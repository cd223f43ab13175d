// SPDX-License-Identifier: GPL-3.0-or-later
// The dot scan with AVX-512 BW: 64 octets a step, comparisons straight into mask registers.
#include "core/scan/dot_scan_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define MAILRACE_TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))

namespace mailrace::core {
namespace {

constexpr ptrdiff_t kWidth = 64;
constexpr ptrdiff_t kBlock = 4 * kWidth;

// A bit for each octet that is a mismatch.
MAILRACE_TARGET inline __mmask64 mismatches(__m512i octets, __m512i before) noexcept {
  const __m512i lf = _mm512_set1_epi8(kLf);
  const __mmask64 half = _kxor_mask64(_mm512_cmpeq_epi8_mask(octets, lf),
                                      _mm512_cmpeq_epi8_mask(before, _mm512_set1_epi8(kCr)));
  const __mmask64 dot = _mm512_mask_cmpeq_epi8_mask(_mm512_cmpeq_epi8_mask(before, lf), octets,
                                                    _mm512_set1_epi8(kDot));
  return _kor_mask64(half, dot);
}

// The same for the 64 octets at `at`. Reads at[-1].
MAILRACE_TARGET inline __mmask64 mismatches_at(const std::byte* at) noexcept {
  return mismatches(_mm512_loadu_si512(at), _mm512_loadu_si512(at - 1));
}

}  // namespace

MAILRACE_TARGET size_t dot_scan_avx512(Octets data, uint16_t previous) noexcept {
  if (data.empty()) return 0;
  if (dot_scan_stops_at_first(data[0], previous)) return 0;
  const std::byte* const begin = data.data();
  const std::byte* const end = begin + data.size();
  const std::byte* at = begin + 1;
  for (; end - at >= kBlock; at += kBlock) {
    const __mmask64 low = _kor_mask64(mismatches_at(at), mismatches_at(at + kWidth));
    const __mmask64 high =
        _kor_mask64(mismatches_at(at + 2 * kWidth), mismatches_at(at + 3 * kWidth));
    if (_kor_mask64(low, high) != 0) break;
  }
  for (; end - at >= kWidth; at += kWidth) {
    const uint64_t mask = mismatches_at(at);
    if (mask != 0) return dot_scan_hit(begin, at + __builtin_ctzll(mask));
  }
  if (at == end) return data.size();
  // Masked loads touch no octet past the end, and leave zeros there, which never mismatch.
  const __mmask64 rest = ~uint64_t{0} >> (kWidth - (end - at));
  const uint64_t mask =
      mismatches(_mm512_maskz_loadu_epi8(rest, at), _mm512_maskz_loadu_epi8(rest, at - 1));
  return mask != 0 ? dot_scan_hit(begin, at + __builtin_ctzll(mask)) : data.size();
}

}  // namespace mailrace::core
#endif
