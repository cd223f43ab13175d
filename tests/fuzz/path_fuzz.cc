// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as a path, with SMTPUTF8 and without: what is accepted is within its limits, and what we
// store of it parses again to the same path.
#include "core/base/check.h"
#include "core/base/idna.h"
#include "core/base/limits.h"
#include "core/smtp/path.h"
#include "tests/support/utf8_reference.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

using ParsePath = ParsedPath (*)(std::string_view, Charset);

bool same(const Path& a, const Path& b) {
  return a.local_part == b.local_part && a.domain == b.domain && a.is_null == b.is_null &&
         a.is_postmaster == b.is_postmaster && a.is_literal == b.is_literal;
}

bool is_plain(std::string_view text, Charset charset) {
  if (charset == Charset::utf8) {
    if (tests::Utf8Reference::prefix_bytes(text) != text.size()) return false;
    for (const char* separator :
         {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xc2\x80", "\xc2\x85", "\xc2\x9f"}) {
      if (text.find(separator) != text.npos) return false;
    }
  }
  return std::all_of(text.begin(), text.end(), [charset](char c) {
    return (c >= ' ' && c <= '~') || (charset == Charset::utf8 && uint8_t(c) >= 0x80);
  });
}

// Its content with every octet quoted: another spelling of the same local part.
std::string quote(std::string_view local_part) {
  const bool quoted = local_part.starts_with('"');
  if (quoted) local_part = local_part.substr(1, local_part.size() - 2);
  std::string text = "\"";
  for (size_t i = 0; i < local_part.size(); ++i) {
    if (quoted && local_part[i] == '\\') ++i;
    if (uint8_t(local_part[i]) < 0x80) text += '\\';  // what is not ASCII needs no quoting
    text += local_part[i];
  }
  return text + '"';
}

void check_path(std::string_view text, const ParsedPath& parsed, ParsePath parse, Charset charset) {
  const Path& path = parsed.path;
  const std::string_view mailbox = path.mailbox();
  MAILRACE_CHECK(parsed.consumed <= kPathBytesMax);
  MAILRACE_CHECK(text.substr(0, parsed.consumed).ends_with(std::string(mailbox) + '>'));
  MAILRACE_CHECK(text.size() == parsed.consumed || text[parsed.consumed] == ' ');
  MAILRACE_CHECK(path.local_part.size() <= kLocalPartBytesMax);
  MAILRACE_CHECK(path.domain.size() <= kDomainBytesMax);
  MAILRACE_CHECK(is_plain(mailbox, charset));
  MAILRACE_CHECK(path.is_null == path.local_part.empty());
  MAILRACE_CHECK(path.domain.empty() == (path.is_null || path.is_postmaster));
  MAILRACE_CHECK(path.is_literal == is_address_literal(path.domain));

  const std::string canonical = '<' + std::string(mailbox) + '>';
  const ParsedPath again = parse(canonical, charset);
  MAILRACE_CHECK(again.error == PathError::none);
  MAILRACE_CHECK(again.consumed == canonical.size());
  MAILRACE_CHECK(same(again.path, path));

  if (!path.is_null) MAILRACE_CHECK(equal_local_parts(path.local_part, quote(path.local_part)));
}

void check_direction(std::string_view text, ParsePath parse, Charset charset) {
  const ParsedPath parsed = parse(text, charset);
  MAILRACE_CHECK(parsed.consumed <= text.size());
  if (parsed.error == PathError::none) return check_path(text, parsed, parse, charset);
  MAILRACE_CHECK(parsed.path.mailbox().empty());
  if (parsed.error == PathError::non_ascii) {
    MAILRACE_CHECK(charset == Charset::ascii);
    MAILRACE_CHECK(uint8_t(text[parsed.consumed]) >= 0x80);
  }
}

// SMTPUTF8 adds paths and takes none away.
void check_charsets(std::string_view text, ParsePath parse) {
  check_direction(text, parse, Charset::ascii);
  check_direction(text, parse, Charset::utf8);
  const ParsedPath ascii = parse(text, Charset::ascii);
  const ParsedPath utf8 = parse(text, Charset::utf8);
  if (ascii.error == PathError::none) MAILRACE_CHECK(same(ascii.path, utf8.path));
  if (ascii.error == PathError::syntax) MAILRACE_CHECK(utf8.error == PathError::syntax);
}

// The form that domains are compared in is a domain, and its own form.
void check_domain(std::string_view domain) {
  if (!is_domain(domain, Charset::utf8)) return;
  DomainBuffer buffer;
  const auto name = to_a_labels(domain, buffer);
  if (!name) return;
  MAILRACE_CHECK(is_domain(*name));
  DomainBuffer again;
  MAILRACE_CHECK(to_a_labels(*name, again) == name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_charsets(text, parse_reverse_path);
  check_charsets(text, parse_forward_path);

  // What a forward-path may be, a reverse-path may be as well; <Postmaster> is the exception.
  const ParsedPath forward = parse_forward_path(text, Charset::utf8);
  if (forward.error == PathError::none && !forward.path.is_postmaster) {
    MAILRACE_CHECK(same(parse_reverse_path(text, Charset::utf8).path, forward.path));
  }
  check_domain(text);
  check_domain(forward.path.domain);
  if (is_domain(text)) MAILRACE_CHECK(!is_address_literal(text));
  if (is_domain(text) || is_address_literal(text)) MAILRACE_CHECK(is_helo_name(text));
  return 0;
}

}  // namespace mailrace::core
