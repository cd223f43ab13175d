// SPDX-License-Identifier: GPL-3.0-or-later
// The EHLO reply: its form, its length, and that what it offers is there.
#include "core/smtp/extensions.h"

#include "core/base/limits.h"
#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

constexpr auto kClear = EhloTls::none;
constexpr auto kEncrypted = EhloTls::on;

// RFC 5321 section 4.1.1.1: hyphens on all lines but the last, the domain on the first.
TEST(EhloReplyTest, HasALineForEachKeyword) {
  EXPECT_EQ(ehlo_reply({.hostname = "mx.test", .message_bytes_max = 67108864}, kClear),
            "250-mx.test\r\n"
            "250-PIPELINING\r\n"
            "250-SIZE 67108864\r\n"
            "250-8BITMIME\r\n"
            "250-CHUNKING\r\n"
            "250-BINARYMIME\r\n"
            "250-SMTPUTF8\r\n"
            "250-DSN\r\n"
            "250-MT-PRIORITY\r\n"
            "250-LIMITS RCPTMAX=1000\r\n"
            "250 ENHANCEDSTATUSCODES\r\n");
}

std::string with_xclient(const std::string& reply) {
  char memory[kReplyBytesMax];
  TextBuilder target(memory, sizeof memory);
  add_ehlo_reply_with_xclient(target, reply);
  return std::string(target.text());
}

TEST(EhloReplyTest, OffersXclientBesidesTheRest) {
  EXPECT_EQ(with_xclient("250-mx.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
            "250-mx.test\r\n"
            "250-XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT\r\n"
            "250-PIPELINING\r\n"
            "250 8BITMIME\r\n");
}

TEST(EhloReplyTest, NamesTheLimitsThatAreSet) {
  const std::string reply =
      ehlo_reply({.hostname = "mx.test", .recipients_max = 100, .mails_max = 7}, kClear);
  EXPECT_NE(reply.find("\r\n250-LIMITS RCPTMAX=100 MAILMAX=7\r\n"), std::string::npos);
}

TEST(EhloReplyTest, OffersRequiretlsUnderTlsOnly) {
  const SessionOptions options{.hostname = "mx.test"};
  EXPECT_EQ(ehlo_reply(options, kClear).find("REQUIRETLS"), std::string::npos);
  EXPECT_NE(ehlo_reply(options, kEncrypted).find("\r\n250-REQUIRETLS\r\n"), std::string::npos);
  tests::SessionDriver clear;
  clear.send("EHLO c.test\r\n");
  EXPECT_EQ(clear.transcript().replies.find("REQUIRETLS"), std::string::npos);
  tests::SessionDriver encrypted({.is_encrypted = true});
  encrypted.send("EHLO c.test\r\n");
  EXPECT_NE(encrypted.transcript().replies.find("250-REQUIRETLS"), std::string::npos);
}

TEST(EhloReplyTest, OffersStarttlsInTheClearWhereItIsThere) {
  const SessionOptions options{.hostname = "mx.test"};
  EXPECT_NE(ehlo_reply(options, EhloTls::offered).find("\r\n250-STARTTLS\r\n"), std::string::npos);
  for (const EhloTls tls : {EhloTls::none, EhloTls::on}) {
    EXPECT_EQ(ehlo_reply(options, tls).find("STARTTLS"), std::string::npos);
  }
}

TEST(EhloReplyTest, HasPrdrIfItIsOn) {
  EXPECT_NE(ehlo_reply({.hostname = "mx.test", .prdr = true}, kClear).find("250-PRDR\r\n"),
            std::string::npos);
}

TEST(EhloReplyTest, FitsWithTheLongestNameAndNumbers) {
  const SessionOptions options{.hostname = std::string(kDomainBytesMax, 'a'),
                               .message_bytes_max = UINT64_MAX,
                               .recipients_max = kRecipientsMax,
                               .mails_max = kMailsPerSessionMax,
                               .prdr = true};
  const std::string reply = with_xclient(ehlo_reply(options, kEncrypted));
  EXPECT_LE(reply.size(), kReplyBytesMax);
  EXPECT_EQ(tests::defect_of_replies(reply), "");
}

struct Offer {
  const char* name;
  const char* mail;
  const char* codes;
};

// What is offered comes with parameters; what is not has none.
constexpr Offer kOffers[] = {
    {"size", "MAIL FROM:<a@b.test> SIZE=1000", "250/2.1.0"},
    {"size_over_the_limit", "MAIL FROM:<a@b.test> SIZE=1001", "552/5.3.4"},
    {"eight_bit", "MAIL FROM:<a@b.test> BODY=8BITMIME", "250/2.1.0"},
    {"seven_bit", "MAIL FROM:<a@b.test> BODY=7BIT", "250/2.1.0"},
    {"binary", "MAIL FROM:<a@b.test> BODY=BINARYMIME", "250/2.1.0"},
    {"utf8", "MAIL FROM:<\xc3\xbc@b.test> SMTPUTF8", "250/2.1.0"},
    {"dsn", "MAIL FROM:<a@b.test> RET=HDRS ENVID=x", "250/2.1.0"},
    {"priority", "MAIL FROM:<a@b.test> MT-PRIORITY=0", "250/2.1.0"},
    {"requiretls", "MAIL FROM:<a@b.test> REQUIRETLS", "530/5.7.10"},
    {"deliverby", "MAIL FROM:<a@b.test> BY=120;R", "555/5.5.4"},
    {"futurerelease", "MAIL FROM:<a@b.test> HOLDFOR=60", "555/5.5.4"},
    {"prdr", "MAIL FROM:<a@b.test> PRDR", "555/5.5.4"},
    {"auth", "MAIL FROM:<a@b.test> AUTH=<>", "555/5.5.4"},
};

class OfferTest : public testing::TestWithParam<Offer> {};

TEST_P(OfferTest, IsKept) {
  tests::SessionDriver driver({.message_bytes_max = 1000});
  driver.send("EHLO c.test\r\n");
  const size_t before = driver.transcript().replies.size();
  driver.send(GetParam().mail + std::string("\r\n"));
  EXPECT_EQ(tests::codes_of(driver.transcript().replies.substr(before)), GetParam().codes);
}

INSTANTIATE_TEST_SUITE_P(Rfc1870, OfferTest, testing::ValuesIn(kOffers),
                         [](const auto& offer) { return std::string(offer.param.name); });

}  // namespace
}  // namespace mailrace::core
