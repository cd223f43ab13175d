// SPDX-License-Identifier: GPL-3.0-or-later
// Folding (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel,
// 2009), sixteen lanes of 128 bits wide.
//
// A lane holds 16 octets as a polynomial, H * x^64 + L: H is what its first eight octets say. D
// bits on in the data that is worth H * x^(64+D) + L * x^D, and modulo P the powers of x are
// constants of 32 bits, so both products fit into the lane that is D bits on, and are added to it.
// In the end one lane is left, and two crc32 instructions from state 0 take it for 16 octets.
//
// The carry-less product of two reflected words is their product times x: the constants have one
// power less. They stand in the upper half of 64 bits, where the coefficients of x^31 and less are.
#include "core/base/crc32c_avx512.h"

#include "core/base/check.h"
#include "core/base/crc32c_polynomial.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>

namespace mailrace::core {
namespace {

#define MAILRACE_TARGET_FOLD __attribute__((target("avx512f,avx512vl,vpclmulqdq,pclmul,sse4.2")))

// For H, for L: what moves a lane `bits` on.
struct Factors {
  explicit constexpr Factors(size_t bits) noexcept
      : first(uint64_t{power_of_x(bits + 63)} << 32),
        second(uint64_t{power_of_x(bits - 1)} << 32) {}
  uint64_t first;
  uint64_t second;
};

constexpr Factors kFourRegisters(4 * 512);
constexpr Factors kOneRegister(512);
// Of one register: its first lane to the last one, the second, the third.
alignas(64) constexpr std::array<Factors, 3> kLanes = {Factors(384), Factors(256), Factors(128)};

MAILRACE_TARGET_FOLD inline __m512i in_each_lane(const Factors& factors) noexcept {
  // Without the mask GCC 12 takes its own header for a use of what is uninitialized.
  return _mm512_maskz_broadcast_i32x4(
      0xffff, _mm_set_epi64x(int64_t(factors.second), int64_t(factors.first)));
}

MAILRACE_TARGET_FOLD inline __m512i load(const std::byte* at) noexcept {
  return _mm512_loadu_si512(at);
}

// `onto` and what `lanes` are worth there.
MAILRACE_TARGET_FOLD inline __m512i fold(__m512i lanes, __m512i factors, __m512i onto) noexcept {
  constexpr int kXorOfThree = 0x96;
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(lanes, factors, 0x00),
                                   _mm512_clmulepi64_epi128(lanes, factors, 0x11), onto,
                                   kXorOfThree);
}

// All lanes moved to where the last one is.
MAILRACE_TARGET_FOLD uint32_t state_behind(__m512i lanes) noexcept {
  constexpr __mmask8 kLastLane = 0xc0;
  const __m512i factors = _mm512_maskz_loadu_epi64(uint8_t(~kLastLane), kLanes.data());
  alignas(64) std::array<uint64_t, 8> words;
  _mm512_store_si512(words.data(), fold(lanes, factors, _mm512_maskz_mov_epi64(kLastLane, lanes)));
  const uint64_t state = _mm_crc32_u64(0, words[0] ^ words[2] ^ words[4] ^ words[6]);
  return uint32_t(_mm_crc32_u64(state, words[1] ^ words[3] ^ words[5] ^ words[7]));
}

}  // namespace

MAILRACE_TARGET_FOLD uint32_t fold_crc32c_avx512(uint32_t crc, Octets data) noexcept {
  MAILRACE_DCHECK(!data.empty() && data.size() % kCrc32cFoldBytes == 0);
  const std::byte* at = data.data();
  const std::byte* const end = at + data.size();
  __m512i a = _mm512_xor_si512(load(at), _mm512_zextsi128_si512(_mm_cvtsi32_si128(int(~crc))));
  __m512i b = load(at + 64);
  __m512i c = load(at + 128);
  __m512i d = load(at + 192);
  const __m512i four = in_each_lane(kFourRegisters);
  for (at += kCrc32cFoldBytes; at < end; at += kCrc32cFoldBytes) {
    a = fold(a, four, load(at));
    b = fold(b, four, load(at + 64));
    c = fold(c, four, load(at + 128));
    d = fold(d, four, load(at + 192));
  }
  const __m512i one = in_each_lane(kOneRegister);
  d = fold(fold(fold(a, one, b), one, c), one, d);
  return ~state_behind(d);
}

}  // namespace mailrace::core

#endif
