// SPDX-License-Identifier: GPL-3.0-or-later
// Layout of help and tables; escapes of TOML, Markdown and one-line messages.
#include "tools/lib/flag_text.h"

#include "core/base/text.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace mailrace::tools {
namespace {

constexpr size_t kHelpColumns = 100;
constexpr size_t kHelpIndent = 30;
constexpr size_t kQuotedBytesMax = 100;

std::string usage_name(const Flag& flag) {
  if (flag.positional) return flag.name + (flag.repeatable ? "..." : "");
  if (flag.kind == FlagKind::toggle) return (flag.negatable ? "--[no-]" : "--") + flag.name;
  return "--" + flag.name + (flag.value_name.empty() ? "" : " " + flag.value_name);
}

std::string joined(const std::vector<std::string>& values, std::string_view between) {
  std::string text;
  for (const std::string& value : values) {
    if (!text.empty()) text += between;
    text += value;
  }
  return text;
}

/// The default for people; empty if there is none.
std::string default_text(const Flag& flag) {
  if (flag.kind != FlagKind::toggle) return joined(flag.defaults, ",");
  const bool on = !flag.defaults.empty() && flag.defaults.front() == "true";
  return on ? "on" : flag.negatable ? "off" : "";
}

/// What the row says besides its sentence, in parentheses; or nothing.
std::string remarks(const Flag& flag, bool with_default) {
  std::vector<std::string> parts;
  if (!flag.allowed.empty() && flag.kind != FlagKind::toggle) parts.push_back(flag.allowed);
  if (flag.repeatable && !flag.positional) parts.emplace_back("repeatable");
  if (flag.required) parts.emplace_back("required");
  const std::string value = default_text(flag);
  if (with_default && !value.empty()) parts.push_back("default " + value);
  return parts.empty() ? "" : " (" + joined(parts, "; ") + ")";
}

void append_wrapped(std::string& out, std::string_view text) {
  size_t column = kHelpIndent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column > kHelpIndent && column + 1 + word.size() > kHelpColumns) {
      out += "\n" + std::string(kHelpIndent, ' ');
      column = kHelpIndent;
    } else if (column > kHelpIndent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  out += '\n';
}

void append_row(std::string& out, const Flag& flag) {
  const std::string left = "  " + usage_name(flag);
  out += left;
  if (left.size() + 2 > kHelpIndent) {
    out += "\n" + std::string(kHelpIndent, ' ');
  } else {
    out += std::string(kHelpIndent - left.size(), ' ');
  }
  append_wrapped(out, flag.help + remarks(flag, /*with_default=*/true));
}

std::string hex_octet(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto octet = static_cast<unsigned char>(c);
  return {kDigits[octet >> 4], kDigits[octet & 0xf]};
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string toml_value(FlagKind kind, std::string_view value) {
  if (kind == FlagKind::number || kind == FlagKind::toggle) return std::string(value);
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += is_control(c) ? "\\u00" + hex_octet(c) : std::string(1, c);
  }
  return text + '"';
}

std::string markdown_cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

Flag builtin(std::string name, std::string value_name, std::string help) {
  Flag flag;
  flag.name = std::move(name);
  flag.value_name = std::move(value_name);
  flag.help = std::move(help);
  flag.kind = flag.value_name.empty() ? FlagKind::toggle : FlagKind::text;
  return flag;
}

}  // namespace

std::span<const Flag> builtin_flags() {
  static const Flag rows[] = {
      builtin("config", "FILE", "TOML file with long flag names as keys"),
      builtin("print-config", "", "print the values in force as a config file, and stop"),
      builtin("non-default", "", "with --print-config: only what is not the default"),
      builtin("help", "", "print this and stop; -h for short"),
  };
  return rows;
}

std::string help_text(std::string_view subcommand, std::string_view summary,
                      std::span<const Flag> flags) {
  std::string out = "mailrace " + std::string(subcommand) + ": " + std::string(summary) + "\n\n";
  out += "Usage: mailrace " + std::string(subcommand) + " [FLAGS]";
  for (const Flag& flag : flags) {
    if (!flag.positional) continue;
    out += flag.required ? " " + usage_name(flag) : " [" + usage_name(flag) + "]";
  }
  out += "\n\n";
  for (const Flag& flag : flags) append_row(out, flag);
  for (const Flag& flag : builtin_flags()) append_row(out, flag);
  out +=
      "\nSizes: K M G T and KiB MiB GiB TiB count in 1024, KB MB GB TB in 1000.\n"
      "Durations: us, ms, s, m, h.\n"
      "Order: command line, then environment (MAILRACE_ and the name in capitals, with _ for -;\n"
      "lists with commas), then config file (a table named after the subcommand before the top),\n"
      "then default.\n";
  return out;
}

std::string print_config(std::span<const Flag> flags, bool non_default_only) {
  std::string out;
  for (const Flag& flag : flags) {
    if (flag.positional || flag.is_config) continue;
    const std::vector<std::string> values = flag.get();
    if (non_default_only && values == flag.defaults) continue;
    out += flag.name + " = ";
    if (flag.repeatable) {
      std::vector<std::string> elements;
      elements.reserve(values.size());
      for (const std::string& value : values) elements.push_back(toml_value(flag.kind, value));
      out += "[" + joined(elements, ", ") + "]";
    } else {
      out += toml_value(flag.kind, values.front());
    }
    out += '\n';
  }
  return out;
}

std::string markdown_table(std::span<const Flag> flags) {
  std::string out = "| flag | default | what |\n| --- | --- | --- |\n";
  for (const Flag& flag : flags) {
    const std::string value = default_text(flag);
    out += "| `" + markdown_cell(usage_name(flag)) + "` | ";
    if (!value.empty()) out += "`" + markdown_cell(value) + "` ";
    out += "| " + markdown_cell(flag.help + remarks(flag, /*with_default=*/false)) + " |\n";
  }
  return out;
}

std::string environment_name(std::string_view flag_name) {
  std::string name = "MAILRACE_";
  for (const char c : flag_name) name += c == '-' ? '_' : core::to_upper(c);
  return name;
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, kQuotedBytesMax)) {
    out += is_control(c) ? "\\x" + hex_octet(c) : std::string(1, c);
  }
  return out + (text.size() > kQuotedBytesMax ? "...'" : "'");
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string_view nearest(std::string_view name, std::span<const std::string> candidates) {
  // A name may come from a hostile file: no more work than names of that length deserve.
  constexpr size_t kNameBytesMax = 64;
  if (name.size() > kNameBytesMax) return {};
  size_t best = std::max<size_t>(2, name.size() / 3) + 1;
  std::string_view found;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(name, candidate);
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string not_allowed(const Flag& flag, std::string_view value, std::string_view reason) {
  std::string text = in_quotes(value) + " is not allowed";
  std::string why(reason);
  if (!flag.allowed.empty()) why += (why.empty() ? "allowed: " : "; allowed: ") + flag.allowed;
  return why.empty() ? text : text + " (" + why + ")";
}

}  // namespace mailrace::tools
