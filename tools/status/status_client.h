// SPDX-License-Identifier: GPL-3.0-or-later
// Asks the server that runs on a spool.
#pragma once

#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"

#include <tl/expected.hpp>

#include <string>
#include <string_view>

namespace mailrace::tools {

/// Asks once, and waits for a few seconds at most. question   as StatusService takes it
/// returns   the answer, or what is wrong, in one line
tl::expected<std::string, std::string> ask_server(const std::string& spool,
                                                  std::string_view question);

/// The flag --spool of those who ask.
Flag asked_spool_flag(std::string* spool);

}  // namespace mailrace::tools
