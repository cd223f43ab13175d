// SPDX-License-Identifier: GPL-3.0-or-later
// One table of rows per subcommand: parser, --help, environment, config file and README follow.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// How the values of a flag are written in a config file.
enum class FlagKind : uint8_t {
  text,    // name = "text"
  number,  // name = 4
  amount,  // name = "64MiB": a number with a unit; a bare integer is read as well
  toggle,  // name = true; on the command line a switch without a value
};

/// One row: a flag, or an argument without a name. Made by the functions of flag_values.h.
struct Flag {
  std::string name;        // long name without --; of a positional argument, what help calls it
  std::string value_name;  // "ADDR:PORT"; empty for a toggle
  std::string help;        // one sentence without full stop
  std::string allowed;     // "0 to 1024; 0 means all cores"; empty: nothing worth saying
  FlagKind kind = FlagKind::text;
  bool repeatable = false;   // several values; set() appends, clear() empties
  bool has_options = false;  // a value may go on with ,NAME=VALUE
  bool negatable = false;    // a toggle with --no-name besides --name
  bool positional = false;  // on the command line only, in table order; a repeatable one comes last
  bool required = false;
  bool is_config = false;  // its value is a config file; not to be given in one

  /// Takes one value. Returns nothing, or why not: a few words, or "" if `allowed` says it all.
  std::function<std::optional<std::string>(std::string_view)> set;
  std::function<void()> clear;                    // repeatable rows only
  std::function<std::vector<std::string>()> get;  // value(s) as set() reads them
  std::vector<std::string> defaults;              // get() when the row was made
};

/// What to do after parsing.
struct ParseOutcome {
  bool proceed = false;  // the flags are set, go on; otherwise return exit_code
  int exit_code = 0;
};

/// The first words of all subcommands: tables that a config file may have.
inline constexpr std::string_view kSubcommands[] = {"serve", "relay", "spool", "map",
                                                    "load",  "sink",  "top"};

/// Sets the targets of `flags`: command line > environment > config file > what they are now. The
/// file of a config_flag() is over the config file.
/// Every flag NAME-X has the variable MAILRACE_NAME_X (not set and empty are the same; values of
/// repeatable flags are separated by commas, and with has_options ,NAME=VALUE belongs to the value
/// before it) and the key name-x, at the top of the file or in the table of the subcommand, which
/// wins. A source replaces all values of a lower one; all are checked. Adds --config FILE (also
/// MAILRACE_CONFIG), --print-config, --non-default and -h, --help.
///
/// subcommand  "serve", "spool list": for messages; its first word names the config file's table
/// summary     one sentence for --help, without full stop
/// flags       the table; targets are unspecified if the outcome is not `proceed`
/// argc, argv  as for main(); argv[0] is skipped
/// returns     not to proceed after --help and --print-config (kExitOk, text on stdout) and after
///             a mistake (kExitUsage, exactly one line on stderr, naming source, flag and value)
ParseOutcome parse_flags(std::string_view subcommand, std::string_view summary,
                         std::span<const Flag> flags, int argc, const char* const* argv);

/// Value of an environment variable, or nothing.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

struct ParseResult {
  ParseOutcome outcome;
  std::string out;     // for stdout
  std::string err;     // for stderr: empty, or one line with its end
  std::string config;  // the config file that was read; empty: none
  /// By name of a flag, as messages have it, where its value comes from: "FILE:3:1: workers",
  /// "environment MAILRACE_WORKERS", "--workers". Flags with their defaults are not in it.
  std::map<std::string, std::string> sources = {};
};

/// Writes what is to be said to stdout and stderr. returns   what to do then
ParseOutcome say_result(const ParseResult& result);

/// parse_flags() on given arguments (without argv[0]) and environment, for tests and tools.
ParseResult parse_arguments(std::string_view subcommand, std::string_view summary,
                            std::span<const Flag> flags, const std::vector<std::string>& arguments,
                            const Environment& environment);

}  // namespace mailrace::tools
