// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/lib/markup.h"

#include "core/base/utf8.h"

namespace mailrace::tools {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// XML 1.0 section 2.2: of controls only these; and no U+FFFE, no U+FFFF.
bool is_allowed(std::string_view character) {
  const auto first = uint8_t(character.front());
  if (character.size() == 1)
    return (first >= 0x20 && first != 0x7f) || first == '\t' || first == '\n';
  return character != "\xef\xbf\xbe" && character != "\xef\xbf\xbf";
}

std::string_view replaced(std::string_view character) {
  switch (character.front()) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return is_allowed(character) ? character : kReplacement;
  }
}

}  // namespace

std::string escaped_markup(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const size_t bytes = core::utf8_character_bytes(text);
    escaped += bytes > 0 ? replaced(text.substr(0, bytes)) : kReplacement;
    text.remove_prefix(bytes > 0 ? bytes : 1);
  }
  return escaped;
}

}  // namespace mailrace::tools
