// SPDX-License-Identifier: GPL-3.0-or-later
// Text to value and back for every type of flag.
#include "tools/lib/flag_values.h"

#include "core/base/text.h"
#include "core/base/utf8.h"

#include <cstdint>
#include <optional>

namespace mailrace::tools {
namespace {

struct Unit {
  std::string_view name;  // lower case
  uint64_t factor;
};

constexpr uint64_t kKi = 1024;
constexpr uint64_t kKilo = 1000;
constexpr Unit kByteUnits[] = {
    {"b", 1},
    {"k", kKi},
    {"m", kKi* kKi},
    {"g", kKi* kKi* kKi},
    {"t", kKi* kKi* kKi* kKi},
    {"kib", kKi},
    {"mib", kKi* kKi},
    {"gib", kKi* kKi* kKi},
    {"tib", kKi* kKi* kKi* kKi},
    {"kb", kKilo},
    {"mb", kKilo* kKilo},
    {"gb", kKilo* kKilo* kKilo},
    {"tb", kKilo* kKilo* kKilo* kKilo},
};
// Best first for format_duration().
constexpr Unit kTimeUnits[] = {
    {"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000},
    {"ms", 1'000'000},        {"us", 1'000},         {"ns", 1},
};

struct Amount {
  uint64_t count;
  std::string_view unit;
};

FromText<Amount> split_amount(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = core::parse_decimal(text.substr(0, digits));
  if (digits == 0) return tl::unexpected(std::string("it does not begin with a number"));
  if (!count) return tl::unexpected(std::string("the number is too large"));
  return Amount{*count, text.substr(digits)};
}

FromText<uint64_t> scaled(Amount amount, uint64_t factor, uint64_t limit) {
  if (amount.count > limit / factor) {
    return tl::unexpected(std::string("the number is too large"));
  }
  return amount.count * factor;
}

/// True for UTF-8 without control characters; those of C1 are U+0080 to U+009F.
bool is_plain_text(std::string_view text) {
  if (!core::is_utf8(text)) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x20 || octet == 0x7f) return false;
    if (octet == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
  }
  return true;
}

std::string range_text(const std::string& min, const std::string& max, const std::string& note) {
  return min + " to " + max + (note.empty() ? "" : "; " + note);
}

Flag finished(Flag flag) {
  flag.defaults = flag.get();
  return flag;
}

std::optional<std::string> check_text(std::string_view value, const TextRule& rule) {
  if (value.empty()) return "it is empty";
  if (!is_plain_text(value)) return "it is not UTF-8 without control characters";
  if (rule.is_allowed && !rule.is_allowed(value)) return "";
  if (rule.why_not) return rule.why_not(value);
  return std::nullopt;
}

Flag make_toggle(std::string name, bool* target, std::string help) {
  Flag flag;
  flag.name = std::move(name);
  flag.help = std::move(help);
  flag.kind = FlagKind::toggle;
  flag.allowed = "true or false";
  flag.set = [target](std::string_view value) -> std::optional<std::string> {
    if (value != "true" && value != "false" && value != "1" && value != "0") return "";
    *target = value == "true" || value == "1";
    return std::nullopt;
  };
  flag.get = [target] { return std::vector<std::string>{*target ? "true" : "false"}; };
  return finished(std::move(flag));
}

}  // namespace

FromText<uint64_t> parse_bytes(std::string_view text) {
  const auto amount = split_amount(text);
  if (!amount) return tl::unexpected(amount.error());
  if (amount->unit.empty()) return amount->count;
  for (const Unit& unit : kByteUnits) {
    if (core::equal_ignoring_case(amount->unit, unit.name)) {
      return scaled(*amount, unit.factor, UINT64_MAX);
    }
  }
  return tl::unexpected(std::string("the unit is none of K M G T, KiB MiB GiB TiB, KB MB GB TB"));
}

std::string format_bytes(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes != 0 && bytes % kKi == 0 && unit + 1 < std::size(kUnits)) {
    bytes /= kKi;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kUnits[unit]);
}

FromText<core::Duration> parse_duration(std::string_view text) {
  const auto amount = split_amount(text);
  if (!amount) return tl::unexpected(amount.error());
  if (amount->unit.empty()) {
    if (amount->count == 0) return core::Duration{};
    return tl::unexpected(std::string("the unit is missing: us, ms, s, m or h"));
  }
  for (const Unit& unit : kTimeUnits) {
    if (amount->unit == unit.name) {
      const auto ns = scaled(*amount, unit.factor, INT64_MAX);
      if (!ns) return tl::unexpected(ns.error());
      return core::Duration{static_cast<int64_t>(*ns)};
    }
  }
  return tl::unexpected(std::string("the unit is none of us, ms, s, m, h"));
}

std::string format_duration(core::Duration duration) {
  MAILRACE_CHECK(duration.ns >= 0);
  const auto ns = static_cast<uint64_t>(duration.ns);
  if (ns == 0) return "0";
  for (const Unit& unit : kTimeUnits) {
    if (ns % unit.factor == 0) return std::to_string(ns / unit.factor) + std::string(unit.name);
  }
  return "0";  // not reached: ns divides everything
}

Flag make_number_flag(std::string name, std::string value_name, std::string help,
                      const Range& range, const NumberSetter& set, const NumberGetter& get) {
  MAILRACE_CHECK(range.min <= range.max);
  MAILRACE_CHECK(range.max <= static_cast<uint64_t>(INT64_MAX));
  Flag flag;
  flag.name = std::move(name);
  flag.value_name = std::move(value_name);
  flag.help = std::move(help);
  flag.allowed = (range.or_zero ? "0, or " : "") +
                 range_text(std::to_string(range.min), std::to_string(range.max), range.note);
  flag.kind = FlagKind::number;
  flag.set = [range, set](std::string_view text) -> std::optional<std::string> {
    const auto value = core::parse_decimal(text);
    if (!value || *value > range.max) return "";
    if (*value < range.min && !(range.or_zero && *value == 0)) return "";
    set(*value);
    return std::nullopt;
  };
  flag.get = [get] { return std::vector<std::string>{std::to_string(get())}; };
  return finished(std::move(flag));
}

Flag bytes_flag(std::string name, uint64_t* target, const Range& range, std::string help) {
  MAILRACE_CHECK(range.min <= range.max);
  Flag flag;
  flag.name = std::move(name);
  flag.value_name = "SIZE";
  flag.help = std::move(help);
  flag.allowed = range_text(format_bytes(range.min), format_bytes(range.max), range.note);
  flag.kind = FlagKind::amount;
  flag.set = [range, target](std::string_view text) -> std::optional<std::string> {
    const auto value = parse_bytes(text);
    if (!value) return value.error();
    if (*value < range.min || *value > range.max) return "";
    *target = *value;
    return std::nullopt;
  };
  flag.get = [target] { return std::vector<std::string>{format_bytes(*target)}; };
  return finished(std::move(flag));
}

Flag duration_flag(std::string name, core::Duration* target, const DurationRange& range,
                   std::string help) {
  MAILRACE_CHECK(range.min <= range.max);
  Flag flag;
  flag.name = std::move(name);
  flag.value_name = "DURATION";
  flag.help = std::move(help);
  flag.allowed = range_text(format_duration(range.min), format_duration(range.max), range.note);
  flag.kind = FlagKind::amount;
  flag.set = [range, target](std::string_view text) -> std::optional<std::string> {
    const auto value = parse_duration(text);
    if (!value) return value.error();
    if (*value < range.min || *value > range.max) return "";
    *target = *value;
    return std::nullopt;
  };
  flag.get = [target] { return std::vector<std::string>{format_duration(*target)}; };
  return finished(std::move(flag));
}

Flag make_choice_flag(std::string name, std::string value_name, std::string help, ChoiceNames names,
                      const NumberSetter& set, const NumberGetter& get) {
  MAILRACE_CHECK(!names.empty());
  MAILRACE_CHECK(get() < names.size());
  Flag flag;
  flag.name = std::move(name);
  flag.value_name = std::move(value_name);
  flag.help = std::move(help);
  for (size_t index = 0; index < names.size(); ++index) {
    flag.allowed += index == 0 ? "" : index + 1 == names.size() ? " or " : ", ";
    flag.allowed += names[index];
  }
  flag.set = [names, set](std::string_view value) -> std::optional<std::string> {
    const auto at = std::find(names.begin(), names.end(), value);
    if (at == names.end()) return "";
    set(static_cast<uint64_t>(at - names.begin()));
    return std::nullopt;
  };
  flag.get = [names, get] { return std::vector<std::string>{names[get()]}; };
  return finished(std::move(flag));
}

Flag text_flag(std::string name, std::string* target, std::string value_name, std::string help,
               const TextRule& rule) {
  Flag flag;
  flag.name = std::move(name);
  flag.value_name = std::move(value_name);
  flag.help = std::move(help);
  flag.allowed = rule.allowed;
  const bool may_be_empty = target->empty();
  flag.set = [target, rule, may_be_empty](std::string_view value) {
    auto refused = value.empty() && may_be_empty ? std::nullopt : check_text(value, rule);
    if (!refused) *target = value;
    return refused;
  };
  flag.get = [target] { return std::vector<std::string>{*target}; };
  return finished(std::move(flag));
}

Flag list_flag(std::string name, std::vector<std::string>* target, std::string value_name,
               std::string help, const TextRule& rule) {
  Flag flag;
  flag.name = std::move(name);
  flag.value_name = std::move(value_name);
  flag.help = std::move(help);
  flag.allowed = rule.allowed;
  flag.repeatable = true;
  flag.set = [target, rule](std::string_view value) {
    auto refused = check_text(value, rule);
    if (!refused) target->emplace_back(value);
    return refused;
  };
  flag.clear = [target] { target->clear(); };
  flag.get = [target] { return *target; };
  return finished(std::move(flag));
}

Flag switch_flag(std::string name, bool* target, std::string help) {
  return make_toggle(std::move(name), target, std::move(help));
}

Flag negatable_flag(std::string name, bool* target, std::string help) {
  Flag flag = make_toggle(std::move(name), target, std::move(help));
  flag.negatable = true;
  return flag;
}

Flag with_options(Flag flag) {
  flag.has_options = true;
  return flag;
}

Flag config_flag(std::string name, std::string* target, std::string help) {
  Flag flag = text_flag(std::move(name), target, "FILE", std::move(help));
  flag.is_config = true;
  return flag;
}

Flag required(Flag flag) {
  flag.required = true;
  return flag;
}

Flag positional(Flag flag) {
  MAILRACE_CHECK(flag.kind != FlagKind::toggle);
  flag.positional = true;
  return flag;
}

}  // namespace mailrace::tools
