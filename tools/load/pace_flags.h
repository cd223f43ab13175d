// SPDX-License-Identifier: GPL-3.0-or-later
// The part of the flag table of `mailrace load` about rates, ramps and repeated runs.
#pragma once

#include "tools/lib/flags.h"
#include "tools/load/options.h"

#include <string>
#include <vector>

namespace mailrace::tools {

/// Adds its rows to `flags`; they set `options`, which must outlive them.
void add_pace_flags(std::vector<Flag>& flags, LoadOptions& options);

/// What of the options cannot stand beside each other: one line that names the flags, or nothing.
std::string contradiction_in(const LoadOptions& options);

}  // namespace mailrace::tools
