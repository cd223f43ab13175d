// SPDX-License-Identifier: GPL-3.0-or-later
// The Received field: its form, what a hostile EHLO argument does to it, and its longest case.
#include "core/message/trace.h"

#include "core/base/limits.h"
#include "core/base/queue_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace mailrace::core {
namespace {

using namespace std::string_view_literals;
using testing::StartsWith;

constexpr WallTime kTime{1'795'484'906'000'000'000};

std::string received(const ReceivedField& field) {
  std::array<char, kReceivedFieldBytesMax> buffer;
  TextBuilder text(buffer.data(), buffer.size());
  add_received_field(text, field);
  EXPECT_FALSE(text.cut());
  return std::string(text.text());
}

ReceivedField example() {
  ReceivedField field;
  field.helo = "client.example";
  field.peer = *parse_ip_address("192.0.2.1");
  field.hostname = "mx.example.test";
  field.queue_id = 1;
  field.for_path = "a@b";
  field.time = kTime;
  return field;
}

TEST(ReceivedFieldTest, HasTheClausesOfTheRfc) {
  EXPECT_EQ(received(example()),
            "Received: from client.example ([192.0.2.1])\r\n"
            "\tby mx.example.test (mailrace) with ESMTP id 0000000000001\r\n"
            "\tfor <a@b>; Tue, 24 Nov 2026 01:48:26 +0000\r\n");
}

TEST(ReceivedFieldTest, NamesNoRecipientIfThereAreSeveral) {
  ReceivedField field = example();
  field.for_path = "";
  EXPECT_EQ(received(field),
            "Received: from client.example ([192.0.2.1])\r\n"
            "\tby mx.example.test (mailrace) with ESMTP id 0000000000001;\r\n"
            "\tTue, 24 Nov 2026 01:48:26 +0000\r\n");
}

TEST(ReceivedFieldTest, TagsIpv6Addresses) {
  ReceivedField field = example();
  field.peer = *parse_ip_address("2001:db8::1");
  EXPECT_THAT(received(field),
              StartsWith("Received: from client.example ([IPv6:2001:db8::1])\r\n"));
}

TEST(ReceivedFieldTest, NamesTheProtocol) {
  ReceivedField field = example();
  field.protocol = TransferProtocol::smtp;
  EXPECT_THAT(received(field), testing::HasSubstr(" with SMTP id "));
  field.protocol = TransferProtocol::esmtps;
  EXPECT_THAT(received(field), testing::HasSubstr(" with ESMTPS id "));
  field.protocol = TransferProtocol::utf8smtp;
  EXPECT_THAT(received(field), testing::HasSubstr(" with UTF8SMTP id "));
  field.protocol = TransferProtocol::utf8smtps;
  EXPECT_THAT(received(field), testing::HasSubstr(" with UTF8SMTPS id "));
}

TEST(ReceivedFieldTest, KeepsQuotedLocalParts) {
  ReceivedField field = example();
  field.for_path = "\"a>b; (c\"@d";
  EXPECT_THAT(received(field), testing::HasSubstr("\r\n\tfor <\"a>b; (c\"@d>; Tue, "));
}

TEST(ReceivedFieldTest, HasUtf8OnlyUnderSmtputf8) {
  ReceivedField field = example();
  field.for_path = "\xc3\xbc@b";
  EXPECT_THAT(received(field), testing::HasSubstr("\r\n\tfor <?\?@b>; Tue, "));
  field.protocol = TransferProtocol::utf8smtp;
  EXPECT_THAT(received(field), testing::HasSubstr("\r\n\tfor <\xc3\xbc@b>; Tue, "));
  field.helo = "\xc3\xbc";
  EXPECT_THAT(received(field), StartsWith("Received: from ?\? ([192.0.2.1])"));
}

struct Helo {
  const char* name;
  std::string_view helo;
  const char* written;
};

constexpr Helo kHelos[] = {
    {"host_name", "MX-1.example.org", "MX-1.example.org"},
    {"underscore", "my_pc", "my_pc"},
    {"ipv4_literal", "[192.0.2.9]", "[192.0.2.9]"},
    {"ipv6_literal", "[IPv6:::1]", "[IPv6:::1]"},
    {"literal_with_comment", "[t:(x]", "[t:?x]"},
    {"literal_in_literal", "[[x]]", "[?x?]"},
    {"empty", "", "?"},
    {"comment", "a(b)c", "a?b?c"},
    {"open_comment", "(", "?"},
    {"end_of_clauses", "a;Tue", "a?Tue"},
    {"quotes", "\"a\"", "?a?"},
    {"backslash", "a\\", "a?"},
    {"brackets", "<a@b>", "?a?b?"},
    {"open_literal", "[192.0.2.9", "?192.0.2.9"},
    {"colon_outside_of_a_literal", "a:b", "a?b"},
    {"lone_bracket", "[", "?"},
    {"new_line", "a\r\nBcc: x", "a??Bcc??x"},
    {"new_line_in_literal", "[a\r\nb]", "[a??b]"},
    {"folding", "a\r\n\tby", "a???by"},
    {"nul", "a\0b"sv, "a?b"},
    {"eight_bit", "b\xc3\xbc", "b??"},
    {"del", "a\x7f", "a?"},
};

class ReceivedHeloTest : public testing::TestWithParam<Helo> {};

TEST_P(ReceivedHeloTest, CannotChangeTheForm) {
  ReceivedField field = example();
  field.helo = GetParam().helo;
  EXPECT_THAT(received(field), StartsWith("Received: from " + std::string(GetParam().written) +
                                          " ([192.0.2.1])\r\n\tby "));
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, ReceivedHeloTest, testing::ValuesIn(kHelos),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ReceivedFieldTest, ReachesItsLimitAndNoFurther) {
  const std::string name(kDomainBytesMax, 'a');
  const std::string helo(kHeloBytesMax, '(');
  const std::string mailbox(kPathBytesMax - 2, 'b');
  ReceivedField field = example();
  field.helo = helo;
  field.peer = *parse_ip_address("1111:2222:3333:4444:5555:6666:7777:8888");
  field.hostname = name;
  field.protocol = TransferProtocol::utf8smtps;
  field.queue_id = UINT64_MAX;
  field.for_path = mailbox;
  const std::string version(kTlsVersionBytesMax, 'v');
  const std::string cipher(kTlsCipherBytesMax, 'c');
  const std::string group(kTlsGroupBytesMax, 'g');
  const std::string client(kTlsClientBytesMax, ' ');
  field.tls = {
      .version = version, .cipher = cipher, .group = group, .server_name = name, .client = client};
  const std::string text = received(field);
  EXPECT_EQ(text.size(), kReceivedFieldBytesMax);
  EXPECT_TRUE(text.ends_with(" 01:48:26 +0000\r\n"));
}

TEST(ReceivedFieldTest, TellsOfTlsInALineOfItsOwn) {
  ReceivedField field = example();
  field.tls = {.version = "TLS1.2", .cipher = "TLS_X"};
  EXPECT_THAT(received(field),
              testing::HasSubstr("])\r\n\t(version=TLS1.2 cipher=TLS_X)\r\n\tby "));
  field.tls = {.version = "TLS1.3",
               .cipher = "TLS_X",
               .group = "X25519",
               .server_name = "mx.test",
               .client = "a b"};
  EXPECT_THAT(received(field), testing::HasSubstr("\t(version=TLS1.3 cipher=TLS_X group=X25519 "
                                                  "sni=mx.test client-cn=\"a b\")\r\n\tby "));
}

TEST(ReceivedFieldDeathTest, RefusesTextPastTheLimits) {
  const std::string helo(kHeloBytesMax + 1, 'a');
  ReceivedField field = example();
  field.helo = helo;
  EXPECT_DEATH(received(field), "check failed");
}

}  // namespace
}  // namespace mailrace::core
