// SPDX-License-Identifier: GPL-3.0-or-later
// What a session bears before it closes, what it never counts, and replies that are held back.
#include "core/base/limits.h"
#include "core/base/prng.h"
#include "core/smtp/server_session.h"
#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

using tests::codes_of;
using tests::SessionDriver;
using tests::SessionRules;

constexpr std::string_view kToData =
    "EHLO c.test\r\nMAIL FROM:<s@c.test>\r\nRCPT TO:<r@d.test>\r\nDATA\r\n";

std::string replies_to(SessionDriver& driver, std::string_view input) {
  const size_t before = driver.transcript().replies.size();
  driver.send(input);
  return driver.transcript().replies.substr(before);
}

std::string codes_to(SessionDriver& driver, std::string_view input) {
  return codes_of(replies_to(driver, input));
}

std::string repeat(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// --- errors -------------------------------------------------------------------------------------

TEST(SessionErrorsTest, TwentyAreAnsweredOneMoreCloses) {
  for (const char* error : {"EHLO\r\n", "EXPN x\r\n", "DATA\r\n", "A\nB\r\n", "BDAT 0\r\n"}) {
    SessionDriver driver;
    EXPECT_EQ(codes_to(driver, repeat(error, kErrorsDefault) + "NOOP\r\n").substr(20 * 10),
              "250/2.0.0");
    EXPECT_EQ(codes_to(driver, error + std::string("NOOP\r\n")), "421/4.7.0");
    EXPECT_TRUE(driver.transcript().closed);
  }
}

TEST(SessionErrorsTest, TheirNumberIsAnOption) {
  SessionDriver driver({.options = {.errors_max = 2}});
  EXPECT_EQ(codes_to(driver, "EHLO\r\nEHLO\r\n"), "501/5.5.4 501/5.5.4");
  EXPECT_EQ(codes_to(driver, "EHLO\r\n"), "421/4.7.0");
}

TEST(SessionErrorsTest, AMailForgivesThem) {
  SessionDriver driver;
  driver.send(repeat("DATA\r\n", kErrorsDefault));
  driver.send(std::string(kToData) + ".\r\n");
  EXPECT_EQ(codes_to(driver, repeat("DATA\r\n", kErrorsDefault) + "NOOP\r\n").substr(200),
            "250/2.0.0");
}

TEST(SessionErrorsTest, TenUnknownVerbsInARow) {
  for (const char* line : {"WIZ\r\n", "\r\n", " NOOP\r\n"}) {
    SessionDriver driver;
    driver.send(repeat(line, kUnknownVerbsMax));
    EXPECT_FALSE(driver.transcript().closed);
    // Commands that get nowhere are no progress, others are.
    driver.send("NOOP\r\nRSET\r\nMAIL FROM:<>\r\n");
    EXPECT_EQ(codes_to(driver, line), "421/4.7.0");
    EXPECT_TRUE(driver.transcript().closed);
  }
  for (const char* progress : {"EHLO c\r\n", "EHLO c\r\nMAIL FROM:<>\r\n"}) {
    SessionDriver driver({.options = {.errors_max = 100}});
    driver.send(repeat("WIZ\r\n", kUnknownVerbsMax));
    driver.send(progress);
    driver.send(repeat("WIZ\r\n", kUnknownVerbsMax));
    EXPECT_FALSE(driver.transcript().closed);
    EXPECT_EQ(codes_to(driver, "WIZ\r\n"), "421/4.7.0");
  }
}

TEST(SessionErrorsTest, AThousandCommandsThatMoveNoMail) {
  for (const char* command : {"RSET\r\n", "NOOP\r\n", "VRFY a\r\n", "HELP\r\n", "EHLO c\r\n"}) {
    SessionDriver driver;
    driver.send("EHLO c\r\n" + repeat(command, kIdleCommandsMax - 1));
    EXPECT_FALSE(driver.transcript().closed) << command;
    driver.send("MAIL FROM:<>\r\n" + repeat(command, kIdleCommandsMax));
    EXPECT_FALSE(driver.transcript().closed) << command;
    EXPECT_EQ(codes_to(driver, command), "421/4.7.0");
    EXPECT_TRUE(driver.transcript().closed) << command;
  }
}

TEST(SessionErrorsTest, QuitIsHeardInAnyCase) {
  SessionDriver driver;
  driver.send(repeat("NOOP\r\n", kIdleCommandsMax));
  EXPECT_EQ(codes_to(driver, "QUIT\r\n"), "221/2.0.0");
}

TEST(SessionErrorsTest, AnotherProtocolGetsOneReply) {
  for (const char* request :
       {"GET / HTTP/1.1\r\n", "POST /x HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "Host: mx.test\r\n"}) {
    SessionDriver driver;
    EXPECT_EQ(codes_to(driver, std::string(request) + "EHLO c\r\nMAIL FROM:<>\r\n"), "421/4.7.0");
    EXPECT_TRUE(driver.transcript().closed);
    EXPECT_EQ(driver.session().refusals().reply, ReplyId::other_protocol);
  }
}

TEST(SessionErrorsTest, RefusedRecipientsAreNone) {
  SessionDriver driver({.domains = {"d.test"}});
  driver.send("EHLO c.test\r\nMAIL FROM:<>\r\n");
  EXPECT_EQ(count_of(replies_to(driver, repeat("RCPT TO:<a@e.test>\r\n", 500)), "550 5.7.1"), 500u);
  EXPECT_EQ(codes_to(driver, "NOOP\r\n"), "250/2.0.0");
}

// RFC 2920 section 3.1: the client could not know that MAIL would be refused.
TEST(SessionErrorsTest, WhatWasPipelinedBehindARefusedMailIsNone) {
  SessionDriver driver(SessionRules{.message_bytes_max = 1000});
  driver.send("EHLO c.test\r\n");
  for (int i = 0; i < 3; ++i) {
    const std::string group = "MAIL FROM:<> SIZE=2000\r\n" + repeat("RCPT TO:<a@e.test>\r\n", 100) +
                              repeat("BDAT 4\r\nQUIT", 100) + "DATA\r\n";
    EXPECT_EQ(count_of(replies_to(driver, group), "503 5.5.1"), 201u);
  }
  EXPECT_EQ(codes_to(driver, "NOOP\r\n"), "250/2.0.0");
  // Any other command, and it counts.
  EXPECT_TRUE(
      codes_to(driver, repeat("RCPT TO:<a@e.test>\r\n", 21)).ends_with("503/5.5.1 421/4.7.0"));
}

// 500 for each line up to the budget, and nothing but 500 and 421.
TEST(SessionErrorsTest, GarbageIsAnsweredUpToTheBudget) {
  Prng prng(1);
  for (int round = 0; round < 200; ++round) {
    std::string garbage;
    while (garbage.size() < 20'000) {
      const char octet = char(prng.below(256));
      garbage += octet;
      if (prng.below(40) == 0) garbage += "\r\n";
    }
    const tests::Transcript transcript = tests::run_session(garbage);
    EXPECT_TRUE(transcript.closed);
    const std::string codes = codes_of(transcript.replies);
    EXPECT_TRUE(codes.starts_with("220 500/") || codes.starts_with("220 421/")) << codes;
    EXPECT_TRUE(codes.ends_with("421/4.7.0")) << codes;
    EXPECT_EQ(count_of(codes, "500/") + 2, tests::split_replies(transcript.replies).size());
    EXPECT_LE(count_of(codes, "500/"), kErrorsDefault);
  }
}

TEST(SessionErrorsTest, AreCountedForTheLog) {
  SessionDriver driver;
  driver.send("EHLO c.test\r\nRCPT TO:<a@b>\r\nWIZ\r\nNOOP\r\n");
  EXPECT_EQ(driver.session().refusals().count, 2u);
  EXPECT_EQ(driver.session().refusals().verb, Verb::rcpt);
  EXPECT_EQ(driver.session().refusals().reply, ReplyId::mail_first);
  driver.session().clear_refusals();
  EXPECT_EQ(driver.session().refusals().count, 0u);
  driver.send("WIZ\r\n");
  EXPECT_EQ(driver.session().refusals().reply, ReplyId::unknown_verb);
}

// --- --error-delay ------------------------------------------------------------------------------

// A session whose driver waits as long as the test likes.
class DelayedSession {
 public:
  DelayedSession() {
    (void)session.start();
    (void)session.resume(Verdict::accept(), out);
    (void)take();
  }
  std::string take() {
    const std::string replies(as_text(out.pending()));
    out.consume(out.pending().size());
    return replies;
  }

 private:
  SessionConfig config_{{.hostname = "mx.test", .error_delay = seconds(5)}};
  BlockPool lines_{kSessionBlockBytes, 1};
  BlockPool transactions_{kSessionBlockBytes, 1};
  BlockPool replies_{kReplyBufferBytes, 1};

 public:
  ReplyBuffer out{replies_};
  ServerSession session{config_, lines_, transactions_};
};

TEST(ErrorDelayTest, HoldsTheReplyAndTheInputBack) {
  DelayedSession delayed;
  const std::string_view input = "NOOP\r\nWIZ\r\nNOOP\r\n";
  const Step step = delayed.session.feed(as_octets(input), delayed.out);
  EXPECT_EQ(step.need, Need::delay);
  EXPECT_EQ(step.consumed, 11u);
  EXPECT_EQ(codes_of(delayed.take()), "250/2.0.0");
  EXPECT_TRUE(delayed.session.can_go_on());
  const Step next = delayed.session.feed(as_octets(input.substr(11)), delayed.out);
  EXPECT_EQ(next.need, Need::input);
  EXPECT_EQ(codes_of(delayed.take()), "500/5.5.1 250/2.0.0");
  EXPECT_FALSE(delayed.session.can_go_on());
}

TEST(ErrorDelayTest, SaysItWithoutFurtherInput) {
  DelayedSession delayed;
  EXPECT_EQ(delayed.session.feed(as_octets("WIZ\r\n"), delayed.out).need, Need::delay);
  EXPECT_EQ(delayed.take(), "");
  EXPECT_EQ(delayed.session.feed({}, delayed.out).need, Need::input);
  EXPECT_EQ(codes_of(delayed.take()), "500/5.5.1");
}

TEST(ErrorDelayTest, CanBeTerminatedMeanwhile) {
  DelayedSession delayed;
  EXPECT_EQ(delayed.session.feed(as_octets("WIZ\r\n"), delayed.out).need, Need::delay);
  EXPECT_EQ(delayed.session.terminate(ReplyId::service_closing, delayed.out).need, Need::close);
  EXPECT_EQ(codes_of(delayed.take()), "421/4.3.2");
}

// Refused recipients and mails are no errors, and what closes the session waits for nothing.
TEST(ErrorDelayTest, IsForErrorsOnly) {
  SessionDriver driver({.domains = {"d.test"}, .options = {.error_delay = seconds(1)}});
  driver.send("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@e.test>\r\nDATA\r\nRCPT TO:<a@d.test>\r\n");
  driver.send("BDAT 1 LAST\r\n\nGET / HTTP/1.1\r\n");
  EXPECT_EQ(codes_of(driver.transcript().replies),
            "220 250 250/2.1.0 550/5.7.1 554/5.5.1 250/2.1.5 550/5.6.11 421/4.7.0");
  EXPECT_EQ(driver.transcript().delays, 0u);
}

TEST(ErrorDelayTest, ChangesNoReply) {
  const std::string wire = "WIZ\r\nBDAT 4\r\nNOOP" + std::string(kToData) + "x\r\n.\r\nDATA\r\n";
  const auto at_once = tests::run_session(wire);
  const auto delayed = tests::run_session(wire, {}, {.options = {.error_delay = seconds(1)}});
  EXPECT_EQ(delayed.replies, at_once.replies);
  EXPECT_EQ(delayed.mails, at_once.mails);
  EXPECT_EQ(delayed.delays, 3u);
}

}  // namespace
}  // namespace mailrace::core
