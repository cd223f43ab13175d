// SPDX-License-Identifier: GPL-3.0-or-later
// parse_command() and split_path_argument() on lines as clients send them, and as attackers do.
#include "core/smtp/command.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

using namespace std::string_view_literals;

struct Line {
  const char* name;
  std::string_view line;
  Verb verb;
  std::string_view argument;
  bool malformed = false;
  bool has_8bit = false;
};

constexpr Line kLines[] = {
    {"empty", "", Verb::unknown, ""},
    {"verb_alone", "QUIT", Verb::quit, ""},
    {"lower_case", "quit", Verb::quit, ""},
    {"verb_and_argument", "EHLO client.example", Verb::ehlo, "client.example"},
    {"long_verb", "STARTTLS", Verb::starttls, ""},
    {"long_verb_and_argument", "STARTTLS now", Verb::starttls, "now"},
    {"mail", "MAIL FROM:<a@b> SIZE=1", Verb::mail, "FROM:<a@b> SIZE=1"},
    {"white_space_at_the_end", "DATA \t ", Verb::data, ""},
    {"white_space_behind_the_argument", "NOOP x \t", Verb::noop, "x"},
    {"one_blank_is_the_separator", "NOOP  x", Verb::noop, " x"},
    {"tab_separates", "NOOP\tx", Verb::noop, "x"},
    {"blank_in_front", " QUIT", Verb::unknown, "QUIT"},
    {"only_white_space", " \t ", Verb::unknown, ""},
    {"unknown_verb", "WIZ debug", Verb::unknown, "debug"},
    {"http", "GET / HTTP/1.1", Verb::unknown, "/ HTTP/1.1"},
    {"known_but_unimplemented", "ETRN example.com", Verb::unimplemented, "example.com"},
    {"tab_in_the_argument", "NOOP a\tb", Verb::noop, "a\tb", true},
    {"tab_behind_the_separator", "NOOP \tb", Verb::noop, "\tb", true},
    {"nul", "NOOP a\0b"sv, Verb::noop, "a\0b"sv, true},
    {"nul_at_the_end", "QUIT\0"sv, Verb::unknown, "", true},
    {"bare_lf_hides_no_command", "NOOP\nQUIT", Verb::unknown, "", true},
    {"bare_cr", "NOOP a\rb", Verb::noop, "a\rb", true},
    {"cr_at_the_end", "QUIT\r", Verb::unknown, "", true},
    {"del", "HELO a\x7f", Verb::helo, "a\x7f", true},
    {"escape_first", "\x1b[A", Verb::unknown, "", true},
    {"short_line_with_control", "a\x01", Verb::unknown, "", true},
    {"eight_bit", "NOOP \xc3\xa4", Verb::noop, "\xc3\xa4", false, true},
    {"eight_bit_in_a_short_line", "\xff", Verb::unknown, "", false, true},
    {"eight_bit_that_resembles_del", "NOOP \xff", Verb::noop, "\xff", false, true},
    {"eight_bit_that_resembles_nul", "NOOP \x80", Verb::noop, "\x80", false, true},
    {"eight_bit_and_control", "NOOP \x80\x01", Verb::noop, "\x80\x01", true, true},
};

class ParseCommandTest : public testing::TestWithParam<Line> {};

TEST_P(ParseCommandTest, TakesTheLineApart) {
  const Line& row = GetParam();
  const Command command = parse_command(row.line);
  EXPECT_EQ(command.verb, row.verb);
  EXPECT_EQ(command.argument, row.argument);
  EXPECT_EQ(command.malformed, row.malformed);
  EXPECT_EQ(command.has_8bit, row.has_8bit);
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, ParseCommandTest, testing::ValuesIn(kLines),
                         [](const auto& line) { return std::string(line.param.name); });

TEST(ParseCommandTest, KeepsTheWordAsWritten) {
  EXPECT_EQ(parse_command("Post /").word, "Post");
  EXPECT_EQ(parse_command("Received: x").word, "Received:");
}

// Octets are looked at eight at a time: every octet at every place of every short line.
TEST(ParseCommandTest, SeesEveryOctetAtEveryPlace) {
  for (size_t size = 1; size <= 40; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (int octet = 0; octet < 256; ++octet) {
        if (octet == '\t') continue;  // judged by its place
        std::string line(size, 'x');
        line[at] = char(octet);
        const Command command = parse_command(line);
        ASSERT_EQ(command.malformed, octet < 0x20 || octet == 0x7f)
            << size << ' ' << at << ' ' << octet;
        ASSERT_EQ(command.has_8bit, octet >= 0x80) << size << ' ' << at << ' ' << octet;
      }
    }
  }
}

struct Split {
  const char* name;
  std::string_view argument;
  std::string_view path;
  std::string_view parameters;
};

constexpr Split kSplits[] = {
    {"path_alone", "FROM:<a@b>", "<a@b>", ""},
    {"keyword_in_lower_case", "from:<a@b>", "<a@b>", ""},
    {"null_path", "FROM:<>", "<>", ""},
    {"blank_behind_the_colon", "FROM: <a@b>", "<a@b>", ""},
    {"blanks_behind_the_colon", "FROM:   <a@b> SIZE=1", "<a@b>", "SIZE=1"},
    {"parameters", "FROM:<a@b> SIZE=1 BODY=8BITMIME", "<a@b>", "SIZE=1 BODY=8BITMIME"},
    {"blanks_before_parameters", "FROM:<a@b>   SIZE=1", "<a@b>", "SIZE=1"},
    {"quoted_blank", "FROM:<\"a b\"@c> SIZE=1", "<\"a b\"@c>", "SIZE=1"},
    {"quoted_bracket", "FROM:<\"a> b\"@c> SIZE=1", "<\"a> b\"@c>", "SIZE=1"},
    {"quoted_pair", "FROM:<\"a\\\" b\"@c> SIZE=1", "<\"a\\\" b\"@c>", "SIZE=1"},
    {"quote_mark_in_a_literal", "FROM:<a@[x:\"]> SIZE=1", "<a@[x:\"]>", "SIZE=1"},
    {"bracket_in_quotes", "FROM:<\"[ \"@b> SIZE=1", "<\"[ \"@b>", "SIZE=1"},
    {"open_quote_takes_all", "FROM:<\"a b@c> SIZE=1", "<\"a b@c> SIZE=1", ""},
    {"backslash_at_the_end", "FROM:<\"a \\", "<\"a \\", ""},
    {"nothing_behind_the_colon", "FROM:", "", ""},
    {"no_brackets", "FROM:a@b SIZE=1", "a@b", "SIZE=1"},
};

class SplitPathArgumentTest : public testing::TestWithParam<Split> {};

TEST_P(SplitPathArgumentTest, FindsTheEndOfThePath) {
  const auto split = split_path_argument(GetParam().argument, "FROM:");
  ASSERT_TRUE(split);
  EXPECT_EQ(split->path, GetParam().path);
  EXPECT_EQ(split->parameters, GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, SplitPathArgumentTest, testing::ValuesIn(kSplits),
                         [](const auto& split) { return std::string(split.param.name); });

TEST(SplitPathArgumentTest, RefusesWhatDoesNotBeginWithTheKeyword) {
  for (const std::string_view argument :
       {"", "FROM", "FROM <a@b>", "FROM :<a@b>", "TO:<a@b>", "<a@b>", " FROM:<a@b>"}) {
    EXPECT_FALSE(split_path_argument(argument, "FROM:")) << argument;
  }
  EXPECT_TRUE(split_path_argument("To:<a@b>", "TO:"));
}

}  // namespace
}  // namespace mailrace::core
