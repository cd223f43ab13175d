// SPDX-License-Identifier: GPL-3.0-or-later
// The part of the flag table that says which mails are sent, to whom, and how.
#pragma once

#include "tools/lib/flags.h"
#include "tools/load/options.h"

#include <vector>

namespace mailrace::tools {

/// Appends the rows to `flags`; they set `options`, which must outlive them.
void add_scenario_flags(std::vector<Flag>& flags, LoadOptions& options);

}  // namespace mailrace::tools
