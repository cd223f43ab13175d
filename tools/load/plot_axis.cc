// SPDX-License-Identifier: GPL-3.0-or-later
// Round numbers: 1, 2 and 5 times powers of ten.
#include "tools/load/plot_axis.h"

#include "tools/lib/formatted.h"

#include <algorithm>
#include <cmath>

namespace mailrace::tools {
namespace {

constexpr int kTicksWanted = 6;
constexpr double kDecadesWithFineTicks = 2.5;
constexpr int kPercentileDecadesMax = 7;
// What is left of a division that should be a whole number.
constexpr double kRounding = 1e-9;

// The least round number that is not below `value`. Requires: value > 0.
double round_up(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (value <= power * factor * (1.0 + kRounding)) return power * factor;
  }
  return power * 10.0;
}

bool is_range(double least, double most) {
  return std::isfinite(least) && std::isfinite(most) && least <= most;
}

double power_of_ten(int exponent) { return std::pow(10.0, exponent); }

std::string percentile_label(int nines) {
  if (nines == 1) return "90 %";
  return "99" + (nines > 2 ? "." + std::string(size_t(nines) - 2, '9') : "") + " %";
}

}  // namespace

std::string plot_number(double value) {
  static constexpr struct {
    double from;
    double unit;
    const char* suffix;
  } kUnits[] = {{1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e3, 1e3, "k"}};
  for (const auto& [from, unit, suffix] : kUnits) {
    if (std::abs(value) < from) continue;
    return formatted("%.4g%s", value / unit, suffix);
  }
  const double size = std::abs(value);
  const int decimals = size == 0 || size >= 1 ? 2 : 2 - int(std::floor(std::log10(size)));
  std::string text = formatted("%.*f", std::min(decimals, 12), value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

void PlotAxis::add_ticks(double step) {
  const double first = std::ceil(least_ / step - kRounding);
  for (double number = first; number * step <= most_ + step * kRounding; ++number) {
    const double value = number * step + 0.0;  // and not -0.0
    ticks_.push_back({value, plot_number(value)});
  }
}

PlotAxis PlotAxis::linear(double least, double most) {
  if (!is_range(least, most)) return linear(0.0, 1.0);
  if (least == most) return least == 0.0 ? linear(0.0, 1.0) : linear(std::min(0.0, most), most);
  const double step = round_up((most - least) / kTicksWanted);
  PlotAxis axis(std::floor(least / step + kRounding) * step,
                std::ceil(most / step - kRounding) * step, false);
  axis.add_ticks(step);
  return axis;
}

PlotAxis PlotAxis::linear_exact(double least, double most) {
  if (!is_range(least, most) || least == most) return linear(least, most);
  PlotAxis axis(least, most, false);
  axis.add_ticks(round_up((most - least) / (2 * kTicksWanted)));
  for (PlotTick& tick : axis.ticks_) tick.label = formatted("%.6g", tick.value);  // not 1.2k s
  return axis;
}

PlotAxis PlotAxis::logarithmic(double least, double most) {
  if (!is_range(least, most) || least <= 0.0) return logarithmic(1.0, 10.0);
  int first = int(std::floor(std::log10(least) + kRounding));
  int last = int(std::ceil(std::log10(most) - kRounding));
  if (first >= last) last = first + 1;
  const bool is_fine = std::log10(most / least) <= kDecadesWithFineTicks;
  PlotAxis axis(power_of_ten(first), power_of_ten(last), true);
  if (is_fine) {  // not whole decades: half of the plot would be empty
    for (const double factor : {2.0, 5.0}) {
      if (power_of_ten(first) * factor <= least) axis.least_ = power_of_ten(first) * factor;
    }
    for (const double factor : {5.0, 2.0}) {
      const double end = power_of_ten(last - 1) * factor;
      if (end >= most && end > axis.least_) axis.most_ = end;
    }
  }
  for (int exponent = first; exponent <= last; ++exponent) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = power_of_ten(exponent) * factor;
      const bool is_inside =
          value >= axis.least_ * (1 - kRounding) && value <= axis.most_ * (1 + kRounding);
      if (!is_inside || (factor > 1.0 && !is_fine)) continue;
      axis.ticks_.push_back({value, plot_number(value)});
    }
  }
  return axis;
}

PlotAxis PlotAxis::percentiles(uint64_t count) {
  int decades = 1;
  while (decades < kPercentileDecadesMax && power_of_ten(decades) < double(count)) ++decades;
  PlotAxis axis(1.0, power_of_ten(decades), true);
  axis.ticks_ = {{1.0, "0 %"}};
  for (int nines = 1; nines <= decades; ++nines) {
    axis.ticks_.push_back({power_of_ten(nines), percentile_label(nines)});
  }
  return axis;
}

double PlotAxis::place(double value) const noexcept {
  const double at = std::clamp(value, least_, most_);
  if (is_logarithmic_) return std::log(at / least_) / std::log(most_ / least_);
  return (at - least_) / (most_ - least_);
}

}  // namespace mailrace::tools
