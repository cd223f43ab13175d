// SPDX-License-Identifier: GPL-3.0-or-later
// Arithmetic modulo the polynomial P of CRC-32C, kept reflected: bit 0 is the coefficient of x^31.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mailrace::core {

inline constexpr uint32_t kCrc32cPolynomial = 0x82f63b78;

constexpr uint32_t times_x(uint32_t state) noexcept {
  return (state >> 1) ^ ((state & 1) != 0 ? kCrc32cPolynomial : 0);
}

/// x^exponent mod P.
constexpr uint32_t power_of_x(size_t exponent) noexcept {
  uint32_t state = 0x80000000;
  for (; exponent > 0; --exponent) state = times_x(state);
  return state;
}

}  // namespace mailrace::core
