// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/lib/formatted.h"

#include <cstdarg>
#include <cstdio>

namespace mailrace::tools {

std::string formatted(const char* text, ...) {
  char buffer[256];
  std::va_list arguments;
  va_start(arguments, text);
  std::vsnprintf(buffer, sizeof buffer, text, arguments);
  va_end(arguments);
  return buffer;
}

}  // namespace mailrace::tools
