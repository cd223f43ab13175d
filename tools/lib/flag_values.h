// SPDX-License-Identifier: GPL-3.0-or-later
// Rows of a flag table by the type of their target: numbers, sizes, durations, choices, text.
#pragma once

#include "core/base/check.h"
#include "core/base/time.h"
#include "tools/lib/flags.h"

#include <tl/expected.hpp>

#include <algorithm>
#include <concepts>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mailrace::tools {

/// A value, or a few words on why the text is none.
template <class T>
using FromText = tl::expected<T, std::string>;

/// "4096", "64KiB", "25MB", "1G". K M G T and KiB MiB GiB TiB count in 1024, KB MB GB TB in 1000;
/// letters in any case, a final B alone is fine. No fractions.
FromText<uint64_t> parse_bytes(std::string_view text);
/// The shortest exact text in 1024s that parse_bytes() reads: "64MiB", "1000".
std::string format_bytes(uint64_t bytes);

/// "250us", "5ms", "30s", "5m", "2h", "0". Only 0 may stand without a unit. No fractions.
FromText<core::Duration> parse_duration(std::string_view text);
/// The shortest exact text that parse_duration() reads; negative durations are not for it.
std::string format_duration(core::Duration duration);

/// Inclusive bounds, and what to say of special values ("0 means all cores").
struct Range {
  uint64_t min = 0;
  uint64_t max = 0;
  std::string note = "";
  bool or_zero = false;  // 0 is fine too, although it is below min; for number_flag()
};
struct DurationRange {
  core::Duration min;
  core::Duration max;
  std::string note = "";
};

/// What is acceptable as text, beyond UTF-8 without control characters.
struct TextRule {
  std::string allowed;                               // for messages and help
  std::function<bool(std::string_view)> is_allowed;  // none: everything that is not empty
  /// Instead of is_allowed: as Flag::set().
  std::function<std::optional<std::string>(std::string_view)> why_not = {};
};

using NumberSetter = std::function<void(uint64_t)>;
using NumberGetter = std::function<uint64_t()>;
Flag make_number_flag(std::string name, std::string value_name, std::string help,
                      const Range& range, const NumberSetter& set, const NumberGetter& get);

/// Decimal integer. Requires: range.max fits T and an int64_t, which is what TOML can say.
template <std::unsigned_integral T>
Flag number_flag(std::string name, T* target, std::string value_name, const Range& range,
                 std::string help) {
  MAILRACE_CHECK(range.max <= std::numeric_limits<T>::max());
  return make_number_flag(
      std::move(name), std::move(value_name), std::move(help), range,
      [target](uint64_t value) { *target = static_cast<T>(value); }, [target] { return *target; });
}

/// A value of any type that has a text. In a config file a bare integer is read as well.
///
/// parse, format   text to value, or why not; and back
template <class T, class Parse, class Format>
Flag value_flag(std::string name, T* target, std::string value_name, std::string allowed,
                std::string help, Parse parse, Format format) {
  Flag flag;
  flag.name = std::move(name);
  flag.value_name = std::move(value_name);
  flag.help = std::move(help);
  flag.allowed = std::move(allowed);
  flag.kind = FlagKind::amount;
  flag.set = [target, parse](std::string_view text) -> std::optional<std::string> {
    FromText<T> value = parse(text);
    if (!value) return value.error();
    *target = *std::move(value);
    return std::nullopt;
  };
  flag.get = [target, format] { return std::vector<std::string>{format(*target)}; };
  flag.defaults = flag.get();
  return flag;
}

/// A size in octets, see parse_bytes().
Flag bytes_flag(std::string name, uint64_t* target, const Range& range, std::string help);

/// A span of time, see parse_duration().
Flag duration_flag(std::string name, core::Duration* target, const DurationRange& range,
                   std::string help);

/// One name of a fixed list.
using ChoiceNames = std::vector<std::string>;
Flag make_choice_flag(std::string name, std::string value_name, std::string help, ChoiceNames names,
                      const NumberSetter& set, const NumberGetter& get);

/// One of `choices`, by name. Requires: *target is one of them.
template <class E>
Flag choice_flag(std::string name, E* target, std::string value_name,
                 std::vector<std::pair<std::string, E>> choices, std::string help) {
  ChoiceNames names;
  for (const auto& choice : choices) names.push_back(choice.first);
  auto set = [target, choices](uint64_t index) { *target = choices[index].second; };
  auto get = [target, choices] {
    const auto at = std::find_if(choices.begin(), choices.end(),
                                 [&](const auto& choice) { return choice.second == *target; });
    return static_cast<uint64_t>(at - choices.begin());
  };
  return make_choice_flag(std::move(name), std::move(value_name), std::move(help), std::move(names),
                          set, get);
}

/// Text. An empty value is accepted if the default is empty: it means "not given".
Flag text_flag(std::string name, std::string* target, std::string value_name, std::string help,
               const TextRule& rule = {});

/// Any number of texts, none of them empty.
Flag list_flag(std::string name, std::vector<std::string>* target, std::string value_name,
               std::string help, const TextRule& rule = {});

/// The row with Flag::has_options.
Flag with_options(Flag flag);

/// --name. In the environment: true, false, 1 or 0.
Flag switch_flag(std::string name, bool* target, std::string help);

/// --name and --no-name.
Flag negatable_flag(std::string name, bool* target, std::string help);

/// A flag whose value is a config file more: its keys are over those of --config, and under the
/// environment.
Flag config_flag(std::string name, std::string* target, std::string help);

/// A flag that must be given by one of the sources.
Flag required(Flag flag);

/// The same row as an argument without a name; help and messages call it by its name.
Flag positional(Flag flag);

}  // namespace mailrace::tools
