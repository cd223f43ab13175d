// SPDX-License-Identifier: GPL-3.0-or-later
// A command line of any octets: the views stay inside of it, and say what a plain reading says.
#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/smtp/command.h"
#include "core/smtp/parameters.h"
#include "core/smtp/path.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace mailrace::core {
namespace {

bool is_inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_control(char c) { return uint8_t(c) < 0x20 || c == 0x7f; }
bool is_8bit(char c) { return uint8_t(c) >= 0x80; }

template <class Predicate>
bool any_of(std::string_view text, Predicate predicate) {
  return std::any_of(text.begin(), text.end(), predicate);
}

Verb plain_find_verb(std::string_view word) {
  for (const VerbRow& row : kVerbs) {
    if (!row.name.empty() && equal_ignoring_case(row.name, word)) return row.verb;
  }
  for (const char* name : {"TURN", "SEND", "SOML", "SAML", "AUTH", "ETRN", "ATRN"}) {
    if (equal_ignoring_case(name, word)) return Verb::unimplemented;
  }
  return Verb::unknown;
}

void check_command(std::string_view line, const Command& command) {
  MAILRACE_CHECK(is_inside(command.word, line));
  MAILRACE_CHECK(is_inside(command.argument, line));
  MAILRACE_CHECK(line.starts_with(command.word));
  MAILRACE_CHECK(!any_of(command.word, is_blank));
  MAILRACE_CHECK(command.argument.empty() || !is_blank(command.argument.back()));
  MAILRACE_CHECK(command.verb == plain_find_verb(command.word));
  MAILRACE_CHECK(command.has_8bit == any_of(line, is_8bit));
  MAILRACE_CHECK(command.malformed ==
                 (any_of(command.word, is_control) || any_of(command.argument, is_control)));

  // Word, one blank, argument, blanks: nothing of the line is lost.
  const size_t rest = command.word.size() + (command.argument.empty() ? 0 : 1);
  MAILRACE_CHECK(rest + command.argument.size() <= line.size());
  const std::string_view end = line.substr(rest + command.argument.size());
  MAILRACE_CHECK(std::all_of(end.begin(), end.end(), is_blank));
}

void check_parameters(std::string_view text) {
  ParameterReader reader(text);
  uint32_t count = 0;
  while (const auto parameter = reader.next()) {
    MAILRACE_CHECK(++count <= kParametersMax);
    MAILRACE_CHECK(is_inside(parameter->keyword, text));
    MAILRACE_CHECK(!parameter->keyword.empty());
    if (!parameter->value) continue;
    MAILRACE_CHECK(!parameter->value->empty());
    MAILRACE_CHECK(is_inside(*parameter->value, text));
    MAILRACE_CHECK(!any_of(*parameter->value, [](char c) {
      return is_control(c) || is_8bit(c) || c == ' ' || c == '=';
    }));
  }
  if (reader.error() == ParameterError::none) return;
  MAILRACE_CHECK(parse_mail_parameters(text).error == reader.error());
  MAILRACE_CHECK(parse_rcpt_parameters(text, Charset::ascii).error == reader.error());
}

void check_path_argument(std::string_view argument, std::string_view keyword,
                         ParsedPath (*parse)(std::string_view, Charset), Charset charset) {
  const auto split = split_path_argument(argument, keyword);
  if (!split) return;
  MAILRACE_CHECK(is_inside(split->path, argument));
  MAILRACE_CHECK(is_inside(split->parameters, argument));
  MAILRACE_CHECK(keyword.size() + split->path.size() + split->parameters.size() <= argument.size());
  MAILRACE_CHECK(!split->parameters.starts_with(' '));

  // The splitter and the parser agree on where the path ends.
  const ParsedPath parsed = parse(split->path, charset);
  const std::string_view to_the_end = argument.substr(size_t(split->path.data() - argument.data()));
  const ParsedPath unsplit = parse(to_the_end, charset);
  MAILRACE_CHECK(parsed.error == unsplit.error);
  MAILRACE_CHECK(parsed.path.mailbox() == unsplit.path.mailbox());
  if (parsed.error == PathError::none) {
    MAILRACE_CHECK(parsed.consumed == split->path.size());
    MAILRACE_CHECK(unsplit.consumed == split->path.size());
    MAILRACE_CHECK(is_inside(parsed.path.mailbox(), split->path));
  }
  check_parameters(split->parameters);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const Command command = parse_command(line);
  check_command(line, command);
  for (const Charset charset : {Charset::ascii, Charset::utf8}) {
    check_path_argument(command.argument, "FROM:", parse_reverse_path, charset);
    check_path_argument(command.argument, "TO:", parse_forward_path, charset);
  }
  check_parameters(command.argument);
  return 0;
}

}  // namespace mailrace::core
