// SPDX-License-Identifier: GPL-3.0-or-later
// What may change while a server runs, and what a worker gets of it.
#pragma once

#include "net/settings.h"
#include "tools/serve/options.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// Whether a running server can take another value of a flag.
/// flag   by name, without --
bool is_reloadable(std::string_view flag);

/// Flags whose values differ, by name, in the order of the table.
std::vector<std::string> changed_flags(ServeOptions before, ServeOptions now);

/// The first of changed flags that only another start can take.
/// returns   one line that names it, and says so; or nothing: there is none
std::optional<std::string> needs_restart(const std::vector<std::string>& changed);

/// A message with the place in the config file or the variable that its flag has its value from.
/// line      "--workers: what is wrong"
/// sources   as ParseResult has them
/// returns   "FILE:3:1: workers: what is wrong"; as it was if nobody has given the flag
std::string at_source(std::string line, const std::map<std::string, std::string>& sources);

/// For one worker, of options that were checked.
std::shared_ptr<net::Settings> make_settings(const ServeOptions& options);

}  // namespace mailrace::tools
