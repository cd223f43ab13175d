// SPDX-License-Identifier: GPL-3.0-or-later
// The BDAT argument, octet for octet; chunks that end where they were said to.
#include "core/smtp/chunked_data.h"

#include "tests/support/mail_data_reference.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace mailrace::core {
namespace {

using std::string_view_literals::operator""sv;

// --- the argument -------------------------------------------------------------------------------

struct Argument {
  const char* name;
  std::string_view text;
  std::optional<uint64_t> bytes;  // nothing: refused
  bool is_last = false;
};

constexpr Argument kArguments[] = {
    {"size", "86", 86},
    {"zero", "0", 0},
    {"zero_last", "0 LAST", 0, true},
    {"last", "324 LAST", 324, true},
    {"last_in_any_case", "324 lAsT", 324, true},
    {"leading_zeros", "00000000000000000000000005", 5},
    {"past_32_bits", "4294967301 LAST", 4294967301, true},
    {"largest", "18446744073709551615", UINT64_MAX},
    {"past_64_bits", "18446744073709551616", UINT64_MAX},
    {"far_past_64_bits", "99999999999999999999999999999999999999 LAST", UINT64_MAX, true},
    {"empty", "", std::nullopt},
    {"plus", "+5", std::nullopt},
    {"minus", "-5", std::nullopt},
    {"fraction", "1.5", std::nullopt},
    {"hexadecimal", "0x5", std::nullopt},
    {"exponent", "5e1", std::nullopt},
    {"unit", "5K", std::nullopt},
    {"comma", "5,LAST", std::nullopt},
    {"blank_in_front", " 5", std::nullopt},
    {"tab_before_last", "5\tLAST", std::nullopt},
    {"two_blanks_before_last", "5  LAST", std::nullopt},
    {"blank_behind", "5 ", std::nullopt},
    {"something_behind_last", "5 LAST LAST", std::nullopt},
    {"longer_than_last", "5 LASTS", std::nullopt},
    {"shorter_than_last", "5 LAS", std::nullopt},
    {"another_word", "5 FIRST", std::nullopt},
    {"last_alone", "LAST", std::nullopt},
    {"last_without_blank", "5LAST", std::nullopt},
    {"two_sizes", "5 6", std::nullopt},
    {"nul", "5\0"sv, std::nullopt},
    {"nul_in_last", "5 LA\0T"sv, std::nullopt},
    {"bare_lf", "5\n6", std::nullopt},
    {"superscript_two", "\xb2", std::nullopt},
    {"arabic_digit", "\xd9\xa5", std::nullopt},
};

class BdatArgumentTest : public testing::TestWithParam<Argument> {};

TEST_P(BdatArgumentTest, IsReadStrictly) {
  const Argument& row = GetParam();
  const auto chunk = parse_bdat_argument(row.text);
  ASSERT_EQ(chunk.has_value(), row.bytes.has_value());
  if (!chunk) return;
  EXPECT_EQ(chunk->bytes, *row.bytes);
  EXPECT_EQ(chunk->is_last, row.is_last);
}

INSTANTIATE_TEST_SUITE_P(Rfc3030, BdatArgumentTest, testing::ValuesIn(kArguments),
                         [](const auto& row) { return std::string(row.param.name); });

// --- chunks -------------------------------------------------------------------------------------

struct Fed {
  std::string content;
  DataDefect defect = DataDefect::none;
  uint64_t bytes = 0;

  bool operator==(const Fed&) const = default;
};

// The chunks, each followed by octets that are not its own, in pieces of so many octets.
Fed feed(const std::vector<std::string_view>& chunks, size_t piece_bytes, bool is_text = true,
         BareNewline bare_newline = BareNewline::reject) {
  ChunkedData data;
  data.begin(is_text, bare_newline);
  Fed fed;
  for (const std::string_view chunk : chunks) {
    data.begin_chunk(chunk.size(), /*wanted=*/true);
    const std::string wire = std::string(chunk) + "BDAT 5\r\n";
    size_t used = 0;
    while (!data.at_end_of_chunk()) {
      const auto piece = std::string_view(wire).substr(used, piece_bytes);
      const ChunkStep step = data.feed(as_octets(piece));
      EXPECT_EQ(step.content.size(), step.consumed);
      fed.content += as_text(step.content);
      used += step.consumed;
    }
    EXPECT_EQ(used, chunk.size());
  }
  data.end();
  fed.defect = data.defect();
  fed.bytes = data.bytes();
  return fed;
}

struct Chunks {
  const char* name;
  std::vector<std::string_view> chunks;
  DataDefect defect = DataDefect::none;  // in text, where bare newlines are rejected
};

constexpr auto kBare = DataDefect::bare_newline;

const Chunks kChunks[] = {
    {"nothing", {""}},
    {"one", {"a\r\nb\r\n"}},
    {"no_line_end_is_added", {"a"}},
    {"dots_mean_nothing", {".\r\n..\r\n.a\r\n.\r\n", ".", "."}},
    {"crlf_across_chunks", {"a\r", "\nb\r", "\n"}},
    {"end_of_data_across_chunks", {"\r", "\n", ".", "\r", "\n"}},
    {"empty_chunks_between", {"a\r", "", "", "\nb"}},
    {"eight_bit_and_nul", {"\xff\0\r\n"sv}},
    {"bare_lf", {"a\nb"}, kBare},
    {"bare_cr", {"a\rb"}, kBare},
    {"lf_first", {"\na"}, kBare},
    {"lf_first_of_a_chunk", {"a", "\nb"}, kBare},
    {"cr_last_of_a_chunk", {"a\r", "b"}, kBare},
    {"cr_last_of_all", {"a\r\nb\r"}, kBare},
    {"cr_and_an_empty_last_chunk", {"a\r", ""}, kBare},
    {"cr_cr_lf", {"a\r\r\n"}, kBare},
    {"lf_behind_a_dot_that_begins_a_line", {"a\r\n.\n"}, kBare},
    {"cr_behind_a_dot_that_begins_a_line", {"a\r\n.\rb"}, kBare},
    {"lf_behind_dots", {".\r\n.\r\n.\n"}, kBare},
};

class ChunkedDataTest : public testing::TestWithParam<Chunks> {};

TEST_P(ChunkedDataTest, IsWhatWasSent) {
  const Chunks& row = GetParam();
  std::string mail;
  for (const std::string_view chunk : row.chunks) mail += chunk;
  EXPECT_EQ(tests::reference_chunked_data(mail), row.defect);
  for (size_t piece = 1; piece <= mail.size() + 10; ++piece) {
    EXPECT_EQ(feed(row.chunks, piece), (Fed{mail, row.defect, mail.size()})) << piece;
    const Fed kept{mail, DataDefect::none, mail.size()};
    EXPECT_EQ(feed(row.chunks, piece, /*is_text=*/false), kept) << piece;
    EXPECT_EQ(feed(row.chunks, piece, /*is_text=*/true, BareNewline::keep), kept) << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc3030, ChunkedDataTest, testing::ValuesIn(kChunks),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ChunkedDataTest, CountsOffWhatIsNotWanted) {
  ChunkedData data;
  data.begin_chunk(5, /*wanted=*/false);  // no mail was ever begun
  const ChunkStep step = data.feed(as_octets("a\nb\rcNOOP"));
  EXPECT_EQ(step.consumed, 5u);
  EXPECT_TRUE(step.content.empty());
  EXPECT_TRUE(data.at_end_of_chunk());
  EXPECT_EQ(data.bytes(), 0u);
  EXPECT_EQ(data.defect(), DataDefect::none);
  EXPECT_EQ(data.feed(as_octets("NOOP")).consumed, 0u);
}

TEST(ChunkedDataTest, BeginForgetsTheMailBefore) {
  ChunkedData data;
  data.begin(/*is_text=*/true, BareNewline::reject);
  data.begin_chunk(2, true);
  (void)data.feed(as_octets("\n\r"));
  EXPECT_EQ(data.defect(), DataDefect::bare_newline);
  data.begin(/*is_text=*/true, BareNewline::reject);
  EXPECT_EQ(data.defect(), DataDefect::none);
  EXPECT_EQ(data.bytes(), 0u);
  data.begin_chunk(1, true);
  (void)data.feed(as_octets("a"));
  data.end();
  EXPECT_EQ(data.defect(), DataDefect::none);
}

}  // namespace
}  // namespace mailrace::core
