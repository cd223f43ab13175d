// SPDX-License-Identifier: GPL-3.0-or-later
// Text to thousandths and back.
#include "tools/load/rate.h"

#include "core/base/limits.h"
#include "core/base/text.h"

#include <algorithm>

namespace mailrace::tools {
namespace {

constexpr size_t kDecimalsMax = 3;
constexpr uint64_t kThousand = 1'000;

}  // namespace

tl::expected<LoadRate, std::string> parse_rate(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  const auto whole = core::parse_decimal(text.substr(0, point));
  std::string decimals(text.substr(std::min(point + 1, text.size())));
  const bool has_decimals = point < text.size();
  if (!whole || decimals.size() > kDecimalsMax || (has_decimals && decimals.empty())) {
    return tl::unexpected(std::string("it is no number with up to three decimals"));
  }
  decimals.resize(kDecimalsMax, '0');
  const auto rest = core::parse_decimal(decimals);
  if (!rest) return tl::unexpected(std::string("it is no number with up to three decimals"));
  const bool is_too_large = *whole > core::kLoadRateMax || (*whole == core::kLoadRateMax && *rest);
  if (is_too_large || *whole + *rest == 0) {
    return tl::unexpected("it is not within 0.001 and " + std::to_string(core::kLoadRateMax));
  }
  return LoadRate{*whole * kThousand + *rest};
}

std::string format_rate(LoadRate rate) {
  std::string text = std::to_string(rate.thousandths / kThousand);
  std::string decimals = std::to_string(kThousand + rate.thousandths % kThousand).substr(1);
  while (!decimals.empty() && decimals.back() == '0') decimals.pop_back();
  return decimals.empty() ? text : text + "." + decimals;
}

uint32_t LoadRamp::count() const noexcept {
  return uint32_t((to.thousandths - from.thousandths) / step.thousandths + 1);
}

LoadRate LoadRamp::rate(uint32_t index) const noexcept {
  return {from.thousandths + index * step.thousandths};
}

tl::expected<LoadRamp, std::string> parse_ramp(std::string_view text) {
  LoadRate rates[3];
  for (LoadRate& rate : rates) {
    const bool is_last = &rate == &rates[2];
    const size_t end = is_last ? text.size() : std::min(text.find(':'), text.size());
    const auto parsed = parse_rate(text.substr(0, end));
    if (!parsed) return tl::unexpected(parsed.error());
    rate = *parsed;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const LoadRamp ramp{rates[0], rates[1], rates[2]};
  if (ramp.from > ramp.to) return tl::unexpected(std::string("FROM is above TO"));
  const uint64_t span = ramp.to.thousandths - ramp.from.thousandths;
  if (span / ramp.step.thousandths >= core::kLoadRampStepsMax) {
    return tl::unexpected("there are more than " + std::to_string(core::kLoadRampStepsMax) +
                          " steps");
  }
  return ramp;
}

std::string format_ramp(const LoadRamp& ramp) {
  if (!ramp.is_asked_for()) return "";
  return format_rate(ramp.from) + ":" + format_rate(ramp.to) + ":" + format_rate(ramp.step);
}

}  // namespace mailrace::tools
