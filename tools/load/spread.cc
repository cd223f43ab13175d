// SPDX-License-Identifier: GPL-3.0-or-later
// Text to distribution and back; and what is drawn.
#include "tools/load/spread.h"

#include "core/base/limits.h"
#include "core/base/text.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace mailrace::tools {
namespace {

constexpr std::string_view kUniform = "uniform:";
constexpr std::string_view kGeometric = "geometric:";
constexpr std::string_view kLogNormal = "lognormal:";
constexpr uint32_t kMilli = 1000;

tl::unexpected<std::string> refused(std::string why = "") { return tl::unexpected(std::move(why)); }

// In [0, 1), of 53 bits.
double unit(core::Prng& random) noexcept { return double(random.next() >> 11) * 0x1p-53; }

// The value that a standard normal variable is below with this probability, by halving: erfc is
// what the library has.
double normal_quantile(double probability) {
  double low = -8.0;
  double high = 8.0;
  for (int step = 0; step < 50; ++step) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < probability ? low : high) = middle;
  }
  return low;
}

// "1.5" as 1500; up to three decimals.
std::optional<uint32_t> parse_milli(std::string_view text) {
  const size_t point = text.find('.');
  const auto whole = core::parse_decimal(text.substr(0, point));
  if (!whole || *whole > UINT32_MAX / kMilli) return std::nullopt;
  if (point == std::string_view::npos) return uint32_t(*whole * kMilli);
  std::string decimals(text.substr(point + 1));
  if (decimals.size() > 3) return std::nullopt;
  const auto part = core::parse_decimal(decimals);
  if (!part) return std::nullopt;
  uint64_t scaled = *part;
  for (size_t digits = decimals.size(); digits < 3; ++digits) scaled *= 10;
  return uint32_t(*whole * kMilli + scaled);
}

std::string format_milli(uint32_t milli) {
  std::string text = std::to_string(milli / kMilli);
  if (milli % kMilli == 0) return text;
  text += "." + std::to_string(kMilli + milli % kMilli).substr(1);
  while (text.ends_with('0')) text.pop_back();
  return text;
}

bool is_size(uint64_t bytes) {
  return bytes >= core::kLoadMessageBytesMin && bytes <= core::kLoadMessageBytesMax;
}

}  // namespace

// --- counts --------------------------------------------------------------------------------------

uint64_t LoadCount::draw(core::Prng& random) const noexcept {
  switch (kind) {
    case Kind::fixed:
      break;
    case Kind::uniform:
      return low + random.below(high - low + 1);
    case Kind::geometric: {
      if (low == 1) return 1;
      // Trials until the first that succeeds, each with probability 1 / mean.
      const double trials = std::log1p(-unit(random)) / std::log1p(-1.0 / double(low));
      return 1 + uint64_t(std::min(trials, 1e15));
    }
  }
  return low;
}

FromText<LoadCount> parse_load_count(std::string_view text, const Range& range,
                                     bool may_be_geometric) {
  const uint64_t least = std::max<uint64_t>(range.min, 1);
  if (text.starts_with(kUniform)) {
    text.remove_prefix(kUniform.size());
    const size_t colon = std::min(text.find(':'), text.size());
    const auto low = core::parse_decimal(text.substr(0, colon));
    const auto high = core::parse_decimal(text.substr(std::min(colon + 1, text.size())));
    if (!low || !high) return refused();
    if (*low < least || *high > range.max || *low > *high) return refused();
    return LoadCount{LoadCount::Kind::uniform, *low, *high};
  }
  if (may_be_geometric && text.starts_with(kGeometric)) {
    const auto mean = core::parse_decimal(text.substr(kGeometric.size()));
    if (!mean || *mean < least || *mean > range.max) return refused();
    return LoadCount{LoadCount::Kind::geometric, *mean, 0};
  }
  const auto count = core::parse_decimal(text);
  if (!count || *count < range.min || *count > range.max) return refused();
  return LoadCount(*count);
}

std::string format_load_count(const LoadCount& count) {
  const std::string low = std::to_string(count.low);
  switch (count.kind) {
    case LoadCount::Kind::fixed:
      break;
    case LoadCount::Kind::uniform:
      return std::string(kUniform) + low + ":" + std::to_string(count.high);
    case LoadCount::Kind::geometric:
      return std::string(kGeometric) + low;
  }
  return low;
}

// --- sizes ---------------------------------------------------------------------------------------

// The middle of each step, so that few sizes have nearly the mean of all.
std::vector<uint64_t> LoadSize::sizes() const {
  if (sigma_milli == 0) return {median};
  std::vector<uint64_t> sizes;
  for (size_t step = 0; step < core::kLoadSizesMax; ++step) {
    const double probability = (double(step) + 0.5) / double(core::kLoadSizesMax);
    const double sigma = double(sigma_milli) / kMilli;
    const double size = double(median) * std::exp(sigma * normal_quantile(probability));
    sizes.push_back(uint64_t(std::clamp(std::round(size), double(core::kLoadMessageBytesMin),
                                        double(core::kLoadMessageBytesMax))));
  }
  return sizes;
}

FromText<LoadSize> parse_load_size(std::string_view text) {
  uint32_t sigma_milli = 0;
  if (text.starts_with(kLogNormal)) {
    text.remove_prefix(kLogNormal.size());
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return refused("sigma is missing");
    const auto sigma = parse_milli(text.substr(colon + 1));
    if (!sigma || *sigma == 0 || *sigma > core::kLoadSizeSigmaMax * kMilli) {
      return refused("sigma is not above 0 and up to 4, with up to three decimals");
    }
    sigma_milli = *sigma;
    text = text.substr(0, colon);
  }
  const auto bytes = parse_bytes(text);
  if (!bytes) return refused(bytes.error());
  if (!is_size(*bytes)) return refused();
  return LoadSize{*bytes, sigma_milli};
}

std::string format_load_size(const LoadSize& size) {
  if (size.sigma_milli == 0) return format_bytes(size.median);
  return std::string(kLogNormal) + format_bytes(size.median) + ":" + format_milli(size.sigma_milli);
}

}  // namespace mailrace::tools
