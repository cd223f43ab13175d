// SPDX-License-Identifier: GPL-3.0-or-later
// STARTTLS: when it is taken, what the session knows afterwards, and where it must come first.
#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

using tests::codes_of;
using tests::SessionDriver;
using tests::SessionRules;

SessionRules offering() { return {.client = {.offers_tls = true}}; }
SessionRules requiring() { return {.client = {.offers_tls = true, .needs_tls = true}}; }

// The codes of the replies behind the greeting.
std::string codes_behind_greeting(const SessionDriver& driver) {
  const std::string codes = codes_of(driver.transcript().replies);
  return codes.substr(codes.find(' ') + 1);
}

TEST(StarttlsTest, StartsTheSessionAnew) {
  SessionDriver driver(offering());
  driver.send("EHLO first.test\r\n");
  driver.send("STARTTLS\r\n");
  EXPECT_TRUE(driver.transcript().encrypted);
  EXPECT_EQ(driver.session().helo(), "");
  EXPECT_FALSE(driver.session().is_extended());
  EXPECT_TRUE(driver.session().is_encrypted());
  driver.send("MAIL FROM:<a@b>\r\n");
  driver.send("EHLO second.test\r\n");
  driver.send("STARTTLS\r\n");
  driver.send("MAIL FROM:<a@b> REQUIRETLS\r\n");
  EXPECT_EQ(codes_behind_greeting(driver), "250 220/2.0.0 503/5.5.1 250 503/5.5.1 250/2.1.0");
}

TEST(StarttlsTest, IsRefusedWithOctetsBehindItWhateverTheyAre) {
  for (const std::string_view behind : {"RSET\r\n", "x", "\x16\x03\x01"}) {
    SessionDriver driver(offering());
    driver.send("EHLO c.test\r\n");
    driver.send("STARTTLS\r\n" + std::string(behind));
    EXPECT_EQ(codes_behind_greeting(driver), "250 554/5.5.1");
    EXPECT_TRUE(driver.transcript().closed);
    EXPECT_FALSE(driver.transcript().encrypted);
  }
}

TEST(StarttlsTest, IsForAfterTransactionsOnlyAndHasNoArgument) {
  SessionDriver driver(offering());
  driver.send("EHLO c.test\r\nMAIL FROM:<a@b>\r\n");
  driver.send("STARTTLS\r\n");
  driver.send("RSET\r\n");
  driver.send("STARTTLS x\r\n");
  EXPECT_EQ(codes_behind_greeting(driver), "250 250/2.1.0 503/5.5.1 250/2.0.0 501/5.5.4");
  EXPECT_FALSE(driver.transcript().encrypted);
}

TEST(StarttlsTest, IsNotThereUnlessItIsOffered) {
  SessionDriver driver;
  driver.send("EHLO c.test\r\n");
  driver.send("STARTTLS\r\n");
  EXPECT_EQ(codes_behind_greeting(driver), "250 502/5.5.1");
  EXPECT_EQ(driver.transcript().replies.find("STARTTLS"), std::string::npos);
}

TEST(StarttlsTest, ARefusalEndsTheSession) {
  SessionDriver driver(offering().refusing(Question::tls, ReplyId::too_many_handshakes));
  driver.send("EHLO c.test\r\n");
  driver.send("STARTTLS\r\n");
  EXPECT_EQ(codes_behind_greeting(driver), "250 421/4.7.0");
  EXPECT_TRUE(driver.transcript().closed);
}

TEST(StarttlsTest, MustComeBeforeMailWhereItIsNeeded) {
  SessionDriver driver(requiring());
  driver.send("EHLO c.test\r\n");
  for (const std::string_view line :
       {"HELO c.test\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<a@b>\r\n", "DATA\r\n", "RSET\r\n",
        "VRFY a\r\n", "HELP\r\n", "BDAT 2 LAST\r\nab", "NOOP\r\n", "WIZ\r\n"}) {
    driver.send(line);
  }
  driver.send("STARTTLS\r\n");
  driver.send("EHLO c.test\r\nMAIL FROM:<a@b>\r\n");
  EXPECT_EQ(codes_behind_greeting(driver),
            "250 530/5.7.0 530/5.7.0 530/5.7.0 530/5.7.0 530/5.7.0 530/5.7.0 530/5.7.0 530/5.7.0 "
            "250/2.0.0 500/5.5.1 220/2.0.0 250 250/2.1.0");
}

TEST(StarttlsTest, WhoNeverBeginsIsNotListenedToForEver) {
  SessionDriver driver(requiring());
  for (uint32_t i = 0; i <= kErrorsDefault; ++i) driver.send("MAIL FROM:<a@b>\r\n");
  EXPECT_TRUE(driver.transcript().closed);
}

TEST(StarttlsTest, NothingIsNeededUnderTlsFromTheStart) {
  SessionRules rules = requiring();
  rules.is_encrypted = true;
  SessionDriver driver(rules);
  driver.send("EHLO c.test\r\nMAIL FROM:<a@b>\r\n");
  EXPECT_EQ(codes_behind_greeting(driver), "250 250/2.1.0");
}

}  // namespace
}  // namespace mailrace::core
