// SPDX-License-Identifier: GPL-3.0-or-later
// The id in a header section, wherever it stands and however the mail is split; records as text.
#include "tools/sink/mail_digest.h"

#include "core/base/crc32c.h"
#include "core/base/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace mailrace::tools {
namespace {

constexpr std::string_view kBehind = "Subject: x\r\n\r\n.text\r\n";

uint32_t crc_of(std::string_view text) { return core::crc32c(0, core::as_octets(text)); }

std::string id_field(uint32_t crc) {
  const std::string line =
      format_record({.id = {0x0123456789abcdef, 42}, .crc = crc, .has_id = true});
  return "X-Mailrace-Load-Id: " + line.substr(0, line.find(' ')) + "\r\n";
}

MailRecord digest(std::string_view mail, size_t piece) {
  MailDigest digest;
  digest.begin();
  for (size_t at = 0; at < mail.size(); at += piece) {
    digest.feed(core::as_octets(mail.substr(at, piece)));
  }
  return digest.record();
}

// As one piece, octet by octet, and in between it is always the same.
MailRecord digest(std::string_view mail) {
  const MailRecord whole = digest(mail, std::max<size_t>(mail.size(), 1));
  for (const size_t piece : {1, 2, 3, 7, 64}) {
    const MailRecord record = digest(mail, piece);
    EXPECT_EQ(format_record(record), format_record(whole)) << piece;
  }
  return whole;
}

void expect_found(const std::string& in_front, const std::string& field) {
  const MailRecord record = digest(in_front + field + std::string(kBehind));
  EXPECT_TRUE(record.has_id) << in_front + field;
  EXPECT_EQ(record.id.run, 0x0123456789abcdefu);
  EXPECT_EQ(record.id.number, 42u);
  EXPECT_EQ(record.crc, crc_of(kBehind));
  EXPECT_EQ(record.size, field.size() + kBehind.size());
  EXPECT_FALSE(record.is_altered);
}

TEST(MailDigest, FindsTheIdBehindTraceFields) {
  const std::string field = id_field(crc_of(kBehind));
  expect_found("", field);
  expect_found("Return-Path: <>\r\n", field);
  expect_found("Return-Path: <>\r\nReceived: from a\r\n\tby b; x\r\n", field);
  expect_found("Received: " + std::string(5000, 'x') + "\r\n", field);
  expect_found("X-Mailrace-Load-Id: 1.2.3\r\n", field);
  std::string loud = field;
  std::transform(loud.begin(), loud.begin() + 18, loud.begin(), core::to_upper);
  expect_found("", loud);
  expect_found("", "X-Mailrace-Load-Id:\t " + field.substr(20, 42) + " \r\n");
}

TEST(MailDigest, SeesThatOctetsAreOthers) {
  const MailRecord record = digest(id_field(crc_of("other")) + std::string(kBehind));
  EXPECT_TRUE(record.has_id);
  EXPECT_TRUE(record.is_altered);
  EXPECT_EQ(record.crc, crc_of(kBehind));
}

TEST(MailDigest, TakesOnlyTheFirstId) {
  const std::string second = id_field(1);
  const MailRecord record = digest(id_field(crc_of(second)) + second);
  EXPECT_FALSE(record.is_altered);
}

TEST(MailDigest, HasTheSumOfAllOctetsWithoutAnId) {
  const std::string field = id_field(0);
  const std::string digits = field.substr(20, 42);
  for (const std::string& mail : {
           std::string(),
           std::string("\r\n"),
           std::string("no line end"),
           "Subject: x\r\n\r\n" + field,                        // in the body
           "Subject: x\r\n " + field,                           // in a folded field
           "Subject: x\n" + field,                              // behind a bare LF
           field.substr(0, field.size() - 2),                   // no line end
           field.substr(0, field.size() - 2) + "\n",            // a bare LF
           "X-Mailrace-Load-Id: " + digits + "0\r\n",           // a digit too many
           "X-Mailrace-Load-Id: " + digits.substr(1) + "\r\n",  // one too few
           "X-Mailrace-Load-Id: " + std::string(16, 'F') + digits.substr(16) + "\r\n",
           "X-Mailrace-Load-Id: " + std::string(40, ' ') + digits + "\r\n",  // too long a line
           "X-Mailrace-Load-Id " + digits + "\r\n",
           "Received: " + std::string(core::kLoadIdSearchBytesMax, 'x') + "\r\n" + field,
       }) {
    const MailRecord record = digest(mail);
    EXPECT_FALSE(record.has_id) << mail.substr(0, 100);
    EXPECT_EQ(record.crc, crc_of(mail));
    EXPECT_EQ(record.size, mail.size());
    EXPECT_FALSE(record.is_altered);
  }
}

TEST(MailRecord, IsALine) {
  MailRecord record{.id = {1, 0xff}, .size = 4096, .crc = 0xabc, .has_id = true};
  EXPECT_EQ(format_record(record), "0000000000000001.00000000000000ff.00000abc 4096");
  record.is_altered = true;
  EXPECT_EQ(format_record(record), "0000000000000001.00000000000000ff.00000abc 4096 altered");
  EXPECT_EQ(format_record({.id = {}, .size = 7, .crc = 0xe3069283}), "-.e3069283 7");
}

TEST(MailRecord, IsReadAsItIsWritten) {
  for (const char* const line : {"0123456789abcdef.fedcba9876543210.00000abc 4096",
                                 "0123456789abcdef.fedcba9876543210.00000abc 0 altered",
                                 "-.e3069283 18446744073709551615"}) {
    const auto record = parse_record(line);
    ASSERT_TRUE(record) << line;
    EXPECT_EQ(format_record(*record), line);
  }
  for (const char* const line :
       {"", "-", "-.e3069283", "-.e3069283 ", "-.e3069283 x", "-.e3069283 01", "-.E3069283 1",
        "-.e3069283 1 altered", "-.e3069283 18446744073709551616", " -.e3069283 1",
        "0123456789abcdef.fedcba9876543210 4096", "0123456789abcdef.fedcba9876543210.00000abc4096",
        "0123456789abcdef.fedcba9876543210.00000abc 4096 alter",
        "0123456789abcdeg.fedcba9876543210.00000abc 4096",
        "0123456789abcdef-fedcba9876543210.00000abc 4096"}) {
    EXPECT_FALSE(parse_record(line)) << line;
  }
}

}  // namespace
}  // namespace mailrace::tools
