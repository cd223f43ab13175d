// SPDX-License-Identifier: GPL-3.0-or-later
// MailData on mail data as RFC 5321 has it, and on all that resembles its end but is not.
#include "core/smtp/mail_data.h"

#include "tests/support/mail_data_reference.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

using std::string_view_literals::operator""sv;

constexpr uint64_t kBytesMax = 100;
constexpr auto kBare = DataDefect::bare_newline;

struct Data {
  const char* name;
  std::string_view wire;     // up to and with the end
  std::string_view content;  // without a defect: all of it
  DataDefect defect = DataDefect::none;
};

constexpr Data kData[] = {
    {"empty", ".\r\n", ""},
    {"one_line", "a\r\n.\r\n", "a\r\n"},
    {"one_empty_line", "\r\n.\r\n", "\r\n"},
    {"dot_in_a_line", "a.b.\r\n.\r\n", "a.b.\r\n"},
    {"doubled_dot", "..\r\n.\r\n", ".\r\n"},
    {"doubled_dot_and_text", "..a\r\n.\r\n", ".a\r\n"},
    {"doubled_dot_in_the_middle", "a\r\n..b\r\n.\r\n", "a\r\n.b\r\n"},
    {"three_dots", "...\r\n.\r\n", "..\r\n"},
    {"dot_that_was_not_doubled", ".a\r\n.\r\n", "a\r\n"},
    {"dot_and_blank", ". \r\n.\r\n", " \r\n"},
    {"nul_is_kept", "a\0b\r\n.\r\n"sv, "a\0b\r\n"sv},
    {"eight_bit_is_kept", "\xff\x8d\x8a\xae\r\n.\r\n", "\xff\x8d\x8a\xae\r\n"},
    {"lf_dot_lf", "a\n.\n\r\n.\r\n", "", kBare},
    {"lf_dot_crlf", "a\n.\r\n\r\n.\r\n", "", kBare},
    {"crlf_dot_lf", "a\r\n.\nb\r\n.\r\n", "a\r\n", kBare},
    {"crlf_dot_cr", "a\r\n.\rb\r\n.\r\n", "a\r\n", kBare},
    {"crlf_dot_cr_cr_lf", "a\r\n.\r\r\n.\r\n", "a\r\n", kBare},
    {"cr_dot_cr", "a\r.\r\r\n.\r\n", "", kBare},
    {"cr_dot_crlf", "a\r.\r\n\r\n.\r\n", "", kBare},
    {"cr_cr_lf_dot_crlf_is_the_end", "a\r\r\n.\r\n", "", kBare},
    {"lf_cr_lf_dot_crlf_is_the_end", "a\n\r\n.\r\n", "", kBare},
    {"dot_lf_first", ".\n\r\n.\r\n", "", kBare},
    {"dot_cr_first", ".\ra\r\n.\r\n", "", kBare},
    {"lf_first", "\n.\r\n\r\n.\r\n", "", kBare},
    {"crlf_lf_dot_crlf", "a\r\n\n.\r\n\r\n.\r\n", "a\r\n", kBare},
    {"stuffed_dot_then_lf", "..\n.\r\n\r\n.\r\n", ".", kBare},
    {"nul_between", "a\r\0\n.\r\n\r\n.\r\n"sv, "", kBare},
    {"bare_lf_in_the_last_line", "a\r\nb\nc\r\n.\r\n", "a\r\nb", kBare},
    {"after_a_defect_a_stuffed_dot_ends_nothing", "\n\r\n..\r\n.\r\n", "", kBare},
};

class MailDataTest : public testing::TestWithParam<Data> {};

TEST_P(MailDataTest, EndsWhereTheStandardSays) {
  const Data& row = GetParam();
  const std::string wire = std::string(row.wire) + "MAIL FROM:<a@b>\r\n.\r\n";
  const auto outcome =
      tests::feed_mail_data(wire, kBytesMax, [](auto rest) { return rest.size(); });
  EXPECT_TRUE(outcome.ended);
  EXPECT_EQ(outcome.consumed, row.wire.size());
  EXPECT_EQ(outcome.defect, row.defect);
  if (row.defect == DataDefect::none) {
    EXPECT_EQ(outcome.content, row.content);
    EXPECT_EQ(outcome.bytes, row.content.size());
  }
  EXPECT_TRUE(outcome.agrees_with(tests::reference_mail_data(wire, kBytesMax)));
}

// What stands behind the end is never touched, and nothing before it is changed.
TEST_P(MailDataTest, EndsThereTooWhereBareNewlinesAreKept) {
  const Data& row = GetParam();
  const std::string wire = std::string(row.wire) + "MAIL FROM:<a@b>\r\n.\r\n";
  constexpr auto kKeep = BareNewline::keep;
  const auto reference = tests::reference_mail_data(wire, kBytesMax, kKeep);
  EXPECT_TRUE(reference.ended);
  EXPECT_EQ(reference.consumed, row.wire.size());
  EXPECT_EQ(reference.defect, DataDefect::none);
  for (size_t split = 0; split <= wire.size(); ++split) {
    const auto pieces = [&](auto rest) {
      const size_t at = wire.size() - rest.size();
      return at < split ? split - at : rest.size();
    };
    const auto outcome = tests::feed_mail_data(wire, kBytesMax, pieces, kKeep);
    EXPECT_TRUE(outcome.agrees_with(reference)) << split;
  }
}

TEST_P(MailDataTest, EndsThereHoweverItIsSplit) {
  const std::string wire = std::string(GetParam().wire) + "MAIL FROM:<a@b>\r\n.\r\n";
  for (uint64_t bytes_max = 0; bytes_max < 10; ++bytes_max) {
    const auto reference = tests::reference_mail_data(wire, bytes_max);
    const auto octet = tests::feed_mail_data(wire, bytes_max, [](auto) { return 1; });
    EXPECT_TRUE(octet.agrees_with(reference)) << bytes_max;
    for (size_t split = 0; split <= wire.size(); ++split) {
      const auto outcome = tests::feed_mail_data(wire, bytes_max, [&](auto rest) {
        const size_t at = wire.size() - rest.size();
        return at < split ? split - at : rest.size();
      });
      EXPECT_TRUE(outcome.agrees_with(reference)) << bytes_max << ' ' << split;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, MailDataTest, testing::ValuesIn(kData),
                         [](const auto& data) { return std::string(data.param.name); });

struct Sized {
  const char* name;
  std::string_view wire;
  uint64_t bytes;  // as RFC 1870 section 5 counts
};

constexpr Sized kSized[] = {
    {"nothing", ".\r\n", 0},
    {"crlf_counts", "ab\r\n.\r\n", 4},
    {"stuffed_dots_do_not_count", "..\r\n..\r\n.\r\n", 6},
    {"nor_does_a_dot_that_was_not_doubled", ".ab\r\n.\r\n", 4},
};

class MailDataSizeTest : public testing::TestWithParam<Sized> {};

TEST_P(MailDataSizeTest, ExactlyTheLimitIsTakenOneOctetMoreIsNot) {
  const Sized& row = GetParam();
  for (const bool by_octet : {false, true}) {
    const auto pieces = [&](auto rest) { return by_octet ? 1 : rest.size(); };
    const auto exact = tests::feed_mail_data(row.wire, row.bytes, pieces);
    EXPECT_EQ(exact.defect, DataDefect::none);
    EXPECT_EQ(exact.bytes, row.bytes);
    EXPECT_TRUE(exact.ended);
    if (row.bytes == 0) continue;
    const auto over = tests::feed_mail_data(row.wire, row.bytes - 1, pieces);
    EXPECT_EQ(over.defect, DataDefect::too_large);
    EXPECT_EQ(over.bytes, row.bytes - 1);
    EXPECT_EQ(over.consumed, row.wire.size());
    EXPECT_TRUE(over.ended);
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc1870, MailDataSizeTest, testing::ValuesIn(kSized),
                         [](const auto& sized) { return std::string(sized.param.name); });

// Which of two defects comes first is a matter of the octets, not of how they arrive.
TEST(MailDataTest, TheLimitComesFirstIfItIsMetFirst) {
  const std::string_view wire = "abcd\nef\r\n.\r\n";
  for (const size_t first : {1u, 4u, 5u, 12u}) {
    const auto pieces = [&](auto rest) { return rest.size() == wire.size() ? first : rest.size(); };
    EXPECT_EQ(tests::feed_mail_data(wire, 3, pieces).defect, DataDefect::too_large) << first;
    EXPECT_EQ(tests::feed_mail_data(wire, 4, pieces).defect, DataDefect::bare_newline) << first;
  }
}

TEST(MailDataTest, ContentIsBorrowedNotCopied) {
  const std::string wire = "a line\r\n..another\r\n";
  MailData mail_data;
  mail_data.begin(kBytesMax);
  const Octets input = as_octets(wire);
  const MailDataStep first = mail_data.feed(input);
  EXPECT_EQ(first.content.data(), input.data());
  EXPECT_EQ(as_text(first.content), "a line\r\n");
  EXPECT_EQ(first.consumed, 9u);  // with the dot that goes
  const MailDataStep second = mail_data.feed(input.subspan(first.consumed));
  EXPECT_EQ(second.content.data(), input.data() + first.consumed);
  EXPECT_EQ(as_text(second.content), ".another\r\n");
}

TEST(MailDataTest, BeginForgetsTheMailBefore) {
  MailData mail_data;
  mail_data.begin(1);
  (void)mail_data.feed(as_octets("abc\n"));
  EXPECT_EQ(mail_data.defect(), DataDefect::too_large);
  mail_data.begin(kBytesMax);
  EXPECT_EQ(mail_data.defect(), DataDefect::none);
  EXPECT_EQ(mail_data.bytes(), 0u);
  // The line begins anew, too.
  EXPECT_FALSE(mail_data.feed(as_octets(".")).ended);
  EXPECT_FALSE(mail_data.feed(as_octets("\r")).ended);
  EXPECT_TRUE(mail_data.feed(as_octets("\n")).ended);
}

}  // namespace
}  // namespace mailrace::core
