// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers and sizes that are the same each time, or spread: what a run may be told, and what it
// draws from that.
#pragma once

#include "core/base/prng.h"
#include "tools/lib/flag_values.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// A count: always the same, or drawn from a distribution.
struct LoadCount {
  enum class Kind : uint8_t { fixed, uniform, geometric };

  Kind kind = Kind::fixed;
  uint64_t low = 0;   // the count itself; the least; or the mean, >= 1
  uint64_t high = 0;  // uniform only: the most

  LoadCount() = default;
  // Not explicit: a number is a count.
  LoadCount(uint64_t count) noexcept : low(count) {}
  LoadCount(Kind count_kind, uint64_t a, uint64_t b) noexcept : kind(count_kind), low(a), high(b) {}

  bool is_fixed() const noexcept { return kind == Kind::fixed; }
  bool is_none() const noexcept { return is_fixed() && low == 0; }
  /// One count: `low` to `high`, or for a geometric distribution 1 and more.
  uint64_t draw(core::Prng& random) const noexcept;
};

/// Reads "7", "uniform:1:9", and "geometric:4" if there is no `most`.
///
/// range   of a count, and of all that may be drawn; only a fixed count may be 0
FromText<LoadCount> parse_load_count(std::string_view text, const Range& range,
                                     bool may_be_geometric);
/// As parse_load_count() reads it.
std::string format_load_count(const LoadCount& count);

/// Octets of a message: always the same, or log-normal.
struct LoadSize {
  uint64_t median = 4096;
  uint32_t sigma_milli = 0;  // thousandths of the standard deviation of the logarithm; 0: all alike

  LoadSize() = default;
  // Not explicit: a number is a size.
  LoadSize(uint64_t bytes, uint32_t spread_milli = 0) noexcept
      : median(bytes), sigma_milli(spread_milli) {}

  /// The sizes to choose from, each as often as the others: one, or kLoadSizesMax at equal steps of
  /// probability, clamped to what a message may have. In ascending order.
  std::vector<uint64_t> sizes() const;
};

/// Reads "4KiB" and "lognormal:16KiB:1.5": median, and sigma with up to three decimals.
FromText<LoadSize> parse_load_size(std::string_view text);
/// As parse_load_size() reads it.
std::string format_load_size(const LoadSize& size);

}  // namespace mailrace::tools
