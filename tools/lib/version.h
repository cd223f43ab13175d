// SPDX-License-Identifier: GPL-3.0-or-later
// What this program is made of.
#pragma once

#include <optional>
#include <string>

namespace mailrace::tools {

/// A few lines: version, compiler, libraries, chosen kernels.
std::string version_text();

/// What is wrong with MAILRACE_KERNEL; nothing if it is not set or names a kernel that runs here.
std::optional<std::string> unusable_kernel();

}  // namespace mailrace::tools
