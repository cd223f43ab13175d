// SPDX-License-Identifier: GPL-3.0-or-later
// The flag table of `mailrace load`: parser, --help, config file and README follow it.
#pragma once

#include "tools/lib/flags.h"
#include "tools/load/options.h"

#include <string>
#include <vector>

namespace mailrace::tools {

/// The rows of the flag table; they set `options`, which must outlive them.
std::vector<Flag> load_flags(LoadOptions& options);

/// The present values of a flag as one text, with ", " between them.
std::string flag_values_text(const Flag& flag);

}  // namespace mailrace::tools
