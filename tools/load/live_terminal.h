// SPDX-License-Identifier: GPL-3.0-or-later
// Lines on stderr that are drawn over themselves.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace mailrace::tools {

/// Changes no mode of the terminal: wherever the process ends, there is nothing to restore, and the
/// last view stays above what is printed next.
class LiveTerminal {
 public:
  /// Whether stderr is a terminal that can move its cursor.
  static bool is_there();

  /// Columns and rows as of now; 80 and 24 if the terminal does not say.
  size_t columns() const;
  size_t rows() const;
  /// Whether the locale of the environment is one of UTF-8.
  static bool is_utf8();

  /// Draws over what was drawn last, as many lines as there is room for.
  void draw(const std::vector<std::string>& lines);
  /// What is drawn next goes below what is there.
  void leave() { drawn_ = 0; }

 private:
  size_t drawn_ = 0;  // lines, above the cursor
};

}  // namespace mailrace::tools
