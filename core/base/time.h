// SPDX-License-Identifier: GPL-3.0-or-later
// Points and spans of time. Engines are given the time; only drivers read a clock
// (core/port/clock.h).
#pragma once

#include <compare>
#include <cstdint>

namespace mailrace::core {

/// A span of time in nanoseconds; may be negative.
struct Duration {
  int64_t ns = 0;

  auto operator<=>(const Duration&) const = default;
  constexpr int64_t us() const noexcept { return ns / 1'000; }
  constexpr int64_t ms() const noexcept { return ns / 1'000'000; }
};

constexpr Duration microseconds(int64_t count) noexcept { return {count * 1'000}; }
constexpr Duration milliseconds(int64_t count) noexcept { return {count * 1'000'000}; }
constexpr Duration seconds(int64_t count) noexcept { return {count * 1'000'000'000}; }

/// A point on the monotonic clock: for timeouts and measured phases, never stored.
struct Instant {
  int64_t ns = 0;

  auto operator<=>(const Instant&) const = default;
  constexpr Instant operator+(Duration d) const noexcept { return {ns + d.ns}; }
  constexpr Duration operator-(Instant other) const noexcept { return {ns - other.ns}; }
};

/// A point on the wall clock, nanoseconds since 1970-01-01T00:00:00Z without leap seconds: for
/// what is stored and shown.
struct WallTime {
  int64_t ns = 0;

  auto operator<=>(const WallTime&) const = default;
};

}  // namespace mailrace::core
