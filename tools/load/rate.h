// SPDX-License-Identifier: GPL-3.0-or-later
// How many messages are due in a time, exactly, and a ramp of such rates.
#pragma once

#include <tl/expected.hpp>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::tools {

/// Messages per second in thousandths: decimals without rounding.
struct LoadRate {
  uint64_t thousandths = 0;  // 0: none is asked for

  auto operator<=>(const LoadRate&) const = default;
  double per_second() const noexcept { return double(thousandths) / 1e3; }
};

/// "250", "0.5", "1000.125": up to three decimals, 0.001 to kLoadRateMax. Or why not.
tl::expected<LoadRate, std::string> parse_rate(std::string_view text);
/// The shortest text that parse_rate() reads; "0" for none.
std::string format_rate(LoadRate rate);

/// Rates from one to another, in equal steps.
struct LoadRamp {
  LoadRate from;  // none: no ramp
  LoadRate to;
  LoadRate step;

  bool is_asked_for() const noexcept { return from.thousandths > 0; }
  /// Requires: is_asked_for().
  uint32_t count() const noexcept;
  /// index   below count()
  LoadRate rate(uint32_t index) const noexcept;
};

/// "FROM:TO:STEP", with FROM up to TO, and at most kLoadRampStepsMax rates. Or why not.
tl::expected<LoadRamp, std::string> parse_ramp(std::string_view text);
/// What parse_ramp() reads; empty for no ramp.
std::string format_ramp(const LoadRamp& ramp);

}  // namespace mailrace::tools
