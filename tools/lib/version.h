// SPDX-License-Identifier: GPL-3.0-or-later
// What this program is made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mailrace::tools {

/// Of the program, as in "1.2.3".
std::string_view version_number();

/// A few lines: version, compiler, libraries, chosen kernels.
std::string version_text();

/// What is wrong with MAILRACE_KERNEL; nothing if it is not set or names a kernel that runs here.
std::optional<std::string> unusable_kernel();

}  // namespace mailrace::tools
