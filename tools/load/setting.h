// SPDX-License-Identifier: GPL-3.0-or-later
// How something was measured: for who compares it with something else.
#pragma once

#include "tools/load/options.h"

#include <string>

namespace mailrace::tools {

/// All flags by name, each with the text that it takes; several values with commas between them.
std::string flags_json(const LoadOptions& options);

/// The machine that this runs on.
std::string machine_json();

}  // namespace mailrace::tools
