// SPDX-License-Identifier: GPL-3.0-or-later
// What is to be done between the flags and the run.
#pragma once

#include "tools/load/id_writer.h"
#include "tools/load/options.h"

#include <optional>
#include <string>

namespace mailrace::tools {

/// Checks options that are each right together, reads the mails that are to be sent, and opens the
/// file for ids.
///
/// options   get what was read, and `ids` if it is open
/// returns   nothing, or one line that names the flag and what is wrong
std::optional<std::string> prepare_load(LoadOptions& options, LoadIdWriter& ids);

}  // namespace mailrace::tools
