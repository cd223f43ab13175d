// SPDX-License-Identifier: GPL-3.0-or-later
// The EHLO reply: its form, its length, and that what it offers is there.
#include "core/smtp/extensions.h"

#include "core/base/limits.h"
#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

// RFC 5321 section 4.1.1.1: hyphens on all lines but the last, the domain on the first.
TEST(EhloReplyTest, HasALineForEachKeyword) {
  EXPECT_EQ(ehlo_reply({.hostname = "mx.test", .message_bytes_max = 67108864}),
            "250-mx.test\r\n"
            "250-PIPELINING\r\n"
            "250-SIZE 67108864\r\n"
            "250-8BITMIME\r\n"
            "250 ENHANCEDSTATUSCODES\r\n");
}

TEST(EhloReplyTest, FitsWithTheLongestNameAndSize) {
  const std::string reply =
      ehlo_reply({.hostname = std::string(kDomainBytesMax, 'a'), .message_bytes_max = UINT64_MAX});
  EXPECT_LE(reply.size(), kReplyBytesMax);
  EXPECT_EQ(tests::defect_of_replies(reply), "");
}

struct Offer {
  const char* name;
  const char* mail;
  const char* codes;
};

// SIZE of RFC 1870 and 8BITMIME of RFC 6152 come with parameters; others belong to no offer.
constexpr Offer kOffers[] = {
    {"size", "MAIL FROM:<a@b.test> SIZE=1000", "250/2.1.0"},
    {"size_over_the_limit", "MAIL FROM:<a@b.test> SIZE=1001", "552/5.3.4"},
    {"eight_bit", "MAIL FROM:<a@b.test> BODY=8BITMIME", "250/2.1.0"},
    {"seven_bit", "MAIL FROM:<a@b.test> BODY=7BIT", "250/2.1.0"},
    {"binary", "MAIL FROM:<a@b.test> BODY=BINARYMIME", "501/5.5.4"},
    {"utf8", "MAIL FROM:<a@b.test> SMTPUTF8", "555/5.5.4"},
    {"dsn", "MAIL FROM:<a@b.test> RET=HDRS", "555/5.5.4"},
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
