// SPDX-License-Identifier: GPL-3.0-or-later
// One axis of a plot: from values to a place on it, and where its ticks are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mailrace::tools {

struct PlotTick {
  double value = 0.0;
  std::string label;
};

/// "0", "0.25", "1.5k", "25k", "3M": what a tick says, never in powers of ten.
std::string plot_number(double value);

/// An axis with round ends and ticks. Copied freely.
class PlotAxis {
 public:
  /// Ticks at 1, 2 or 5 times a power of ten; both ends are ticks.
  ///
  /// least, most   of the values; if they are not finite, or none, the axis goes from 0 to 1
  static PlotAxis linear(double least, double most);
  /// The same from `least` to `most` as they are, with ticks between, and 1500 for 1.5k: for times.
  static PlotAxis linear_exact(double least, double most);
  /// Decades, with ticks at 1, 2 and 5 where there are few.
  ///
  /// least, most   above zero; otherwise the axis goes from 1 to 10
  static PlotAxis logarithmic(double least, double most);
  /// Of 1 / (1 - p): percentiles, each decade as long as the one before, as far as `count` values
  /// say something.
  static PlotAxis percentiles(uint64_t count);

  double least() const noexcept { return least_; }
  double most() const noexcept { return most_; }
  const std::vector<PlotTick>& ticks() const noexcept { return ticks_; }
  /// Where a value is: 0.0 at the start to 1.0 at the end, and values outside at the nearer end.
  double place(double value) const noexcept;

 private:
  PlotAxis(double least, double most, bool is_logarithmic)
      : least_(least), most_(most), is_logarithmic_(is_logarithmic) {}
  void add_ticks(double step);

  double least_;
  double most_;
  bool is_logarithmic_;
  std::vector<PlotTick> ticks_;
};

}  // namespace mailrace::tools
