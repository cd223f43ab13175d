// SPDX-License-Identifier: GPL-3.0-or-later
// ECMA-48: cursor up, erase to the end of the line.
#include "tools/load/live_terminal.h"

#include "core/base/text.h"
#include "tools/lib/formatted.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace mailrace::tools {
namespace {

constexpr size_t kColumnsDefault = 80;
constexpr size_t kRowsDefault = 24;

winsize size_of_terminal() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  return size;
}

}  // namespace

bool LiveTerminal::is_there() {
  const char* const kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

bool LiveTerminal::is_utf8() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    const std::string_view set = locale.substr(std::min(locale.find('.'), locale.size()));
    return core::equal_ignoring_case(set.substr(0, 6), ".utf-8") ||
           core::equal_ignoring_case(set.substr(0, 5), ".utf8");
  }
  return false;
}

size_t LiveTerminal::columns() const {
  const size_t columns = size_of_terminal().ws_col;
  return columns > 0 ? columns : kColumnsDefault;
}

size_t LiveTerminal::rows() const {
  const size_t rows = size_of_terminal().ws_row;
  return rows > 0 ? rows : kRowsDefault;
}

void LiveTerminal::draw(const std::vector<std::string>& lines) {
  std::string text;
  if (drawn_ > 0) text += formatted("\x1b[%zuA", drawn_);
  // The cursor goes below the last line.
  drawn_ = std::min(lines.size(), std::max<size_t>(rows(), 2) - 1);
  for (size_t index = 0; index < drawn_; ++index) text += "\r" + lines[index] + "\x1b[K\n";
  text += "\x1b[J";
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace mailrace::tools
