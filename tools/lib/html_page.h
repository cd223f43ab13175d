// SPDX-License-Identifier: GPL-3.0-or-later
// A page of one file: its style is in it, and nothing is fetched from anywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// A table, row by row. All text is escaped here.
class HtmlTable {
 public:
  /// caption   above it; may be empty
  /// columns   their heads; may be none
  explicit HtmlTable(std::string_view caption, const std::vector<std::string>& columns = {});

  /// As many cells as columns; all but the first are aligned as numbers.
  void add(const std::vector<std::string>& cells, bool is_strong = false);
  bool is_empty() const noexcept { return rows_ == 0; }
  /// The whole element.
  std::string text() const { return html_ + "</table>\n"; }

 private:
  std::string html_;
  size_t rows_ = 0;
};

/// A whole document in UTF-8.
///
/// title   text
/// body    markup
std::string html_page(std::string_view title, std::string_view body);

}  // namespace mailrace::tools
