// SPDX-License-Identifier: GPL-3.0-or-later
// Paths by the grammar of RFC 5321 section 4.1.2 and 4.1.3, the tolerances, and the length limits.
#include "core/smtp/path.h"

#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

using namespace std::string_view_literals;

// --- accepted in both directions -----------------------------------------------------------------

struct Accepted {
  const char* name;
  std::string_view text;
  std::string_view local_part;
  std::string_view domain;
};

constexpr Accepted kAccepted[] = {
    {"simple", "<a@b>", "a", "b"},
    {"case_is_kept", "<Smith@Bar.COM>", "Smith", "Bar.COM"},
    {"dots", "<a.b.c@d.example.org>", "a.b.c", "d.example.org"},
    {"every_atext", "<!#$%&'*+-/=?^_`{|}~@b>", "!#$%&'*+-/=?^_`{|}~", "b"},
    {"shell_characters", "<|/bin/sh@b>", "|/bin/sh", "b"},
    {"leading_hyphen", "<-f@b>", "-f", "b"},
    {"percent_is_no_route", "<a%c@b>", "a%c", "b"},
    {"digits", "<1@2.3>", "1", "2.3"},
    {"hyphens_inside", "<a@b--c.d-e>", "a", "b--c.d-e"},
    {"a_label_is_kept_in_ascii", "<a@xn--bcher-kva.example>", "a", "xn--bcher-kva.example"},
    {"quoted", "<\"user\"@d>", "\"user\"", "d"},
    {"quoted_empty", "<\"\"@d>", "\"\"", "d"},
    {"quoted_blank", "<\"joe x\"@d>", "\"joe x\"", "d"},
    {"quoted_bracket", "<\"a>b\"@d>", "\"a>b\"", "d"},
    {"quoted_at", "<\"a@b\"@d>", "\"a@b\"", "d"},
    {"quoted_pair", "<\"joe\\\"x\"@d>", "\"joe\\\"x\"", "d"},
    {"quoted_backslash", "<\"a\\\\\"@d>", "\"a\\\\\"", "d"},
    {"quoted_dots", "<\".a..b.\"@d>", "\".a..b.\"", "d"},
    {"source_route_is_dropped", "<@hosta.int:userc@d.bar.org>", "userc", "d.bar.org"},
    {"long_source_route", "<@hosta.int,@jkl.org:userc@d.bar.org>", "userc", "d.bar.org"},
    {"ipv4_literal", "<a@[192.0.2.1]>", "a", "[192.0.2.1]"},
    {"ipv6_literal", "<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]"},
    {"general_literal", "<a@[x400:c=us;a=b]>", "a", "[x400:c=us;a=b]"},
    {"domain_postmaster", "<Postmaster@d>", "Postmaster", "d"},
};

class AcceptedPathTest : public testing::TestWithParam<Accepted> {};

TEST_P(AcceptedPathTest, IsTakenInBothDirections) {
  const Accepted& row = GetParam();
  for (const auto parse : {parse_reverse_path, parse_forward_path}) {
    const ParsedPath parsed = parse(row.text, Charset::ascii);
    EXPECT_EQ(parsed.error, PathError::none);
    EXPECT_EQ(parsed.consumed, row.text.size());
    EXPECT_EQ(parsed.path.local_part, row.local_part);
    EXPECT_EQ(parsed.path.domain, row.domain);
    EXPECT_EQ(parsed.path.is_literal, row.domain.starts_with('['));
    EXPECT_FALSE(parsed.path.is_null);
    EXPECT_FALSE(parsed.path.is_postmaster);
    EXPECT_EQ(parsed.path.mailbox(), std::string(row.local_part) + '@' + std::string(row.domain));
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, AcceptedPathTest, testing::ValuesIn(kAccepted),
                         [](const auto& row) { return std::string(row.param.name); });

// --- refused in both directions ------------------------------------------------------------------

struct Refused {
  const char* name;
  std::string_view text;
  PathError error = PathError::syntax;
};

constexpr Refused kRefused[] = {
    {"empty", ""},
    {"no_brackets", "a@b"},
    {"no_closing_bracket", "<a@b"},
    {"no_opening_bracket", "a@b>"},
    {"blank_in_front", " <a@b>"},
    {"blank_inside", "< a@b>"},
    {"blank_in_local_part", "<a b@c>"},
    {"blank_before_bracket", "<a@b >"},
    {"text_behind", "<a@b>x"},
    {"tab_behind", "<a@b>\tSIZE=1"},
    {"second_path", "<a@b><c@d>"},
    {"no_domain", "<a>"},
    {"empty_domain", "<a@>"},
    {"no_local_part", "<@b>"},
    {"only_at", "<@>"},
    {"two_ats", "<a@b@c>"},
    {"dot_at_the_end_of_domain", "<a@b.>"},
    {"dot_at_the_start_of_domain", "<a@.b>"},
    {"two_dots_in_domain", "<a@b..c>"},
    {"hyphen_first", "<a@-b>"},
    {"hyphen_last", "<a@b->"},
    {"hyphen_before_dot", "<a@b-.c>"},
    {"octet_no_domain_has", "<a@b!c>"},
    {"comment", "<a(c)@b>"},
    {"comma", "<a,b@c>"},
    {"colon", "<a:b@c>"},
    {"backslash_unquoted", "<a\\b@c>"},
    {"only_a_dot", "<.@b>"},
    {"open_quote", "<\"a@b>"},
    {"open_quoted_pair", "<\"a\\"},
    {"text_behind_quotes", "<\"a\"b@c>"},
    {"quotes_in_an_atom", "<a\"b\"@c>"},
    {"quoted_words_with_dot", "<\"a\".b@c>"},
    {"control_in_quotes", "<\"a\tb\"@c>"},
    {"quoted_control", "<\"a\\\tb\"@c>"},
    {"nul_in_quotes", "<\"a\0b\"@c>"sv},
    {"nul_in_domain", "<a@b\0>"sv},
    {"del_in_quotes", "<\"a\x7f\"@c>"},
    {"route_without_mailbox", "<@a:>"},
    {"route_without_colon", "<@a,@b>"},
    {"route_with_blank", "<@a, @b:c@d>"},
    {"route_without_at", "<@a,b:c@d>"},
    {"route_ends_in_comma", "<@a,:c@d>"},
    {"route_to_postmaster", "<@a:Postmaster>"},
    {"quoted_postmaster", "<\"Postmaster\">"},
    {"bare_ipv4_literal_open", "<a@[192.0.2.1>"},
    {"empty_literal", "<a@[]>"},
    {"text_behind_literal", "<a@[192.0.2.1].b>"},
    {"two_literals", "<a@[192.0.2.1][192.0.2.2]>"},
    {"utf8_local_part", "<j\xc3\xb6rg@b>", PathError::non_ascii},
    {"utf8_in_quotes", "<\"j\xc3\xb6rg\"@b>", PathError::non_ascii},
    {"utf8_quoted_pair", "<\"\\\xc3\xb6\"@b>", PathError::non_ascii},
    {"utf8_domain", "<a@b\xc3\xbc.example>", PathError::non_ascii},
    {"utf8_first_in_domain", "<a@\xc3\xbc>", PathError::non_ascii},
    {"utf8_literal", "<a@[tag:\xc3\xbc]>", PathError::non_ascii},
    {"utf8_behind_other_error", "<a b\xc3\xbc@c>", PathError::syntax},
};

// --- SMTPUTF8, RFC 6531 section 3.3 --------------------------------------------------------------

constexpr Accepted kUtf8[] = {
    {"utf8_atom", "<\xc3\xbc@b>", "\xc3\xbc", "b"},
    {"utf8_in_atoms", "<a\xc3\xbc.\xe7\x94\xb2z@b>", "a\xc3\xbc.\xe7\x94\xb2z", "b"},
    {"utf8_of_four_octets", "<\xf0\x9f\x93\xa7@b>", "\xf0\x9f\x93\xa7", "b"},
    {"utf8_quoted", "<\"a \xc3\xbc\"@b>", "\"a \xc3\xbc\"", "b"},
    {"u_label",
     "<a@b\xc3\xbc"
     "cher.example>",
     "a",
     "b\xc3\xbc"
     "cher.example"},
    {"u_labels_alone", "<a@\xe4\xbe\x8b.\xe4\xbe\x8b>", "a", "\xe4\xbe\x8b.\xe4\xbe\x8b"},
    {"u_label_with_hyphens", "<a@\xc3\xbc--x-\xc3\xbc>", "a", "\xc3\xbc--x-\xc3\xbc"},
    {"u_label_beside_a_label", "<a@\xc3\xbc.xn--bcher-kva>", "a", "\xc3\xbc.xn--bcher-kva"},
    {"u_label_in_a_route", "<@\xc3\xbc:a@b>", "a", "b"},
    {"first_behind_c1", "<\xc2\xa0@b>", "\xc2\xa0", "b"},
    {"beside_the_line_separator", "<\xe2\x80\xa7\xe2\x80\xaa@b>", "\xe2\x80\xa7\xe2\x80\xaa", "b"},
    {"ascii_as_ever", "<a@[192.0.2.1]>", "a", "[192.0.2.1]"},
};

class Utf8PathTest : public testing::TestWithParam<Accepted> {};

TEST_P(Utf8PathTest, IsTakenWithSmtputf8) {
  const Accepted& row = GetParam();
  for (const auto parse : {parse_reverse_path, parse_forward_path}) {
    const ParsedPath parsed = parse(row.text, Charset::utf8);
    EXPECT_EQ(parsed.error, PathError::none);
    EXPECT_EQ(parsed.consumed, row.text.size());
    EXPECT_EQ(parsed.path.local_part, row.local_part);
    EXPECT_EQ(parsed.path.domain, row.domain);
    const bool is_ascii = row.text.find_first_of("\xc2\xc3\xe2\xe4\xe7\xf0") == row.text.npos;
    EXPECT_EQ(parse(row.text, Charset::ascii).error,
              is_ascii ? PathError::none : PathError::non_ascii);
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc6531, Utf8PathTest, testing::ValuesIn(kUtf8),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Utf8PathRulesTest, RefusesWhatIsNoUtf8OrNoAddress) {
  for (const std::string_view text : {
           "<\xff@b>",              // never in UTF-8
           "<\xc3@b>",              // cut
           "<a\xbc@b>",             // a tail alone
           "<\xc0\xaf@b>",          // overlong
           "<\xe0\x80\xaf@b>",      // overlong
           "<\xed\xa0\x80@b>",      // a surrogate
           "<\xf4\x90\x80\x80@b>",  // beyond U+10FFFF
           "<\"\xff\"@b>",
           "<\"\\\xc3\xbc\"@b>",  // only ASCII is quoted by a backslash
           "<a@\xff>",
           "<a@b.\xc3>",
           "<a@-\xc3\xbc>",  // no hyphen at either end
           "<a@\xc3\xbc->",
           "<a@\xc3\xbc..b>",
           "<a@[tag:\xc3\xbc]>",    // literals are ASCII
           "<\xc2\x80@b>",          // C1 controls
           "<a@\xc2\x85>",          // next line
           "<\xc2\x9f@b>",          //
           "<\"\xe2\x80\xa8\"@b>",  // line separator
           "<a\xe2\x80\xa9@b>",     // paragraph separator
           "\xc3\xbc<a@b>",
       }) {
    EXPECT_EQ(parse_reverse_path(text, Charset::utf8).error, PathError::syntax) << text;
    EXPECT_EQ(parse_forward_path(text, Charset::utf8).error, PathError::syntax) << text;
  }
}

TEST(Utf8PathRulesTest, LimitsAreInOctets) {
  const auto letters = [](size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += "\xc3\xbc";
    return text;
  };
  EXPECT_EQ(parse_forward_path("<" + letters(32) + "@b>", Charset::utf8).error, PathError::none);
  EXPECT_EQ(parse_forward_path("<" + letters(33) + "@b>", Charset::utf8).error,
            PathError::local_part_too_long);
  EXPECT_EQ(parse_forward_path("<a@" + letters(126) + ">", Charset::utf8).error, PathError::none);
  EXPECT_EQ(parse_forward_path("<a@" + letters(127) + ">", Charset::utf8).error,
            PathError::path_too_long);
  EXPECT_EQ(parse_forward_path("<a@" + letters(128) + ">", Charset::utf8).error,
            PathError::domain_too_long);
}

class RefusedPathTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedPathTest, IsRefusedInBothDirections) {
  for (const auto parse : {parse_reverse_path, parse_forward_path}) {
    const ParsedPath parsed = parse(GetParam().text, Charset::ascii);
    EXPECT_EQ(parsed.error, GetParam().error);
    EXPECT_LE(parsed.consumed, GetParam().text.size());
    EXPECT_TRUE(parsed.path.mailbox().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, RefusedPathTest, testing::ValuesIn(kRefused),
                         [](const auto& row) { return std::string(row.param.name); });

// --- where the directions differ -----------------------------------------------------------------

TEST(ReversePathTest, MayBeNull) {
  const ParsedPath parsed = parse_reverse_path("<> BODY=7BIT");
  EXPECT_EQ(parsed.error, PathError::none);
  EXPECT_EQ(parsed.consumed, 2u);
  EXPECT_TRUE(parsed.path.is_null);
  EXPECT_EQ(parsed.path.mailbox(), "");
  EXPECT_EQ(parse_reverse_path("<>x").error, PathError::syntax);
  EXPECT_EQ(parse_forward_path("<>").error, PathError::syntax);
}

TEST(ForwardPathTest, MayBePostmasterInAnyCase) {
  for (const std::string_view text : {"<Postmaster>", "<postmaster>", "<POSTMASTER>"}) {
    const ParsedPath parsed = parse_forward_path(text);
    EXPECT_EQ(parsed.error, PathError::none);
    EXPECT_TRUE(parsed.path.is_postmaster);
    EXPECT_EQ(parsed.path.mailbox(), text.substr(1, text.size() - 2));
    EXPECT_EQ(parse_reverse_path(text).error, PathError::syntax);
  }
  EXPECT_FALSE(parse_forward_path("<postmaster@b>").path.is_postmaster);
  EXPECT_EQ(parse_forward_path("<postmasters>").error, PathError::syntax);
}

TEST(ReversePathTest, MayHaveStrayDotsAndUnderscores) {
  for (const std::string_view text :
       {"<a..b@c>", "<.a@c>", "<a.@c>", "<...a...b...@c>", "<a@b_c>", "<a@_b.c_>", "<@_r:a@b>"}) {
    EXPECT_EQ(parse_reverse_path(text).error, PathError::none) << text;
    EXPECT_EQ(parse_forward_path(text).error, PathError::syntax) << text;
  }
  EXPECT_EQ(parse_reverse_path("<a..b@c>").path.local_part, "a..b");
  EXPECT_EQ(parse_reverse_path("<..@c>").error, PathError::syntax);
  EXPECT_EQ(parse_reverse_path("<a@_-.c>").error, PathError::syntax);
}

TEST(PathTest, EndsAtABlank) {
  const ParsedPath parsed = parse_reverse_path("<\"a> b\"@c> SIZE=1");
  EXPECT_EQ(parsed.error, PathError::none);
  EXPECT_EQ(parsed.consumed, 10u);
  EXPECT_EQ(parsed.path.mailbox(), "\"a> b\"@c");
}

TEST(PathTest, SaysWhereTheSyntaxErrorIs) {
  EXPECT_EQ(parse_forward_path("<a@b!c>").consumed, 4u);
  EXPECT_EQ(parse_forward_path("a@b").consumed, 0u);
}

// --- limits: exactly there, and one past ---------------------------------------------------------

std::string repeat(char c, size_t count) { return std::string(count, c); }

TEST(PathLimitTest, LocalPart) {
  const auto path = [](size_t bytes) { return '<' + repeat('a', bytes) + "@b>"; };
  EXPECT_EQ(parse_forward_path(path(kLocalPartBytesMax)).error, PathError::none);
  EXPECT_EQ(parse_forward_path(path(kLocalPartBytesMax + 1)).error, PathError::local_part_too_long);
  EXPECT_EQ(parse_forward_path(path(4000)).error, PathError::local_part_too_long);
}

TEST(PathLimitTest, QuotesCountForTheLocalPart) {
  const auto path = [](size_t bytes) { return "<\"" + repeat('a', bytes - 2) + "\"@b>"; };
  EXPECT_EQ(parse_forward_path(path(kLocalPartBytesMax)).error, PathError::none);
  EXPECT_EQ(parse_forward_path(path(kLocalPartBytesMax + 1)).error, PathError::local_part_too_long);
}

TEST(PathLimitTest, Path) {
  const auto path = [](size_t bytes) { return "<a@" + repeat('b', bytes - 4) + '>'; };
  const std::string longest = path(kPathBytesMax);
  ASSERT_EQ(longest.size(), kPathBytesMax);
  EXPECT_EQ(parse_forward_path(longest).error, PathError::none);
  EXPECT_EQ(parse_forward_path(path(kPathBytesMax + 1)).error, PathError::path_too_long);
}

TEST(PathLimitTest, SourceRouteCountsForThePath) {
  const auto path = [](size_t bytes) { return "<@" + repeat('r', bytes - 7) + ":a@b>"; };
  const std::string longest = path(kPathBytesMax);
  ASSERT_EQ(longest.size(), kPathBytesMax);
  EXPECT_EQ(parse_reverse_path(longest).error, PathError::none);
  EXPECT_EQ(parse_reverse_path(path(kPathBytesMax + 1)).error, PathError::path_too_long);
}

// The path is too long before its domain is, so the limit of the domain shows by its name.
TEST(PathLimitTest, Domain) {
  const auto path = [](size_t bytes) { return "<a@" + repeat('b', bytes) + '>'; };
  EXPECT_EQ(parse_forward_path(path(kDomainBytesMax)).error, PathError::path_too_long);
  EXPECT_EQ(parse_forward_path(path(kDomainBytesMax + 1)).error, PathError::domain_too_long);
  const std::string label = repeat('b', kLabelBytesMax);
  const std::string longest = label + '.' + label + '.' + label + '.' + label;
  ASSERT_EQ(longest.size(), kDomainBytesMax);
  EXPECT_TRUE(is_domain(longest));
  EXPECT_FALSE(is_domain("b." + longest.substr(1)));
}

// Nobody can have such a domain, so it is none of ours; in a path it is grammatical all the same.
TEST(PathLimitTest, Label) {
  const std::string label = repeat('b', kLabelBytesMax);
  for (const std::string& domain : {label, label + ".test", "test." + label}) {
    EXPECT_TRUE(is_domain(domain)) << domain;
    EXPECT_EQ(parse_forward_path("<a@" + domain + '>').error, PathError::none) << domain;
  }
  for (const std::string& domain : {label + 'b', label + "b.test", "test." + label + 'b'}) {
    EXPECT_FALSE(is_domain(domain)) << domain;
    EXPECT_EQ(parse_forward_path("<a@" + domain + '>').error, PathError::none) << domain;
  }
}

// --- address literals, section 4.1.3 -------------------------------------------------------------

TEST(AddressLiteralTest, TakesEveryForm) {
  for (const std::string_view text : {
           "[0.0.0.0]", "[255.255.255.255]",
           "[010.001.09.000]",  // Snum is 1*3DIGIT, and decimal
           "[IPv6:1:2:3:4:5:6:7:8]", "[ipv6:::]", "[IPv6:::1]", "[IPv6:1::]", "[IPv6:fe80::1:2]",
           "[IPv6:1:2:3::4:5:6]", "[IPv6:ABCD:ef01:2345:6789:abcd:EF01:2345:6789]",
           "[IPv6:1:2:3:4:5:6:192.0.2.1]", "[IPv6:::ffff:192.0.2.1]", "[IPv6:1:2::3:4:192.0.2.1]",
           "[IPv6:64:ff9b::192.0.2.1]", "[X-tag:anything!at*all@here\"]", "[7:x]",
           "[2001:db8::1]",  // not what was meant, but a General-address-literal with the tag 2001
       }) {
    EXPECT_TRUE(is_address_literal(text)) << text;
    EXPECT_EQ(parse_reverse_path("<a@" + std::string(text) + ">").error, PathError::none) << text;
  }
}

TEST(AddressLiteralTest, RefusesTheRest) {
  for (const std::string_view text : {
           "",
           "[",
           "[]",
           "192.0.2.1",
           "[192.0.2.1",
           "[192.0.2.1]x",
           "[192.0.2]",
           "[192.0.2.1.5]",
           "[192.0.2.256]",
           "[192.0.2.0001]",
           "[192.0.2.]",
           "[192..2.1]",
           "[192.0.2.+1]",
           "[ 192.0.2.1]",
           "[IPv6:]",
           "[IPv6::]",
           "[IPv6:1]",
           "[IPv6:1:2:3:4:5:6:7]",
           "[IPv6:1:2:3:4:5:6:7:8:9]",
           "[IPv6:1:2:3:4:5:6:7:]",
           "[IPv6::1:2:3:4:5:6:7]",
           "[IPv6:1::2::3]",
           "[IPv6:1:::2]",
           "[IPv6:1:2:3:4:5:6:7::]",  // "::" must stand for two groups or more
           "[IPv6:1:2:3:4::5:192.0.2.1]",
           "[IPv6:12345::]",
           "[IPv6:g::]",
           "[IPv6:fe80::1%eth0]",
           "[IPv6:192.0.2.1]",
           "[IPv6:::192.0.2.1:5]",
           "[IPv6:1:2:3:4:5:6:7:192.0.2.1]",
           "[tag:]",
           "[:content]",
           "[tag-:content]",
           "[t_g:content]",
           "[tag:a b]",
           "[tag:a[b]",
           "[tag:a\\b]",
       }) {
    EXPECT_FALSE(is_address_literal(text)) << text;
    EXPECT_EQ(parse_reverse_path("<a@" + std::string(text) + ">").error == PathError::none,
              text == "192.0.2.1")  // that is a domain
        << text;
  }
}

TEST(AddressLiteralTest, HasTheLimitOfADomain) {
  const auto literal = [](size_t bytes) { return "[t:" + repeat('x', bytes - 4) + ']'; };
  EXPECT_TRUE(is_address_literal(literal(kDomainBytesMax)));
  EXPECT_FALSE(is_address_literal(literal(kDomainBytesMax + 1)));
}

// --- names and comparison ------------------------------------------------------------------------

TEST(DomainTest, IsStrict) {
  for (const std::string_view text : {"b", "mx.example.org", "a-b.c", "1.2", "xn--bcher-kva"}) {
    EXPECT_TRUE(is_domain(text)) << text;
  }
  for (const std::string_view text : {"", ".", "b.", ".b", "a..b", "-a", "a-", "a_b", "a b", "a@b",
                                      "[1.2.3.4]", "b>", "\xc3\xbc"}) {
    EXPECT_FALSE(is_domain(text)) << text;
  }
}

TEST(DomainTest, MayHaveULabels) {
  EXPECT_TRUE(
      is_domain("b\xc3\xbc"
                "cher.example",
                Charset::utf8));
  EXPECT_TRUE(is_domain("b.example", Charset::utf8));
  for (const std::string_view text : {"\xff", "\xc3\xbc.", "-\xc3\xbc", "\xc3\xbc_"}) {
    EXPECT_FALSE(is_domain(text, Charset::utf8)) << text;
  }
}

TEST(HeloNameTest, IsAnythingPrintable) {
  for (const std::string_view text : {"client.example", "[192.0.2.1]", "my_pc", "-", "a(b)", "~"}) {
    EXPECT_TRUE(is_helo_name(text)) << text;
  }
  for (const std::string_view text :
       {""sv, "a b"sv, " a"sv, "a\t"sv, "a\0b"sv, "a\r"sv, "\x7f"sv, "\x80"sv, "b\xc3\xbc"sv}) {
    EXPECT_FALSE(is_helo_name(text)) << text;
  }
  EXPECT_TRUE(is_helo_name(repeat('a', kHeloBytesMax)));
  EXPECT_FALSE(is_helo_name(repeat('a', kHeloBytesMax + 1)));
}

TEST(EqualLocalPartsTest, SeesThroughQuotes) {
  EXPECT_TRUE(equal_local_parts("user", "user"));
  EXPECT_TRUE(equal_local_parts("\"user\"", "user"));
  EXPECT_TRUE(equal_local_parts("user", "\"u\\ser\""));
  EXPECT_TRUE(equal_local_parts("\"a b\"", "\"a\\ b\""));
  EXPECT_TRUE(equal_local_parts("\"a\\\\\"", "\"\\a\\\\\""));
  EXPECT_TRUE(equal_local_parts("", "\"\""));
}

TEST(EqualLocalPartsTest, TellsOthersApart) {
  EXPECT_FALSE(equal_local_parts("user", "User"));
  EXPECT_FALSE(equal_local_parts("\"user\"", "\"User\""));
  EXPECT_FALSE(equal_local_parts("user", "\"user \""));
  EXPECT_FALSE(equal_local_parts("users", "\"user\""));
  EXPECT_FALSE(equal_local_parts("user", "\"users\""));
  EXPECT_FALSE(equal_local_parts("\"a\\\"\"", "a"));
  EXPECT_FALSE(equal_local_parts("\"", "\"\""));  // a single quote mark quotes nothing
}

}  // namespace
}  // namespace mailrace::core
