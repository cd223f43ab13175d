// SPDX-License-Identifier: GPL-3.0-or-later
// A seeded generator for simulation, tests and made-up mail: same seed, same run. Not for secrets.
#pragma once

#include <cstdint>

namespace mailrace::core {

/// splitmix64: one multiplication chain, passes BigCrush, any seed is good.
class Prng {
 public:
  explicit constexpr Prng(uint64_t seed) noexcept : state_(seed) {}

  constexpr uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// A number in [0, bound); bound > 0. The bias is below bound / 2^64.
  constexpr uint64_t below(uint64_t bound) noexcept { return next() % bound; }

 private:
  uint64_t state_;
};

}  // namespace mailrace::core
