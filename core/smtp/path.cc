// SPDX-License-Identifier: GPL-3.0-or-later
// A recursive-descent parser for the grammar of RFC 5321 section 4.1.2 and 4.1.3. Every take_x()
// moves behind an x and returns true, or returns false and stays at the octet that is none of it.
#include "core/smtp/path.h"

#include "core/base/limits.h"
#include "core/base/text.h"

#include <algorithm>
#include <array>

namespace mailrace::core {
namespace {

// --- octet classes -------------------------------------------------------------------------------

constexpr uint8_t kAtext = 1;     // RFC 5322 section 3.2.3
constexpr uint8_t kLetDig = 2;    // Let-dig
constexpr uint8_t kQtext = 4;     // qtextSMTP
constexpr uint8_t kDcontent = 8;  // dcontent
constexpr uint8_t kHyphen = 16;
constexpr uint8_t kUnderscore = 32;

constexpr std::array<uint8_t, 256> kClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (int c = 0x20; c <= 0x7e; ++c) {
    uint8_t bits = 0;
    if (is_alnum(char(c))) bits |= kLetDig | kAtext;
    if (c != '"' && c != '\\') bits |= kQtext;
    if (c != ' ' && c != '[' && c != '\\' && c != ']') bits |= kDcontent;
    classes[size_t(c)] = bits;
  }
  for (const char c : std::string_view("!#$%&'*+-/=?^_`{|}~")) classes[uint8_t(c)] |= kAtext;
  classes['-'] |= kHyphen;
  classes['_'] |= kUnderscore;
  return classes;
}();

// Whether it is of one of the classes.
constexpr bool is(uint8_t classes, char c) noexcept {
  return (kClasses[uint8_t(c)] & classes) != 0;
}

constexpr bool is_printable(char c) noexcept { return c >= ' ' && c <= '~'; }

// UTF8-non-ascii of RFC 6531 section 3.3 at the start of a text, which begins with an octet >=
// 0x80: its octets, 0 if there is none. Not the controls U+0080 to U+009F, nor U+2028 and U+2029.
size_t non_ascii_bytes(std::string_view text) noexcept {
  if (text.starts_with("\xe2\x80\xa8") || text.starts_with("\xe2\x80\xa9")) return 0;
  const size_t bytes = utf8_character_bytes(text);
  const bool is_control = bytes == 2 && text[0] == '\xc2' && uint8_t(text[1]) < 0xa0;
  return is_control ? 0 : bytes;
}

// --- address literals, section 4.1.3 -------------------------------------------------------------

// IPv4-address-literal: Snum may have leading zeros, and is decimal even then.
bool is_ipv4(std::string_view text) noexcept {
  for (int part = 0; part < 4; ++part) {
    const size_t end = part == 3 ? text.size() : text.find('.');
    if (end == std::string_view::npos || end > 3) return false;
    const auto number = parse_decimal(text.substr(0, end));
    if (!number || *number > 255) return false;
    text.remove_prefix(part == 3 ? end : end + 1);
  }
  return true;
}

size_t count_hex(std::string_view text) noexcept {
  size_t count = 0;
  while (count < text.size() && is_hex(text[count])) ++count;
  return count;
}

// IPv6-addr in its four forms: full or with one "::", the last 32 bits in hex or as IPv4. A "::"
// must stand for two groups or more, so at most six are written beside it.
bool is_ipv6(std::string_view text) noexcept {
  size_t groups = 0;
  bool compressed = false;
  if (text.starts_with("::")) {
    compressed = true;
    text.remove_prefix(2);
    if (text.empty()) return true;
  }
  while (groups <= 8) {
    if (is_ipv4(text)) {
      groups += 2;
      break;
    }
    const size_t digits = count_hex(text);
    if (digits == 0 || digits > 4) return false;
    text.remove_prefix(digits);
    ++groups;
    if (text.empty()) break;
    if (text.front() != ':') return false;
    text.remove_prefix(1);
    if (text.empty()) return false;
    if (text.front() != ':') continue;
    if (compressed) return false;
    compressed = true;
    text.remove_prefix(1);
    if (text.empty()) break;
  }
  return compressed ? groups <= 6 : groups == 8;
}

// Standardized-tag is Ldh-str: letters, digits and hyphens, the last one no hyphen.
bool is_tag(std::string_view text) noexcept {
  return !text.empty() && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) { return is(kLetDig, c) || c == '-'; });
}

// What stands between the brackets, known to be dcontent throughout. The tag IPv6 is taken, so an
// address that is none is not excused as a General-address-literal.
bool is_literal_content(std::string_view text) noexcept {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return is_ipv4(text);
  const std::string_view tag = text.substr(0, colon);
  const std::string_view content = text.substr(colon + 1);
  if (equal_ignoring_case(tag, "IPv6")) return is_ipv6(content);
  return is_tag(tag) && !content.empty();
}

// --- the parser ----------------------------------------------------------------------------------

// Where reverse-path and forward-path differ.
struct Rules {
  bool null_path;    // <>
  bool postmaster;   // <Postmaster>
  bool any_dots;     // .a@ a.@ a..b@
  bool underscores;  // in domains
};
constexpr Rules kReverseRules{
    .null_path = true, .postmaster = false, .any_dots = true, .underscores = true};
constexpr Rules kForwardRules{
    .null_path = false, .postmaster = true, .any_dots = false, .underscores = false};
constexpr Rules kStrictRules{};

class Parser {
 public:
  Parser(std::string_view text, const Rules& rules, Charset charset) noexcept
      : text_(text), rules_(rules), charset_(charset) {}

  size_t at() const noexcept { return at_; }
  bool at_end() const noexcept { return at_ == text_.size(); }
  bool at_8bit() const noexcept { return !at_end() && uint8_t(text_[at_]) >= 0x80; }

  bool take_path(Path& path) noexcept {
    if (!take('<')) return false;
    if (rules_.null_path && take('>')) {
      path.is_null = true;
      return at_path_end();
    }
    const bool routed = at_octet('@');
    if (routed && !take_source_route()) return false;
    if (!take_mailbox(path, rules_.postmaster && !routed)) return false;
    return take('>') && at_path_end();
  }

  // Domain, or an address literal.
  bool take_mail_domain(Path& path) noexcept {
    const size_t begin = at_;
    path.is_literal = at_octet('[');
    if (!(path.is_literal ? take_address_literal() : take_domain())) return false;
    path.domain = text_.substr(begin, at_ - begin);
    return true;
  }

  bool take_domain() noexcept {
    do {
      if (!take_label()) return false;
    } while (take('.'));
    return true;
  }

  bool take_address_literal() noexcept {
    if (!take('[')) return false;
    const size_t begin = at_;
    skip(kDcontent);
    if (!at_octet(']') || !is_literal_content(text_.substr(begin, at_ - begin))) return false;
    return take(']');
  }

 private:
  bool at_octet(char c) const noexcept { return !at_end() && text_[at_] == c; }
  bool at_path_end() const noexcept { return at_end() || at_octet(' '); }

  bool take(char c) noexcept {
    if (!at_octet(c)) return false;
    ++at_;
    return true;
  }
  // Every address goes through this loop.
  void skip(uint8_t classes) noexcept {
    const char* at = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    while (at != end && is(classes, *at)) ++at;
    at_ = size_t(at - text_.data());
  }
  // Octets of the classes, and UTF-8 that may stand for them.
  void skip_characters(uint8_t classes) noexcept {
    skip(classes);
    while (charset_ == Charset::utf8 && at_8bit()) {
      const size_t bytes = non_ascii_bytes(text_.substr(at_));
      if (bytes == 0) return;
      at_ += bytes;
      skip(classes);
    }
  }

  // A-d-l ":", each At-domain a name; where it leads is of no interest (appendix C).
  bool take_source_route() noexcept {
    do {
      if (!take('@') || !take_domain()) return false;
    } while (take(','));
    return take(':');
  }

  bool take_mailbox(Path& path, bool domain_optional) noexcept {
    const size_t begin = at_;
    if (!take_local_part()) return false;
    path.local_part = text_.substr(begin, at_ - begin);
    if (domain_optional && at_octet('>') && equal_ignoring_case(path.local_part, "postmaster")) {
      path.is_postmaster = true;
      return true;
    }
    return take('@') && take_mail_domain(path);
  }

  bool take_local_part() noexcept {
    if (at_octet('"')) return take_quoted_string();
    return rules_.any_dots ? take_loose_dot_string() : take_dot_string();
  }

  bool take_dot_string() noexcept {
    do {
      const size_t begin = at_;
      skip_characters(kAtext);
      if (at_ == begin) return false;
    } while (take('.'));
    return true;
  }

  // A Dot-string with its dots anywhere, but not of dots alone.
  bool take_loose_dot_string() noexcept {
    bool has_atom = false;
    while (true) {
      const size_t begin = at_;
      skip_characters(kAtext);
      has_atom = has_atom || at_ != begin;
      if (!take('.')) return has_atom;
    }
  }

  bool take_quoted_string() noexcept {
    if (!take('"')) return false;
    for (;;) {
      skip_characters(kQtext);
      if (!take('\\')) return take('"');
      if (at_end() || !is_printable(text_[at_])) return false;
      ++at_;
    }
  }

  // sub-domain: Let-dig [Ldh-str] or U-label, so no hyphen at either end.
  bool take_label() noexcept {
    if (at_octet('-')) return false;
    const size_t begin = at_;
    skip_characters(rules_.underscores ? kLetDig | kHyphen | kUnderscore : kLetDig | kHyphen);
    return at_ != begin && text_[at_ - 1] != '-';
  }

  std::string_view text_;
  Rules rules_;
  Charset charset_;
  size_t at_ = 0;
};

PathError length_error(const Path& path, size_t path_bytes) noexcept {
  if (path.local_part.size() > kLocalPartBytesMax) return PathError::local_part_too_long;
  if (path.domain.size() > kDomainBytesMax) return PathError::domain_too_long;
  if (path_bytes > kPathBytesMax) return PathError::path_too_long;
  return PathError::none;
}

ParsedPath parse_path(std::string_view text, const Rules& rules, Charset charset) noexcept {
  Parser parser(text, rules, charset);
  ParsedPath parsed;
  const bool taken = parser.take_path(parsed.path);
  parsed.consumed = parser.at();
  if (taken) {
    parsed.error = length_error(parsed.path, parsed.consumed);
  } else {
    const bool needs_utf8 = charset == Charset::ascii && parser.at_8bit();
    parsed.error = needs_utf8 ? PathError::non_ascii : PathError::syntax;
  }
  if (parsed.error != PathError::none) parsed.path = {};
  return parsed;
}

size_t longest_label(std::string_view domain) noexcept {
  size_t longest = 0;
  size_t length = 0;
  for (const char c : domain) {
    length = c == '.' ? 0 : length + 1;
    longest = std::max(longest, length);
  }
  return longest;
}

// A local part octet by octet, without what only quotes it.
class Unquoted {
 public:
  explicit Unquoted(std::string_view local_part) noexcept : rest_(local_part) {
    quoted_ = rest_.size() >= 2 && rest_.front() == '"' && rest_.back() == '"';
    if (quoted_) rest_ = rest_.substr(1, rest_.size() - 2);
  }

  bool quoted() const noexcept { return quoted_; }
  bool done() const noexcept { return rest_.empty(); }
  char next() noexcept {
    if (quoted_ && rest_.size() > 1 && rest_.front() == '\\') rest_.remove_prefix(1);
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

 private:
  std::string_view rest_;
  bool quoted_;
};

}  // namespace

ParsedPath parse_reverse_path(std::string_view text, Charset charset) noexcept {
  return parse_path(text, kReverseRules, charset);
}

ParsedPath parse_forward_path(std::string_view text, Charset charset) noexcept {
  return parse_path(text, kForwardRules, charset);
}

bool equal_local_parts(std::string_view a, std::string_view b) noexcept {
  if (a == b) return true;
  Unquoted x(a);
  Unquoted y(b);
  if (!x.quoted() && !y.quoted()) return false;
  while (!x.done() && !y.done()) {
    if (x.next() != y.next()) return false;
  }
  return x.done() && y.done();
}

bool is_domain(std::string_view text, Charset charset) noexcept {
  Parser parser(text, kStrictRules, charset);
  return text.size() <= kDomainBytesMax && parser.take_domain() && parser.at_end() &&
         (charset == Charset::utf8 || longest_label(text) <= kLabelBytesMax);
}

bool is_address_literal(std::string_view text) noexcept {
  Parser parser(text, kStrictRules, Charset::ascii);
  return text.size() <= kDomainBytesMax && parser.take_address_literal() && parser.at_end();
}

bool is_helo_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > kHeloBytesMax) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_printable(c) && c != ' '; });
}

}  // namespace mailrace::core
