// SPDX-License-Identifier: GPL-3.0-or-later
// Kernels for CRC-32C, and the choice between them; the one for AVX-512 is in crc32c_avx512.cc.
//
// The state of a CRC is a polynomial over GF(2) modulo P of degree 32, kept reflected: bit 0 of the
// 32 is the coefficient of x^31. Eight more octets W turn the state S into (S*x^32 + W) * x^32 mod
// P, reading W as a polynomial of degree 63; the processor's crc32 instruction does just that. It
// takes three cycles but can start every cycle, so one chain of them leaves two thirds of the unit
// idle. The sse42 kernel therefore runs three chains over three neighbouring stretches of equal
// length and joins them:
//
//   | stretch A, from the state so far | stretch B, from 0 | stretch C, from 0 |
//   state = A * x^(2*bits of a stretch) + B * x^(bits of a stretch) + C   mod P
//
// Two reflected 32-bit factors give a carry-less product that, read as a reflected 64-bit word, is
// their product times x; crc32 of that word from state 0 multiplies by x^32 more and reduces. So
// with the factor x^(64*n - 33) mod P, "multiply, then crc32" moves a state n words on.
#include "core/base/crc32c.h"

#include "core/base/cpu.h"
#include "core/base/crc32c_avx512.h"
#include "core/base/crc32c_polynomial.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>

namespace mailrace::core {
namespace {

// The product of two states as polynomials modulo P.
uint32_t product(uint32_t a, uint32_t b) noexcept {
  uint32_t sum = 0;
  for (; a != 0; a <<= 1, b = times_x(b)) {  // from the bit of x^0 on
    if ((a & 0x80000000) != 0) sum ^= b;
  }
  return sum;
}

// --- table: eight octets a step, one look-up each ------------------------------------------------

using Table = std::array<std::array<uint32_t, 256>, 8>;

// table[n][octet]: the state that `octet` leaves behind after n more octets of zero.
constexpr Table make_table() noexcept {
  Table table{};
  for (uint32_t octet = 0; octet < 256; ++octet) {
    uint32_t state = octet;
    for (int bit = 0; bit < 8; ++bit) state = times_x(state);
    table[0][octet] = state;
  }
  for (size_t n = 1; n < 8; ++n) {
    for (size_t octet = 0; octet < 256; ++octet) {
      const uint32_t state = table[n - 1][octet];
      table[n][octet] = (state >> 8) ^ table[0][state & 0xff];
    }
  }
  return table;
}

constexpr Table kTable = make_table();
static_assert(kTable[0][1] == 0xf26b8303);

uint32_t extend_table(uint32_t crc, Octets data) noexcept {
  uint32_t state = ~crc;
  const std::byte* at = data.data();
  size_t left = data.size();
  for (; left >= 8; left -= 8, at += 8) {
    const uint64_t word = load_le<uint64_t>(at) ^ state;
    state = 0;
    for (size_t i = 0; i < 8; ++i) state ^= kTable[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; left > 0; --left, ++at) {
    state = (state >> 8) ^ kTable[0][(state ^ uint32_t(*at)) & 0xff];
  }
  return ~state;
}

bool table_runs_here() noexcept { return true; }

// --- sse42: three chains of crc32, joined by pclmul ----------------------------------------------

#if defined(__x86_64__)
#define MAILRACE_TARGET_SSE42 __attribute__((target("sse4.2,pclmul")))

// Short enough that the prefetcher takes three stretches for one run through memory: four times as
// long ones gain a few per cent in L1 and lose more than half beyond the caches, on Zen 4
// (bench/micro/crc32c_bench.cc).
constexpr size_t kStretchWordsMax = 32;
// With fewer octets, joining costs more than it saves.
constexpr size_t kInterleaveBytesMin = 96;
static_assert(kInterleaveBytesMin >= 3 * 8);

using Factors = std::array<uint32_t, 2 * kStretchWordsMax + 1>;

// factors[n] = x^(64*n - 33) mod P, n >= 1.
constexpr Factors make_factors() noexcept {
  Factors factors{};
  factors[1] = 1;  // x^31
  for (size_t n = 2; n < factors.size(); ++n) {
    uint32_t factor = factors[n - 1];
    for (int bit = 0; bit < 64; ++bit) factor = times_x(factor);
    factors[n] = factor;
  }
  return factors;
}

constexpr Factors kFactors = make_factors();

// The carry-less product of `state` and the factor that moves it `words` words on; not yet reduced.
MAILRACE_TARGET_SSE42 inline uint64_t moved_on(uint64_t state, size_t words) noexcept {
  const __m128i factor = _mm_cvtsi32_si128(int(kFactors[words]));
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(int64_t(state)), factor, 0);
  return uint64_t(_mm_cvtsi128_si64(product));
}

// The state after 3 * words words at `at`; 1 <= words <= kStretchWordsMax.
MAILRACE_TARGET_SSE42 inline uint64_t three_stretches(uint64_t state, const std::byte* at,
                                                      size_t words) noexcept {
  const size_t stretch = 8 * words;
  uint64_t a = state;
  uint64_t b = 0;
  uint64_t c = 0;
  for (const std::byte* const end = at + stretch; at < end; at += 8) {
    a = _mm_crc32_u64(a, load_le<uint64_t>(at));
    b = _mm_crc32_u64(b, load_le<uint64_t>(at + stretch));
    c = _mm_crc32_u64(c, load_le<uint64_t>(at + 2 * stretch));
  }
  return c ^ _mm_crc32_u64(0, moved_on(a, 2 * words) ^ moved_on(b, words));
}

MAILRACE_TARGET_SSE42 uint32_t extend_sse42(uint32_t crc, Octets data) noexcept {
  uint64_t wide = uint32_t(~crc);
  const std::byte* at = data.data();
  size_t left = data.size();
  while (left >= kInterleaveBytesMin) {
    const size_t words = std::min(left / (3 * 8), kStretchWordsMax);
    wide = three_stretches(wide, at, words);
    at += 3 * 8 * words;
    left -= 3 * 8 * words;
  }
  for (; left >= 8; left -= 8, at += 8) wide = _mm_crc32_u64(wide, load_le<uint64_t>(at));

  uint32_t state = uint32_t(wide);
  if ((left & 4) != 0) {
    state = _mm_crc32_u32(state, load_le<uint32_t>(at));
    at += 4;
  }
  if ((left & 2) != 0) {
    state = _mm_crc32_u16(state, load_le<uint16_t>(at));
    at += 2;
  }
  if ((left & 1) != 0) state = _mm_crc32_u8(state, uint8_t(*at));
  return ~state;
}

bool sse42_runs_here() noexcept { return cpu_features().sse42 && cpu_features().pclmul; }

// --- avx512: whole steps of 256 octets are folded, the rest is sse42's ---------------------------

uint32_t extend_avx512(uint32_t crc, Octets data) noexcept {
  const size_t folded = data.size() - data.size() % kCrc32cFoldBytes;
  if (folded > 0) crc = fold_crc32c_avx512(crc, data.first(folded));
  return extend_sse42(crc, data.subspan(folded));
}

bool avx512_runs_here() noexcept {
  return sse42_runs_here() && cpu_features().avx512 && cpu_features().vpclmul;
}

// --- arm: one chain of crc32c instructions -------------------------------------------------------

#elif defined(__aarch64__)

// In assembly: the intrinsics are there only where the compiler may use the instructions anywhere,
// and the two compilers disagree on how to allow them to a single function.
uint32_t step_arm(uint32_t state, uint64_t octets) noexcept {
  __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(state) : "r"(octets));
  return state;
}

uint32_t step_arm(uint32_t state, uint8_t octet) noexcept {
  __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(state) : "r"(uint32_t(octet)));
  return state;
}

uint32_t extend_arm(uint32_t crc, Octets data) noexcept {
  uint32_t state = ~crc;
  const std::byte* at = data.data();
  size_t left = data.size();
  for (; left >= 8; left -= 8, at += 8) state = step_arm(state, load_le<uint64_t>(at));
  for (; left > 0; --left, ++at) state = step_arm(state, uint8_t(*at));
  return ~state;
}

bool arm_runs_here() noexcept { return cpu_features().arm_crc32; }

#endif

// --- choice --------------------------------------------------------------------------------------

constexpr Crc32cKernel kKernels[] = {
#if defined(__x86_64__)
    {"avx512", avx512_runs_here, extend_avx512},
    {"sse42", sse42_runs_here, extend_sse42},
#elif defined(__aarch64__)
    {"arm", arm_runs_here, extend_arm},
#endif
    {"table", table_runs_here, extend_table},
};

const Crc32cKernel& chosen() noexcept {
  static const Crc32cKernel& kernel = choose_crc32c_kernel(kernel_wish());
  return kernel;
}

}  // namespace

std::span<const Crc32cKernel> crc32c_kernels() noexcept { return kKernels; }

const Crc32cKernel& choose_crc32c_kernel(std::string_view wish) noexcept {
  if (wish == "scalar") return crc32c_kernels().back();
  const Crc32cKernel* kernel = kKernels;
  while (!kernel->runs_here()) ++kernel;  // "table", the last, runs everywhere
  return *kernel;
}

uint32_t crc32c(uint32_t crc, Octets data) noexcept { return chosen().extend(crc, data); }

std::string_view crc32c_name() noexcept { return chosen().name; }

// n octets of anything move the state before them on by x^(8n), and the complements cancel out.
Crc32cJoin::Crc32cJoin(uint64_t octets) noexcept {
  uint32_t power = power_of_x(8);  // and its squares
  uint32_t moved = power_of_x(0);  // x^(8 * octets) in the end
  for (; octets > 0; octets >>= 1, power = product(power, power)) {
    if ((octets & 1) != 0) moved = product(moved, power);
  }
  std::array<uint32_t, 32> of_bit;
  for (size_t bit = 32; bit-- > 0; moved = times_x(moved)) of_bit[bit] = moved;
  for (size_t digit = 0; digit < moved_.size(); ++digit) {
    for (size_t value = 0; value < 16; ++value) {
      uint32_t sum = 0;
      for (size_t bit = 0; bit < 4; ++bit) {
        if ((value >> bit & 1) != 0) sum ^= of_bit[4 * digit + bit];
      }
      moved_[digit][value] = sum;
    }
  }
}

}  // namespace mailrace::core
