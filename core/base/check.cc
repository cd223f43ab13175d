// SPDX-License-Identifier: GPL-3.0-or-later
// The end of the line for our own mistakes.
#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace mailrace::core {

void check_failed(const char* file, int line, const char* expression) noexcept {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace mailrace::core
