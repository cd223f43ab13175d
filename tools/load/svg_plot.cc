// SPDX-License-Identifier: GPL-3.0-or-later
// Coordinates are in a box of fixed size; the page scales it.
#include "tools/load/svg_plot.h"

#include "tools/lib/formatted.h"
#include "tools/lib/markup.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr double kWidth = 640;
constexpr double kHeight = 300;
constexpr double kLeft = 62;
constexpr double kRight = 34;
constexpr double kTop = 26;
constexpr double kBottom = 44;
constexpr double kInnerWidth = kWidth - kLeft - kRight;
constexpr double kInnerHeight = kHeight - kTop - kBottom;
constexpr double kBase = kTop + kInnerHeight;
constexpr double kTickLabelGap = 7;

std::string label(double x, double y, const char* style, std::string_view text) {
  return formatted("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, style) +
         escaped_markup(text) + "</text>";
}

std::string straight(double x1, double y1, double x2, double y2, const char* style) {
  return formatted("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>", x1, y1,
                   x2, y2, style);
}

std::string box(double x, double y, double width, double height, std::string_view style) {
  return formatted("<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" class=\"", x, y,
                   std::max(width, 0.0), std::max(height, 0.0)) +
         escaped_markup(style) + "\"";
}

}  // namespace

SvgPlot::SvgPlot(std::string_view title, PlotAxis x, PlotAxis y, std::string_view x_title,
                 std::string_view y_title)
    : x_(std::move(x)), y_(std::move(y)) {
  head_ = formatted("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", kWidth, kHeight) +
          escaped_markup(title) + "\">";
  draw_axes();
  head_ += label(kLeft + kInnerWidth / 2, kHeight - 6, "title", x_title) +
           label(kLeft - 50, kTop - 12, "title start", y_title);
}

double SvgPlot::x_of(double value) const noexcept { return kLeft + x_.place(value) * kInnerWidth; }

double SvgPlot::y_of(double value) const noexcept { return kBase - y_.place(value) * kInnerHeight; }

void SvgPlot::draw_axes() {
  for (const PlotTick& tick : y_.ticks()) {
    const double y = y_of(tick.value);
    head_ += straight(kLeft, y, kLeft + kInnerWidth, y, "grid") +
             label(kLeft - kTickLabelGap, y + 4, "tick end", tick.label);
  }
  for (const PlotTick& tick : x_.ticks()) {
    const double x = x_of(tick.value);
    head_ +=
        straight(x, kBase, x, kBase + 4, "axis") + label(x, kBase + 17, "tick middle", tick.label);
  }
  head_ += straight(kLeft, kBase, kLeft + kInnerWidth, kBase, "axis");
}

void SvgPlot::add_shade(double from, double to, std::string_view text) {
  const double begin = x_of(from);
  body_ += box(begin, kTop, x_of(to) - begin, kInnerHeight, "shade") + "/>" +
           label(begin + 4, kTop + 12, "note start", text);
}

void SvgPlot::add_line(std::span<const PlotPoint> points, std::string_view style) {
  const auto is_there = [&](size_t index) {
    return index < points.size() && std::isfinite(points[index].y);
  };
  std::string path;
  std::vector<PlotPoint> alone;
  for (size_t index = 0; index < points.size(); ++index) {
    if (!is_there(index)) continue;
    const bool goes_on = index > 0 && is_there(index - 1);
    if (!goes_on && !is_there(index + 1)) alone.push_back(points[index]);
    path +=
        formatted("%c%.1f %.1f", goes_on ? 'L' : 'M', x_of(points[index].x), y_of(points[index].y));
  }
  if (!path.empty()) {
    body_ += "<path class=\"line " + escaped_markup(style) + "\" d=\"" + path + "\"/>";
  }
  add_dots(alone, style);
}

void SvgPlot::add_dots(std::span<const PlotPoint> points, std::string_view style) {
  for (const PlotPoint& point : points) {
    if (!std::isfinite(point.y)) continue;
    body_ += formatted("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" class=\"dot ", x_of(point.x),
                       y_of(point.y)) +
             escaped_markup(style) + "\"/>";
  }
}

void SvgPlot::add_bars(std::span<const PlotBar> bars, std::string_view style) {
  for (const PlotBar& bar : bars) {
    const double begin = x_of(bar.from);
    const double top = y_of(bar.height);
    body_ += box(begin, top, x_of(bar.to) - begin, kBase - top, "bar " + std::string(style)) + "/>";
  }
}

void SvgPlot::add_mark(double x, std::string_view text) {
  const double at = x_of(x);
  const bool is_right = at > kLeft + kInnerWidth / 2;
  body_ += straight(at, kTop, at, kBase, "mark") +
           label(is_right ? at - 5 : at + 5, kTop + 12, is_right ? "note end" : "note start", text);
}

void SvgPlot::add_hint(double from, double to, std::string_view text) {
  const double begin = x_of(from);
  hints_ += box(begin, kTop, x_of(to) - begin, kInnerHeight, "hint") + "><title>" +
            escaped_markup(text) + "</title></rect>";
}

std::string SvgPlot::text() const { return head_ + body_ + hints_ + "</svg>\n"; }

}  // namespace mailrace::tools
