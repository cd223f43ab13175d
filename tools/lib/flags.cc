// SPDX-License-Identifier: GPL-3.0-or-later
// The only file that includes CLI11: it takes some 18 s to compile. CLI11 splits the command line;
// everything that the four sources share (checks, messages, precedence) is done here.
#include "tools/lib/flags.h"

#include "core/base/check.h"
#include "tools/lib/config_file.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_text.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace mailrace::tools {
namespace {

/// A mistake of the user, as the message without "mailrace serve: ".
struct UsageError {
  std::string message;
};
/// --help was given.
struct HelpWanted {};

using Values = std::vector<std::string>;

/// The command line, taken apart.
struct CommandLine {
  std::map<std::string, Values> values;  // by long name; absent if not given
  Values positionals;                    // in order
};

const Flag* find_named(std::span<const Flag> flags, std::string_view name) {
  const auto at = std::find_if(flags.begin(), flags.end(), [&](const Flag& flag) {
    return !flag.positional && flag.name == name;
  });
  return at == flags.end() ? nullptr : &*at;
}

/// All names that may follow --.
Values known_names(std::span<const Flag> flags) {
  Values names;
  for (const std::span<const Flag> rows : {flags, builtin_flags()}) {
    for (const Flag& flag : rows) {
      if (flag.positional) continue;
      names.push_back(flag.name);
      if (flag.negatable) names.push_back("no-" + flag.name);
    }
  }
  return names;
}

/// CLI11 takes the next argument as the value of "--name=", and ends silently at "++".
Values prepared(const Values& arguments) {
  Values out;
  bool only_positionals = false;
  for (const std::string& argument : arguments) {
    if (argument == "++") throw UsageError{"unexpected argument '++'"};
    only_positionals = only_positionals || argument == "--";
    const bool empty_value = !only_positionals && argument.size() > 3 &&
                             argument.starts_with("--") &&
                             argument.find('=') == argument.size() - 1;
    out.push_back(empty_value ? argument.substr(0, argument.size() - 1) : argument);
    if (empty_value) out.emplace_back();
  }
  return out;
}

/// What CLI11 did not know: unknown flags, or arguments without a name.
Values take_positionals(const Values& remaining, const Values& known) {
  Values positionals;
  bool only_positionals = false;
  for (const std::string& argument : remaining) {
    if (!only_positionals && argument == "--") {
      only_positionals = true;
    } else if (!only_positionals && argument.size() > 1 && argument.front() == '-') {
      const std::string flag = argument.substr(0, argument.find('='));
      const auto near = nearest(flag.substr(flag.starts_with("--") ? 2 : 1), known);
      throw UsageError{
          "unknown flag " + in_quotes(flag) +
          (near.empty() ? "; see --help" : "; did you mean --" + std::string(near) + "?")};
    } else {
      positionals.push_back(argument);
    }
  }
  return positionals;
}

CommandLine split_command_line(std::span<const Flag> flags, const Values& arguments) {
  CLI::App app;
  app.set_help_flag("-h,--help");
  app.allow_extras();
  std::map<std::string, CLI::Option*> options;
  for (const std::span<const Flag> rows : {flags, builtin_flags()}) {
    for (const Flag& flag : rows) {
      if (flag.positional || flag.name == "help") continue;
      const std::string name = "--" + flag.name;
      const bool toggle = flag.kind == FlagKind::toggle;
      const std::string both = flag.negatable ? name + ",!--no-" + flag.name : name;
      CLI::Option* const option = toggle ? app.add_flag(both) : app.add_option(name);
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
      MAILRACE_CHECK(options.emplace(flag.name, option).second);
    }
  }

  CommandLine line;
  try {
    Values reversed = prepared(arguments);
    std::reverse(reversed.begin(), reversed.end());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    throw HelpWanted{};
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string what = error.what();
    throw UsageError{what.substr(0, what.find(':')) + ": a value is missing"};
  } catch (const CLI::Error& error) {
    throw UsageError{in_quotes(error.what())};
  }
  line.positionals = take_positionals(app.remaining(), known_names(flags));
  for (const auto& [name, option] : options) {
    const Values& values = option->results();
    if (values.empty()) continue;
    // CLI11 lets a flag swallow the next one; nothing we take begins with two hyphens.
    for (const std::string& value : values) {
      if (value.starts_with("--")) {
        throw UsageError{"--" + name + ": a value is missing before " + in_quotes(value)};
      }
    }
    const Flag* const own = find_named(flags, name);
    if (values.size() > 1 && (own == nullptr || !own->repeatable)) {
      throw UsageError{"--" + name + " is given " + std::to_string(values.size()) +
                       " times, once is allowed"};
    }
    line.values.emplace(name, values);
  }
  return line;
}

void set_one(const Flag& flag, std::string_view value, const std::string& source) {
  const auto refused = flag.set(value);
  if (refused) throw UsageError{source + ": " + not_allowed(flag, value, *refused)};
}

using Sources = std::map<std::string, std::string>;

void set_all(const Flag& flag, const Values& values, const std::string& source, Sources& sources) {
  sources[flag.name] = source;
  if (flag.repeatable) flag.clear();
  for (const std::string& value : values) set_one(flag, value, source);
}

// --- config file ---------------------------------------------------------------------------------

std::string type_expected(const Flag& flag) {
  switch (flag.kind) {
    case FlagKind::text:
      return "a text in quotes is needed";
    case FlagKind::number:
      return "a number is needed";
    case FlagKind::amount:
      return "a text in quotes or a number is needed";
    case FlagKind::toggle:
      return "true or false is needed, without quotes";
  }
  return "";
}

bool type_fits(const Flag& flag, ConfigType type) {
  switch (flag.kind) {
    case FlagKind::text:
      return type == ConfigType::text;
    case FlagKind::number:
      return type == ConfigType::integer;
    case FlagKind::amount:
      return type == ConfigType::text || type == ConfigType::integer;
    case FlagKind::toggle:
      return type == ConfigType::boolean;
  }
  return false;
}

void set_from_entry(const Flag& flag, const ConfigEntry& entry, const std::string& path,
                    Sources& sources) {
  const std::string source = at_position(path, entry.position) + ": " + entry.key;
  sources[flag.name] = source;
  if (entry.is_table) throw UsageError{source + ": a table is not allowed here"};
  if (entry.is_array && !flag.repeatable) {
    throw UsageError{source + ": an array is not allowed, " + type_expected(flag)};
  }
  if (flag.repeatable) flag.clear();
  for (const ConfigValue& value : entry.values) {
    // In a long array the position of the key would not help.
    const std::string where =
        entry.is_array ? at_position(path, value.position) + ": " + entry.key : source;
    if (!type_fits(flag, value.type)) {
      throw UsageError{where + ": " + not_allowed(flag, value.text, type_expected(flag))};
    }
    set_one(flag, value.text, where);
  }
}

void read_config(std::span<const Flag> flags, const std::string& path, std::string_view subcommand,
                 Sources& sources) {
  const std::string_view table = subcommand.substr(0, subcommand.find(' '));
  const auto entries = read_config_file(path, kSubcommands, table);
  if (!entries) throw UsageError{entries.error()};
  Values known;
  for (const Flag& flag : flags) {
    if (!flag.positional && !flag.is_config) known.push_back(flag.name);
  }
  for (const ConfigEntry& entry : *entries) {
    const Flag* const flag = find_named(flags, entry.key);
    if (flag != nullptr && !flag->is_config) {
      set_from_entry(*flag, entry, path, sources);
      continue;
    }
    if (entry.is_table) known.insert(known.end(), std::begin(kSubcommands), std::end(kSubcommands));
    const auto near = nearest(entry.key, known);
    throw UsageError{at_position(path, entry.position) + ": unknown " +
                     (entry.is_table ? "table " : "key ") + in_quotes(entry.key) +
                     (near.empty() ? "" : "; did you mean " + std::string(near) + "?")};
  }
}

// --- environment, positional arguments, what is missing ------------------------------------------

bool is_option(std::string_view piece) {
  const size_t equals = piece.find('=');
  constexpr std::string_view kNameOctets = "abcdefghijklmnopqrstuvwxyz-";
  return equals != 0 && equals != std::string_view::npos &&
         piece.find_first_not_of(kNameOctets) == equals;
}

/// Values between commas. An option stays with the value before it.
Values split_at_commas(std::string_view text, bool has_options) {
  Values pieces;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view piece = text.substr(0, comma);
    if (has_options && !pieces.empty() && is_option(piece)) {
      pieces.back().append(",").append(piece);
    } else {
      pieces.emplace_back(piece);
    }
    if (comma == std::string_view::npos) return pieces;
    text.remove_prefix(comma + 1);
  }
}

void read_environment(std::span<const Flag> flags, const Environment& environment,
                      Sources& sources) {
  for (const Flag& flag : flags) {
    if (flag.positional) continue;
    const std::string name = environment_name(flag.name);
    const auto value = environment(name);
    if (!value || value->empty()) continue;
    set_all(flag, flag.repeatable ? split_at_commas(*value, flag.has_options) : Values{*value},
            "environment " + name, sources);
  }
}

void take_arguments(std::span<const Flag> flags, const CommandLine& line, Sources& sources) {
  for (const auto& [name, values] : line.values) {
    const Flag* const flag = find_named(flags, name);
    if (flag != nullptr) set_all(*flag, values, "--" + name, sources);
  }
  size_t next = 0;
  for (const Flag& flag : flags) {
    if (!flag.positional || next == line.positionals.size()) continue;
    const size_t end = flag.repeatable ? line.positionals.size() : next + 1;
    const auto begin = line.positionals.begin();
    set_all(flag, Values(begin + static_cast<ptrdiff_t>(next), begin + static_cast<ptrdiff_t>(end)),
            flag.name, sources);
    next = end;
  }
  if (next < line.positionals.size()) {
    throw UsageError{"unexpected argument " + in_quotes(line.positionals[next])};
  }
}

void check_required(std::span<const Flag> flags) {
  for (const Flag& flag : flags) {
    if (!flag.required) continue;
    const Values values = flag.get();
    if (!values.empty() && !values.front().empty()) continue;
    throw UsageError{flag.positional
                         ? flag.name + " is missing; see --help"
                         : "--" + flag.name + " is missing (or " + environment_name(flag.name) +
                               ", or " + flag.name + " in the config file)"};
  }
}

/// Sets everything; returns the text of --print-config if that is what was asked for.
std::optional<std::string> apply_sources(std::string_view subcommand, std::span<const Flag> flags,
                                         const Values& arguments, const Environment& environment,
                                         ParseResult& result) {
  const CommandLine line = split_command_line(flags, arguments);
  const auto file_named = [&](const std::string& name) {
    const auto given = line.values.find(name);
    return given != line.values.end() ? given->second.front()
                                      : environment(environment_name(name)).value_or("");
  };
  result.config = file_named("config");
  if (!result.config.empty()) read_config(flags, result.config, subcommand, result.sources);
  for (const Flag& flag : flags) {
    if (!flag.is_config) continue;
    const std::string file = file_named(flag.name);
    if (!file.empty()) read_config(flags, file, subcommand, result.sources);
  }
  read_environment(flags, environment, result.sources);
  take_arguments(flags, line, result.sources);
  const bool non_default = line.values.contains("non-default");
  if (line.values.contains("print-config")) return print_config(flags, non_default);
  if (non_default) throw UsageError{"--non-default goes with --print-config only"};
  check_required(flags);
  return std::nullopt;
}

}  // namespace

ParseResult parse_arguments(std::string_view subcommand, std::string_view summary,
                            std::span<const Flag> flags, const std::vector<std::string>& arguments,
                            const Environment& environment) {
  ParseResult result;
  try {
    const auto config = apply_sources(subcommand, flags, arguments, environment, result);
    result.outcome = {!config.has_value(), kExitOk};
    result.out = config.value_or("");
  } catch (const HelpWanted&) {
    result.outcome = {false, kExitOk};
    result.out = help_text(subcommand, summary, flags);
  } catch (const UsageError& error) {
    result.outcome = {false, kExitUsage};
    result.err = "mailrace " + std::string(subcommand) + ": " + error.message + "\n";
  }
  return result;
}

ParseOutcome parse_flags(std::string_view subcommand, std::string_view summary,
                         std::span<const Flag> flags, int argc, const char* const* argv) {
  const Values arguments(argv + std::min(argc, 1), argv + argc);
  const Environment environment = [](const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return say_result(parse_arguments(subcommand, summary, flags, arguments, environment));
}

ParseOutcome say_result(const ParseResult& result) {
  std::fwrite(result.err.data(), 1, result.err.size(), stderr);
  const bool written =
      std::fwrite(result.out.data(), 1, result.out.size(), stdout) == result.out.size() &&
      std::fflush(stdout) == 0;
  if (!written) return {false, kExitFailure};
  return result.outcome;
}

}  // namespace mailrace::tools
