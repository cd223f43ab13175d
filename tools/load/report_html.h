// SPDX-License-Identifier: GPL-3.0-or-later
// A load run as a page: figures, plots, tables.
#pragma once

#include "core/base/time.h"
#include "tools/load/machine.h"
#include "tools/load/options.h"
#include "tools/load/report.h"

#include <span>
#include <string>

namespace mailrace::tools {

/// A whole HTML document that needs nothing else. Of several runs the one whose rate is the median
/// is shown, and all of them are in a table.
///
/// reports   at least one
/// ended     when the last of them did
std::string report_html(std::span<const LoadReport> reports, const LoadOptions& options,
                        const LoadMachine& machine, core::WallTime ended);

}  // namespace mailrace::tools
