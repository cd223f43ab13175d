// SPDX-License-Identifier: GPL-3.0-or-later
// A plot as inline SVG: two axes, and lines, bars and marks between them. Colours are of classes
// that the page gives them: s1 to s5 for series, and grid, axis, hint, shade, mark.
#pragma once

#include "tools/load/plot_axis.h"

#include <span>
#include <string>
#include <string_view>

namespace mailrace::tools {

/// y may be NaN: nothing is drawn there, and a line goes on behind it.
struct PlotPoint {
  double x = 0.0;
  double y = 0.0;
};

struct PlotBar {
  double from = 0.0;
  double to = 0.0;
  double height = 0.0;
};

/// Things are drawn in the order in which they are added. All text is escaped here.
class SvgPlot {
 public:
  /// title            for those who do not see it
  /// x_title, y_title what the axes show, with their unit
  SvgPlot(std::string_view title, PlotAxis x, PlotAxis y, std::string_view x_title,
          std::string_view y_title);

  /// A part of the x axis that is not like the others.
  void add_shade(double from, double to, std::string_view label);
  /// points   in order of x; one that stands alone is a dot
  /// style    classes: "s1", "s2 dashed"
  void add_line(std::span<const PlotPoint> points, std::string_view style);
  void add_dots(std::span<const PlotPoint> points, std::string_view style);
  void add_bars(std::span<const PlotBar> bars, std::string_view style);
  /// A vertical line with a label.
  void add_mark(double x, std::string_view label);
  /// What a pointer over this part of the x axis gets to read; lines are those of `text`.
  void add_hint(double from, double to, std::string_view text);

  /// The whole element.
  std::string text() const;

 private:
  double x_of(double value) const noexcept;
  double y_of(double value) const noexcept;
  void draw_axes();

  PlotAxis x_;
  PlotAxis y_;
  std::string head_;
  std::string body_;
  std::string hints_;  // above all else
};

}  // namespace mailrace::tools
