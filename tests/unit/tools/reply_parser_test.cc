// SPDX-License-Identifier: GPL-3.0-or-later
// Replies of good and bad servers, whole and octet by octet.
#include "tools/load/reply_parser.h"

#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

// The codes of all replies in `input`, fed in pieces of `piece` octets; "bad" where it is no SMTP,
// "..." where it ends in the middle. A '+' stands behind a reply that offers PIPELINING.
std::string read_all(std::string_view input, size_t piece) {
  ReplyParser parser;
  std::string found;
  bool inside = false;
  while (!input.empty()) {
    std::string_view now = input.substr(0, piece);
    input.remove_prefix(now.size());
    while (!now.empty()) {
      const auto taken = parser.take(core::as_octets(now));
      now.remove_prefix(taken.consumed);
      inside = taken.outcome == ParsedReply::incomplete;
      if (taken.outcome == ParsedReply::malformed) return found + "bad";
      if (taken.outcome == ParsedReply::complete) {
        found += std::to_string(parser.code()) + (parser.offers_pipelining() ? "+ " : " ");
      }
    }
  }
  return inside ? found + "..." : found;
}

struct Replies {
  const char* name;
  std::string input;
  const char* found;
};

std::string repeat(std::string_view text, size_t times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

const std::vector<Replies>& all_replies() {
  static const std::vector<Replies> rows = {
      {"one_line", "220 here\r\n", "220 "},
      {"no_text", "250\r\n", "250 "},
      {"space_and_no_text", "250 \r\n", "250 "},
      {"several_in_a_row", "250 a\r\n250 b\r\n354 go\r\n", "250 250 354 "},
      {"several_lines", "250-a\r\n250-b\r\n250 c\r\n", "250 "},
      {"several_lines_without_text", "250-\r\n250\r\n", "250 "},
      {"line_feed_alone", "220 here\n221 bye\n", "220 221 "},
      {"pipelining_offered", "250-host\r\n250-SIZE 1000\r\n250-PIPELINING\r\n250 HELP\r\n",
       "250+ "},
      {"pipelining_in_the_last_line", "250-host\r\n250 Pipelining\r\n", "250+ "},
      {"pipelining_is_no_greeting", "250 PIPELINING\r\n", "250 "},
      {"pipelining_is_not_a_longer_word", "250-host\r\n250 PIPELININGS\r\n", "250 "},
      {"pipelining_is_forgotten", "250-host\r\n250 PIPELINING\r\n250 ok\r\n", "250+ 250 "},
      {"ends_in_the_middle", "250 ok\r\n25", "250 ..."},
      {"more_lines_announced", "250-a\r\n", "..."},
      {"codes_differ", "250-a\r\n251 b\r\n", "bad"},
      {"no_code", "hello\r\n", "bad"},
      {"empty_line", "\r\n", "bad"},
      {"two_digits", "25\r\n", "bad"},
      {"code_too_low", "199 a\r\n", "bad"},
      {"code_too_high", "600 a\r\n", "bad"},
      {"four_digits", "2500 a\r\n", "bad"},
      {"bad_separator", "250_a\r\n", "bad"},
      {"bad_behind_good", "220 a\r\nHTTP/1.1 400\r\n", "220 bad"},
      {"longest_line", "220 " + std::string(core::kRemoteReplyLineBytesMax - 5, 'x') + "\r\n",
       "220 "},
      {"line_too_long", "220 " + std::string(core::kRemoteReplyLineBytesMax, 'x') + "\r\n", "bad"},
      {"line_too_long_without_end", "220 " + std::string(5 * core::kRemoteReplyLineBytesMax, 'x'),
       "bad"},
      {"most_lines", repeat("250-a\r\n", core::kRemoteReplyLinesMax - 1) + "250 a\r\n", "250 "},
      {"too_many_lines", repeat("250-a\r\n", core::kRemoteReplyLinesMax) + "250 a\r\n", "bad"},
  };
  return rows;
}

class ReplyParserTest : public testing::TestWithParam<Replies> {};

TEST_P(ReplyParserTest, FindsTheSameHoweverTheStreamIsSplit) {
  const Replies& row = GetParam();
  for (const size_t piece :
       {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{300}, row.input.size()}) {
    EXPECT_EQ(read_all(row.input, piece), row.found) << "in pieces of " << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, ReplyParserTest, testing::ValuesIn(all_replies()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ReplyParser, SeesWhetherChunkingIsOffered) {
  ReplyParser parser;
  parser.take(core::as_octets("250-CHUNKING\r\n250-PIPELINING\r\n250 CHUNKINGS\r\n"));
  EXPECT_FALSE(parser.offers_chunking());
  parser.take(core::as_octets("250-host\r\n250-chunking\r\n250 HELP\r\n"));
  EXPECT_TRUE(parser.offers_chunking());
  EXPECT_FALSE(parser.offers_pipelining());
  parser.take(core::as_octets("250 ok\r\n"));
  EXPECT_FALSE(parser.offers_chunking());
}

TEST(ReplyParser, KeepsTheLastLineForMessages) {
  ReplyParser parser;
  for (const char octet : std::string_view("550-5.1.1 no\r\n550 5.1.1 such user\r\n")) {
    parser.take(core::as_octets({&octet, 1}));
  }
  EXPECT_EQ(parser.last_line(), "550 5.1.1 such user");
}

TEST(ReplyParser, BeginsAnewAfterReset) {
  ReplyParser parser;
  parser.take(core::as_octets("250-half\r\n25"));
  parser.reset();
  const auto taken = parser.take(core::as_octets("421 bye\r\n"));
  EXPECT_EQ(taken.outcome, ParsedReply::complete);
  EXPECT_EQ(parser.code(), 421u);
}

}  // namespace
}  // namespace mailrace::tools
