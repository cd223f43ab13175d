// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

namespace mailrace::tools {

/// As printf(3) writes it, into a string.
///
/// text   a format; the result is cut behind 255 octets
__attribute__((format(printf, 1, 2))) std::string formatted(const char* text, ...);

}  // namespace mailrace::tools
