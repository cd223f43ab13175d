// SPDX-License-Identifier: GPL-3.0-or-later
// Every command of every session comes through here: octets are classified eight at a time.
#include "core/smtp/command.h"

#include "core/base/text.h"

#include <algorithm>
#include <cstring>

namespace mailrace::core {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101u;
constexpr uint64_t kHighBits = kOnes * 0x80;

// What was seen so far, as bits somewhere in a word: zero means none.
struct Seen {
  uint64_t control = 0;
  uint64_t octets_8bit = 0;

  // `x - n` borrows into an octet's high bit if x < n. A borrow can spoil the octets above it, but
  // only if there was a true hit below: whether there is any hit at all is exact.
  void look_at(uint64_t eight) noexcept {
    const uint64_t below_space = (eight - kOnes * 0x20) & ~eight;
    const uint64_t del_is_zero = eight ^ kOnes * 0x7f;
    const uint64_t del = (del_is_zero - kOnes) & ~del_is_zero;
    control |= (below_space | del) & kHighBits;
    octets_8bit |= eight & kHighBits;
  }
};

template <class T>
T load(const char* source) noexcept {
  T value;
  std::memcpy(&value, source, sizeof value);
  return value;
}

Seen classify(std::string_view line) noexcept {
  Seen seen;
  const char* const data = line.data();
  const size_t size = line.size();
  if (size >= 8) {
    for (size_t i = 0; i + 8 <= size; i += 8) seen.look_at(load<uint64_t>(data + i));
    seen.look_at(load<uint64_t>(data + size - 8));  // the rest, and some octets a second time
  } else if (size >= 4) {
    seen.look_at(uint64_t{load<uint32_t>(data)} << 32 | load<uint32_t>(data + size - 4));
  } else {
    for (const char c : line) seen.look_at(kOnes * uint8_t(c));
  }
  return seen;
}

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr bool is_control(char c) noexcept { return uint8_t(c) < 0x20 || c == 0x7f; }

bool has_control(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), is_control);
}

std::string_view skip_spaces(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

// Offset of the first SP outside of a quoted string; text.size() if there is none. Quote marks lose
// their meaning behind an unquoted '[': they are content of an address literal there.
size_t end_of_path(std::string_view text) noexcept {
  const size_t space = std::min(text.find(' '), text.size());
  if (text.substr(0, space).find('"') == std::string_view::npos) return space;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      quoted = !quoted;
    } else if (quoted) {
      if (c == '\\') ++i;  // a quoted pair: the next octet has no meaning
    } else if (c == ' ' || c == '[') {
      return std::min(text.find(' ', i), text.size());
    }
  }
  return text.size();
}

}  // namespace

Command parse_command(std::string_view line) noexcept {
  const Seen seen = classify(line);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);

  size_t word_end = 0;
  while (word_end < line.size() && !is_blank(line[word_end])) ++word_end;

  Command command;
  command.word = line.substr(0, word_end);
  command.verb = find_verb(command.word);
  if (word_end < line.size()) command.argument = line.substr(word_end + 1);
  command.has_8bit = seen.octets_8bit != 0;
  // The control character may be the HT that separates or ends, so it is looked for once more.
  command.malformed =
      seen.control != 0 && (has_control(command.word) || has_control(command.argument));
  return command;
}

std::optional<PathArgument> split_path_argument(std::string_view argument,
                                                std::string_view keyword) noexcept {
  if (!equal_ignoring_case(argument.substr(0, keyword.size()), keyword)) return std::nullopt;
  const std::string_view text = skip_spaces(argument.substr(keyword.size()));
  const size_t end = end_of_path(text);
  return PathArgument{text.substr(0, end), skip_spaces(text.substr(end))};
}

}  // namespace mailrace::core
