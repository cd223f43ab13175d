// SPDX-License-Identifier: GPL-3.0-or-later
// find_verb() knows every verb in every case, and nothing that only looks like one.
#include "core/smtp/verb.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

struct Word {
  const char* name;
  std::string_view word;
  Verb verb;
};

constexpr Word kWords[] = {
    {"lower_case", "mail", Verb::mail},
    {"mixed_case", "qUiT", Verb::quit},
    {"long_verb_in_lower_case", "starttls", Verb::starttls},
    {"turn", "TURN", Verb::unimplemented},
    {"send", "SEND", Verb::unimplemented},
    {"soml", "SOML", Verb::unimplemented},
    {"saml", "SAML", Verb::unimplemented},
    {"auth", "auth", Verb::unimplemented},
    {"etrn", "ETRN", Verb::unimplemented},
    {"atrn", "ATRN", Verb::unimplemented},
    {"empty", "", Verb::unknown},
    {"three_letters", "QUI", Verb::unknown},
    {"five_letters", "QUITE", Verb::unknown},
    {"xclient", "XCLIENT", Verb::xclient},
    {"xclient_in_lower_case", "xclient", Verb::xclient},
    {"prefix_of_xclient", "XCLIEN", Verb::unknown},
    {"longer_than_xclient", "XCLIENTS", Verb::unknown},
    {"prefix_of_starttls", "STARTTL", Verb::unknown},
    {"longer_than_starttls", "STARTTLSX", Verb::unknown},
    {"other_protocol", "GET", Verb::unknown},
    {"same_length_as_a_verb", "POST", Verb::unknown},
    {"blank_in_front", " EHL", Verb::unknown},
    // Bit 5 set turns these octets into printable ones, but never into letters.
    {"control_for_letter",
     std::string_view("\x0d"
                      "AIL",
                      4),
     Verb::unknown},
    {"nul_octets", std::string_view("\0\0\0\0", 4), Verb::unknown},
    {"high_octets", "\xcd\xc1\xc9\xcc", Verb::unknown},
};

class FindVerbTest : public testing::TestWithParam<Word> {};

TEST_P(FindVerbTest, Finds) { EXPECT_EQ(find_verb(GetParam().word), GetParam().verb); }

INSTANTIATE_TEST_SUITE_P(Rfc5321, FindVerbTest, testing::ValuesIn(kWords),
                         [](const auto& word) { return std::string(word.param.name); });

TEST(VerbTest, FindsEveryNameInTheTable) {
  int named = 0;
  for (const VerbRow& row : kVerbs) {
    if (row.name.empty()) continue;
    EXPECT_EQ(find_verb(row.name), row.verb) << row.name;
    ++named;
  }
  EXPECT_EQ(named, 14);
}

// 4.1.1 and the extensions: who has an argument, and who must not.
TEST(VerbTest, StatesTheArgumentRule) {
  for (const Verb verb : {Verb::data, Verb::rset, Verb::quit, Verb::starttls}) {
    EXPECT_EQ(verb_row(verb).argument, ArgumentRule::none) << verb_row(verb).name;
  }
  for (const Verb verb :
       {Verb::ehlo, Verb::helo, Verb::mail, Verb::rcpt, Verb::vrfy, Verb::expn, Verb::bdat}) {
    EXPECT_EQ(verb_row(verb).argument, ArgumentRule::required) << verb_row(verb).name;
  }
  for (const Verb verb : {Verb::noop, Verb::help}) {
    EXPECT_EQ(verb_row(verb).argument, ArgumentRule::optional) << verb_row(verb).name;
  }
}

}  // namespace
}  // namespace mailrace::core
