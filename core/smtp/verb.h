// SPDX-License-Identifier: GPL-3.0-or-later
// The command verbs of SMTP, and how each treats its argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailrace::core {

/// The word that begins a command line (RFC 5321 section 4.1.1).
enum class Verb : uint8_t {
  ehlo,
  helo,
  mail,
  rcpt,
  data,
  rset,
  noop,
  quit,
  vrfy,
  expn,
  help,
  bdat,           // RFC 3030
  starttls,       // RFC 3207
  xclient,        // Postfix, XCLIENT_README
  unimplemented,  // a word that some RFC gives a meaning, but this server does not: 502
  unknown,        // any other word: 500
};
inline constexpr size_t kVerbCount = size_t(Verb::unknown) + 1;

/// What may follow a verb; text that breaks the rule is a syntax error, 501.
enum class ArgumentRule : uint8_t { none, optional, required };

struct VerbRow {
  std::string_view name;  // as in the RFC; empty if the row stands for many words
  Verb verb;
  ArgumentRule argument;
};

/// A row per verb, in the order of the enumeration.
inline constexpr VerbRow kVerbs[kVerbCount] = {
    {"EHLO", Verb::ehlo, ArgumentRule::required},
    {"HELO", Verb::helo, ArgumentRule::required},
    {"MAIL", Verb::mail, ArgumentRule::required},
    {"RCPT", Verb::rcpt, ArgumentRule::required},
    {"DATA", Verb::data, ArgumentRule::none},
    {"RSET", Verb::rset, ArgumentRule::none},
    {"NOOP", Verb::noop, ArgumentRule::optional},
    {"QUIT", Verb::quit, ArgumentRule::none},
    {"VRFY", Verb::vrfy, ArgumentRule::required},
    {"EXPN", Verb::expn, ArgumentRule::required},
    {"HELP", Verb::help, ArgumentRule::optional},
    {"BDAT", Verb::bdat, ArgumentRule::required},
    {"STARTTLS", Verb::starttls, ArgumentRule::none},
    {"XCLIENT", Verb::xclient, ArgumentRule::required},
    {"", Verb::unimplemented, ArgumentRule::optional},
    {"", Verb::unknown, ArgumentRule::optional},
};

static_assert([] {
  for (size_t i = 0; i < kVerbCount; ++i) {
    if (size_t(kVerbs[i].verb) != i) return false;
  }
  return true;
}());

constexpr const VerbRow& verb_row(Verb verb) noexcept { return kVerbs[size_t(verb)]; }

/// Whether a client that pipelines must wait for the reply before it goes on, since the reply
/// changes what may come next.
///
/// source    RFC 2920 section 3.1; RFC 3207 section 4.2 (STARTTLS); HELO is as EHLO
constexpr bool ends_group(Verb verb) noexcept {
  switch (verb) {
    case Verb::ehlo:
    case Verb::helo:
    case Verb::data:
    case Verb::noop:
    case Verb::quit:
    case Verb::vrfy:
    case Verb::expn:
    case Verb::starttls:
      return true;
    case Verb::mail:
    case Verb::rcpt:
    case Verb::rset:
    case Verb::help:
    case Verb::bdat:
    case Verb::xclient:
    case Verb::unimplemented:
    case Verb::unknown:
      return false;
  }
  return false;
}

/// The verb that a word names, letters compared without case.
///
/// word      the first word of a command line, possibly empty, any octets
/// returns   Verb::unimplemented or Verb::unknown for words without a row of their own
/// source    RFC 5321 section 2.4 (case), section 4.2.4 (502 against 500)
Verb find_verb(std::string_view word) noexcept;

}  // namespace mailrace::core
