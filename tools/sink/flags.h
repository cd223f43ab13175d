// SPDX-License-Identifier: GPL-3.0-or-later
// The flag table of `mailrace sink`: parser, --help, config file and README follow it.
#pragma once

#include "tools/lib/flags.h"
#include "tools/sink/options.h"

#include <vector>

namespace mailrace::tools {

/// The rows of the flag table; they set `options`, which must outlive them.
std::vector<Flag> sink_flags(SinkOptions& options);

/// What is wrong with flags together that no row can see: one line, or empty.
std::string sink_flags_conflict(const SinkOptions& options);

}  // namespace mailrace::tools
