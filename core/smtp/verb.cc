// SPDX-License-Identifier: GPL-3.0-or-later
// Finds a verb by one switch over its first four octets.
#include "core/smtp/verb.h"

#include "core/base/text.h"

namespace mailrace::core {
namespace {

// Four octets as a number, bit 5 set in each. A result made of lower-case letters comes from
// letters only, so for verbs this compares exactly, without case.
constexpr uint32_t folded(const char* octets) noexcept {
  return (uint32_t{uint8_t(octets[0])} | uint32_t{uint8_t(octets[1])} << 8 |
          uint32_t{uint8_t(octets[2])} << 16 | uint32_t{uint8_t(octets[3])} << 24) |
         0x20202020u;
}

Verb find_long_verb(std::string_view word) noexcept {
  for (const Verb verb : {Verb::starttls, Verb::xclient}) {
    if (equal_ignoring_case(word, verb_row(verb).name)) return verb;
  }
  return Verb::unknown;
}

}  // namespace

Verb find_verb(std::string_view word) noexcept {
  if (word.size() != 4) return find_long_verb(word);
  switch (folded(word.data())) {
    case folded("ehlo"):
      return Verb::ehlo;
    case folded("helo"):
      return Verb::helo;
    case folded("mail"):
      return Verb::mail;
    case folded("rcpt"):
      return Verb::rcpt;
    case folded("data"):
      return Verb::data;
    case folded("rset"):
      return Verb::rset;
    case folded("noop"):
      return Verb::noop;
    case folded("quit"):
      return Verb::quit;
    case folded("vrfy"):
      return Verb::vrfy;
    case folded("expn"):
      return Verb::expn;
    case folded("help"):
      return Verb::help;
    case folded("bdat"):
      return Verb::bdat;
    case folded("turn"):  // RFC 821; RFC 5321 appendix F.1
    case folded("send"):  // F.6
    case folded("soml"):
    case folded("saml"):
    case folded("auth"):  // RFC 4954
    case folded("etrn"):  // RFC 1985
    case folded("atrn"):  // RFC 2645
      return Verb::unimplemented;
    default:
      return Verb::unknown;
  }
}

}  // namespace mailrace::core
