// SPDX-License-Identifier: GPL-3.0-or-later
// A flag table as text: --help, --print-config, the README's table, and parts of messages.
#pragma once

#include "tools/lib/flags.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// The rows that every subcommand has after its own: config, print-config, non-default, help. They
/// have no set() and get(); parse_arguments() looks at them itself.
std::span<const Flag> builtin_flags();

/// What --help prints: usage, then all rows in table order with defaults, <= 100 columns where
/// words allow.
std::string help_text(std::string_view subcommand, std::string_view summary,
                      std::span<const Flag> flags);

/// The present values as lines `name = value` that a config file takes back; positional arguments
/// are left out.
///
/// non_default_only  only rows whose value is not the default
std::string print_config(std::span<const Flag> flags, bool non_default_only);

/// The rows as a Markdown table: flag, default, meaning.
std::string markdown_table(std::span<const Flag> flags);

/// MAILRACE_WORKERS for "workers".
std::string environment_name(std::string_view flag_name);

/// Text in single quotes for a one-line message: control octets as \xNN, cut after 100 octets.
std::string in_quotes(std::string_view text);

/// How many octets must be inserted, removed or replaced to make `b` of `a`.
size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `name`; empty if none is near enough to be meant.
std::string_view nearest(std::string_view name, std::span<const std::string> candidates);

/// "'x' is not allowed (why; allowed: ...)".
///
/// reason   what Flag::set() returned
std::string not_allowed(const Flag& flag, std::string_view value, std::string_view reason);

}  // namespace mailrace::tools
