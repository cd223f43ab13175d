// SPDX-License-Identifier: GPL-3.0-or-later
// ServerSession at its limits, with verdicts against it, and what it stores.
#include "core/base/limits.h"
#include "core/smtp/server_session.h"
#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace mailrace::core {
namespace {

using tests::codes_of;
using tests::SessionDriver;
using tests::SessionRules;
using tests::StoredMail;
using tests::Transcript;

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

// --- what is stored -----------------------------------------------------------------------------

TEST(StoredMailTest, IsTheEnvelopeAsWrittenAndTheDataUnstuffed) {
  const Transcript transcript = tests::run_session(
      "EHLO [192.0.2.1]\r\n"
      "MAIL FROM: <@r.test:Joe.\"@C.Test> SIZE=1\r\n"  // refused, and leaves no trace
      "MAIL FROM: <@r.test:Joe..X@C.Test> SIZE=12 BODY=8BITMIME\r\n"
      "RCPT TO:<\"a \\\" b\"@D.test>\r\n"
      "RCPT TO:<@x.test:b@[IPv6:::1]>\r\n"
      "RCPT TO:<nobody>\r\n"
      "RCPT TO:<POSTmaster>\r\n"
      "DATA\r\n..\r\n.a\r\nb\r\n.\r\n");
  const StoredMail expected{
      .helo = "[192.0.2.1]",
      .is_extended = true,
      .reverse_path = "Joe..X@C.Test",
      .forward_paths = {"\"a \\\" b\"@D.test", "b@[IPv6:::1]", "POSTmaster"},
      .claims = {.body = BodyType::eight_bit_mime},
      .size_declared = 12,
      .queue_id = 1,
      .data = ".\r\na\r\nb\r\n",
  };
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_EQ(transcript.mails[0], expected);
  EXPECT_TRUE(transcript.replies.ends_with("250 2.0.0 accepted as 0000000000001\r\n"));
}

TEST(StoredMailTest, HasWhatMailAndRcptSaid) {
  SessionDriver driver({.is_encrypted = true});
  driver.send(
      "EHLO c.test\r\n"
      "MAIL FROM:<\xc3\xa4@b\xc3\xbc> SMTPUTF8 RET=FULL ENVID=Q+2BQ REQUIRETLS MT-PRIORITY=-3\r\n"
      "RCPT TO:<\xc3\xb6@d.test> NOTIFY=SUCCESS,FAILURE ORCPT=utf-8;\xc3\xb6@D.test\r\n"
      "RCPT TO:<x@d.test>\r\n"
      "RCPT TO:<y@d.test> NOTIFY=ALWAYS\r\n"  // refused, and leaves no trace
      "RCPT TO:<z@d.test> NOTIFY=NEVER\r\n"
      "DATA\r\n1\r\n.\r\n"
      "MAIL FROM:<a@b>\r\nRCPT TO:<r@d.test>\r\nDATA\r\n2\r\n.\r\n");
  StoredMail expected{
      .helo = "c.test",
      .is_extended = true,
      .reverse_path = "\xc3\xa4@b\xc3\xbc",
      .forward_paths = {"\xc3\xb6@d.test", "x@d.test", "z@d.test"},
      .claims = {.is_smtputf8 = true,
                 .requires_tls = true,
                 .return_content = ReturnContent::full,
                 .priority = int8_t{-3}},
      .envelope_id = "Q+2BQ",
      .dsn = {{NotifySet::success | NotifySet::failure, "utf-8;\xc3\xb6@D.test"},
              {},
              {NotifySet::never, ""}},
      .queue_id = 1,
      .data = "1\r\n",
  };
  ASSERT_EQ(driver.transcript().mails.size(), 2u);
  EXPECT_EQ(driver.transcript().mails[0], expected);
  expected = {.helo = "c.test",
              .is_extended = true,
              .reverse_path = "a@b",
              .forward_paths = {"r@d.test"},
              .queue_id = 2,
              .data = "2\r\n"};
  EXPECT_EQ(driver.transcript().mails[1], expected);
}

TEST(StoredMailTest, TheNullReversePathIsEmpty) {
  const Transcript transcript =
      tests::run_session("HELO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<r@d.test>\r\nDATA\r\n.\r\n");
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_EQ(transcript.mails[0].reverse_path, "");
  EXPECT_FALSE(transcript.mails[0].is_extended);
  EXPECT_EQ(transcript.mails[0].data, "");
}

TEST(StoredMailTest, NothingOfOneMailIsInTheNext) {
  const Transcript transcript = tests::run_session(
      "EHLO c.test\r\n"
      "MAIL FROM:<a@c.test> SIZE=9 BODY=8BITMIME\r\nRCPT TO:<a@d.test>\r\nDATA\r\n1\r\n.\r\n"
      "MAIL FROM:<b@c.test>\r\nRCPT TO:<b@d.test>\r\nRSET\r\n"
      "MAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n2\r\n.\r\n");
  ASSERT_EQ(transcript.mails.size(), 2u);
  const StoredMail expected{.helo = "c.test",
                            .is_extended = true,
                            .reverse_path = "",
                            .forward_paths = {"c@d.test"},
                            .queue_id = 2,
                            .data = "2\r\n"};
  EXPECT_EQ(transcript.mails[1], expected);
}

TEST(StoredMailTest, NothingIsStoredWithoutTheEnd) {
  for (const char* data : {"", "a", "a\r\n", "a\r\n.", "a\r\n.\r", "a\r\n\r\n", "a\r\n..\r\n"}) {
    const Transcript transcript = tests::run_session(std::string(kToData) + data);
    EXPECT_TRUE(transcript.mails.empty()) << data;
    EXPECT_EQ(codes_of(transcript.replies), "220 250 250/2.1.0 250/2.1.5 354") << data;
  }
}

// --- lines, paths, recipients -------------------------------------------------------------------

TEST(SessionLimitsTest, CommandLine) {
  SessionDriver driver;
  const std::string longest = "NOOP " + std::string(kCommandLineBytesMax - 7, 'x') + "\r\n";
  ASSERT_EQ(longest.size(), kCommandLineBytesMax);
  EXPECT_EQ(codes_to(driver, longest + "NOOP\r\n"), "250/2.0.0 250/2.0.0");
  EXPECT_EQ(codes_to(driver, "x" + longest + "NOOP\r\n"), "500/5.5.2 250/2.0.0");
  EXPECT_EQ(codes_to(driver, std::string(1 << 20, 'x') + "\r\nNOOP\r\n"), "500/5.5.2 250/2.0.0");
  EXPECT_EQ(driver.session().refusals().count, 2u);
  EXPECT_EQ(driver.session().refusals().verb, Verb::unknown);
}

TEST(SessionLimitsTest, ALongLineIsNobodysVerb) {
  SessionDriver driver;
  EXPECT_EQ(codes_to(driver, "EHLO c.test\r\n" + std::string(5000, 'x') + "\r\n"), "250 500/5.5.2");
  EXPECT_EQ(driver.session().refusals().verb, Verb::unknown);
}

TEST(SessionLimitsTest, HeloName) {
  SessionDriver driver;
  EXPECT_EQ(codes_to(driver, "EHLO " + std::string(kHeloBytesMax + 1, 'a') + "\r\n"), "501/5.5.4");
  EXPECT_EQ(codes_to(driver, "EHLO " + std::string(kHeloBytesMax, 'a') + "\r\n"), "250");
  EXPECT_EQ(driver.session().helo(), std::string(kHeloBytesMax, 'a'));
}

TEST(SessionLimitsTest, PathParts) {
  const std::string local(kLocalPartBytesMax, 'a');
  const std::string domain(kPathBytesMax - 4, 'd');  // <a@domain> is a path of the limit
  for (const bool mail : {true, false}) {
    SessionDriver driver;
    driver.send("EHLO c.test\r\n");
    if (!mail) driver.send("MAIL FROM:<>\r\n");
    const std::string command = mail ? "MAIL FROM:" : "RCPT TO:";
    const char* const refused = mail ? "501/5.1.7" : "501/5.1.3";
    const char* const accepted = mail ? "250/2.1.0" : "250/2.1.5";
    EXPECT_EQ(codes_to(driver, command + "<" + local + "a@b>\r\n"), refused);
    EXPECT_EQ(codes_to(driver, command + "<a@d" + domain + ">\r\n"), refused);
    EXPECT_EQ(codes_to(driver, command + "<@r:a@" + domain + ">\r\n"), refused);
    EXPECT_EQ(codes_to(driver, command + "<" + local + "@b>\r\n"), accepted);
    if (mail) driver.send("RSET\r\n");
    EXPECT_EQ(codes_to(driver, command + "<a@" + domain + ">\r\n"), accepted);
  }
}

TEST(SessionLimitsTest, Recipients) {
  SessionDriver driver;
  driver.send("EHLO c.test\r\nMAIL FROM:<>\r\n");
  const std::string longest = "RCPT TO:<a@" + std::string(kPathBytesMax - 4, 'd') + ">\r\n";
  const std::string accepted = replies_to(driver, repeat(longest, kRecipientsDefault));
  EXPECT_EQ(count_of(accepted, "250 2.1.5"), kRecipientsDefault);
  EXPECT_EQ(codes_to(driver, longest), "452/4.5.3");
  EXPECT_EQ(codes_to(driver, repeat(longest, 30) + "NOOP\r\n").substr(30 * 10), "250/2.0.0");
  EXPECT_EQ(codes_to(driver, "DATA\r\nm\r\n.\r\n"), "354 250/2.0.0");
  ASSERT_EQ(driver.transcript().mails.size(), 1u);
  EXPECT_EQ(driver.transcript().mails[0].forward_paths.size(), kRecipientsDefault);
  EXPECT_EQ(driver.transaction_blocks().free_count(), driver.transaction_blocks().block_count());
}

TEST(SessionLimitsTest, RecipientsAsConfigured) {
  SessionDriver driver({.options = {.recipients_max = kRecipientsFloor}});
  driver.send("EHLO c.test\r\nMAIL FROM:<>\r\n");
  const std::string accepted = replies_to(driver, repeat("RCPT TO:<a@b>\r\n", kRecipientsFloor));
  EXPECT_EQ(count_of(accepted, "250 2.1.5"), kRecipientsFloor);
  EXPECT_EQ(codes_to(driver, "RCPT TO:<a@b>\r\n"), "452/4.5.3");
  EXPECT_EQ(codes_to(driver, "DATA\r\nm\r\n.\r\n"), "354 250/2.0.0");
}

TEST(SessionLimitsTest, ParametersOfRecipientsComeOutOfTheSameShare) {
  SessionDriver driver({.transaction_blocks = 1000});
  driver.send("EHLO c.test\r\nMAIL FROM:<>\r\n");
  const std::string longest = "RCPT TO:<a@" + std::string(kPathBytesMax - 4, 'd') +
                              "> NOTIFY=NEVER ORCPT=rfc822;" +
                              std::string(kOriginalRecipientBytesMax - 7, 'o') + "\r\n";
  const std::string replies = replies_to(driver, repeat(longest, kRecipientsDefault));
  const size_t taken = count_of(replies, "250 2.1.5");
  EXPECT_GE(taken, kRecipientsFloor);
  EXPECT_EQ(count_of(replies, "452 4.3.1"), kRecipientsDefault - taken);
  const size_t used =
      driver.transaction_blocks().block_count() - driver.transaction_blocks().free_count();
  EXPECT_EQ(used, transaction_blocks_max(kRecipientsDefault));
  EXPECT_EQ(codes_to(driver, "DATA\r\nm\r\n.\r\n"), "354 250/2.0.0");
  ASSERT_EQ(driver.transcript().mails.size(), 1u);
  EXPECT_EQ(driver.transcript().mails[0].forward_paths.size(), taken);
}

TEST(SessionLimitsTest, MailsOfASession) {
  SessionDriver driver({.options = {.mails_max = 2}});
  driver.send("EHLO c.test\r\nMAIL FROM:<>\r\n");
  EXPECT_EQ(codes_to(driver, "RSET\r\nMAIL FROM:x\r\n"), "250/2.0.0 501/5.1.7");  // not counted
  EXPECT_EQ(codes_to(driver, "MAIL FROM:<>\r\nMAIL FROM:<>\r\n"), "250/2.1.0 503/5.5.1");
  EXPECT_EQ(codes_to(driver, "RCPT TO:<a@b>\r\nDATA\r\n.\r\n"), "250/2.1.5 354 250/2.0.0");
  EXPECT_EQ(codes_to(driver, "EHLO c.test\r\nMAIL FROM:<>\r\nNOOP\r\n"), "250 421/4.7.0");
  EXPECT_TRUE(driver.transcript().closed);
  EXPECT_EQ(driver.transcript().mails.size(), 1u);
}

TEST(SessionLimitsTest, TransactionBlocks) {
  SessionDriver driver({.transaction_blocks = 1});
  driver.send("EHLO c.test\r\nMAIL FROM:<>\r\n");
  const std::string rcpt = "RCPT TO:<a@" + std::string(201, 'd') + ">\r\n";
  const size_t fit =
      (kSessionBlockBytes - kTransactionBlockHeadBytes) / (203 + kRecipientHeadBytes);
  EXPECT_EQ(count_of(replies_to(driver, repeat(rcpt, fit)), "250 2.1.5"), fit);
  EXPECT_EQ(codes_to(driver, rcpt), "452/4.3.1");
  EXPECT_EQ(codes_to(driver, "RCPT TO:<a@b>\r\n"), "250/2.1.5");  // there is room for a short one
  EXPECT_EQ(codes_to(driver, "DATA\r\nm\r\n.\r\n"), "354 250/2.0.0");
  ASSERT_EQ(driver.transcript().mails.size(), 1u);
  EXPECT_EQ(driver.transcript().mails[0].forward_paths.size(), fit + 1);
  EXPECT_EQ(driver.transaction_blocks().free_count(), 1u);
}

TEST(SessionLimitsTest, NoBlockAtAllForRecipients) {
  BlockPool lines(kSessionBlockBytes, 2);
  BlockPool transactions(kSessionBlockBytes, 1);
  std::byte* const taken = transactions.take();
  const SessionConfig config({.hostname = "mx.test", .message_bytes_max = 1000});
  BlockPool replies(kReplyBufferBytes, 1);
  ReplyBuffer out(replies);
  ServerSession session(config, lines, transactions);
  (void)session.start();
  (void)session.resume(Verdict::accept(), out);
  for (std::string_view command : {"EHLO c\r\n", "MAIL FROM:<>\r\n"}) {
    EXPECT_EQ(session.feed(as_octets(command), out).need, Need::verdict);
    (void)session.resume(Verdict::accept(), out);
  }
  EXPECT_EQ(session.feed(as_octets("RCPT TO:<a@b>\r\nDATA\r\n"), out).need, Need::input);
  EXPECT_TRUE(as_text(out.pending())
                  .ends_with("452 4.3.1 too busy, try again\r\n554 5.5.1 no valid recipients\r\n"));
  transactions.give(taken);
}

// --- mail data ----------------------------------------------------------------------------------

TEST(SessionLimitsTest, Hops) {
  for (const bool by_bdat : {false, true}) {
    for (const uint32_t hops : {kHopsDefault, kHopsDefault + 1}) {
      SessionDriver driver;
      const std::string mail = repeat("Received: x\r\n", hops) + "\r\nReceived: y\r\n";
      const bool over = hops > kHopsDefault;
      driver.send(by_bdat ? kToData.substr(0, kToData.size() - 6) : kToData);
      const std::string wire =
          by_bdat ? "BDAT " + std::to_string(mail.size()) + " LAST\r\n" + mail : mail + ".\r\n";
      EXPECT_EQ(codes_to(driver, wire + "NOOP\r\n"),
                over ? "554/5.4.6 250/2.0.0" : "250/2.0.0 250/2.0.0");
      EXPECT_EQ(driver.transcript().mails.size(), over ? 0u : 1u);
    }
  }
}

TEST(SessionLimitsTest, TextLine) {
  for (const bool over : {false, true}) {
    const SessionRules rules{.options = {.line_bytes_max = 78}};
    const std::string line = std::string(over ? 79 : 78, 'x') + "\r\n";
    SessionDriver driver(rules);
    driver.send(kToData);
    EXPECT_EQ(codes_to(driver, "a\r\n." + line + "b\r\n.\r\n"), over ? "550/5.6.0" : "250/2.0.0");
    driver.send("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n");
    const std::string size = std::to_string(line.size());
    EXPECT_EQ(codes_to(driver, "BDAT " + size + "\r\n" + line + "BDAT 0 LAST\r\n"),
              over ? "550/5.6.0 503/5.5.1" : "250/2.0.0 250/2.0.0");
    EXPECT_EQ(driver.transcript().mails.size(), over ? 0u : 2u);
    // BINARYMIME has no lines.
    driver.send("MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<a@b>\r\n");
    EXPECT_EQ(codes_to(driver, "BDAT " + size + " LAST\r\n" + line), "250/2.0.0");
  }
}

// The reply names the same defect wherever the octets are split, so one comes before the other.
TEST(SessionLimitsTest, OfManyDefectsTheFramingComesFirst) {
  const SessionRules rules{.options = {.line_bytes_max = 78, .hops_max = 1}};
  const std::string hops = "Received: x\r\nReceived: y\r\n";
  const std::string line = std::string(79, 'x') + "\r\n";
  for (const bool by_octet : {false, true}) {
    const auto codes = [&](const std::string& mail) {
      const std::string wire = std::string(kToData) + mail + ".\r\n";
      const Transcript transcript = by_octet ? tests::run_session_by_octets(wire, rules)
                                             : tests::run_session(wire, {}, rules);
      EXPECT_TRUE(transcript.mails.empty());
      constexpr std::string_view kBefore = "220 250 250/2.1.0 250/2.1.5 354 ";
      return codes_of(transcript.replies).substr(kBefore.size());
    };
    EXPECT_EQ(codes(hops), "554/5.4.6");
    EXPECT_EQ(codes(hops + line), "550/5.6.0");
    EXPECT_EQ(codes(hops + line + "\n\r\n"), "550/5.6.11");
  }
}

TEST(SessionLimitsTest, EmptyChunks) {
  SessionDriver driver;
  driver.send(kToData.substr(0, kToData.size() - 6));
  const std::string taken = replies_to(driver, repeat("BDAT 0\r\n", kEmptyChunksMax + 1));
  EXPECT_EQ(count_of(taken, "250 2.0.0 0 octets received"), kEmptyChunksMax + 1);  // one opened it
  EXPECT_EQ(codes_to(driver, "BDAT 0\r\nBDAT 0 LAST\r\nMAIL FROM:<>\r\n"),
            "554/5.5.0 503/5.5.1 250/2.1.0");
  EXPECT_TRUE(driver.transcript().mails.empty());
}

TEST(SessionLimitsTest, ChunksPastTheSizeAreDiscardedToTheirLastOctet) {
  for (const uint64_t chunk : {uint64_t{500}, uint64_t{501}, uint64_t{100'000}}) {
    SessionDriver driver({.message_bytes_max = 1000});
    driver.send(kToData.substr(0, kToData.size() - 6));
    driver.send("BDAT 500\r\n" + std::string(500, 'x'));
    const std::string wire =
        "BDAT " + std::to_string(chunk) + " LAST\r\n" + std::string(chunk, 'y') + "NOOP\r\n";
    EXPECT_EQ(codes_to(driver, wire), chunk == 500 ? "250/2.0.0 250/2.0.0" : "552/5.3.4 250/2.0.0");
    EXPECT_EQ(driver.transcript().mails.size(), chunk == 500 ? 1u : 0u);
  }
}

// Octets without end must not be taken for nothing, but a client that pipelined is not in error.
TEST(SessionLimitsTest, DiscardedChunks) {
  SessionDriver driver;
  driver.send(kToData.substr(0, kToData.size() - 6));
  EXPECT_EQ(codes_to(driver, "BDAT 2\r\n\na"), "550/5.6.11");
  const std::string refused = replies_to(driver, repeat("BDAT 4\r\nNOOP", 10'000));
  EXPECT_EQ(count_of(refused, "503 5.5.1"), 10'000u);
  EXPECT_EQ(codes_to(driver, "BDAT " + std::to_string(kDiscardedChunkBytesMax) + "\r\n"),
            "552/5.3.4");
  EXPECT_TRUE(driver.transcript().closed);

  // Even chunks of no octets come to an end.
  SessionDriver other;
  other.send(kToData.substr(0, kToData.size() - 6));
  other.send("BDAT 2\r\n\na");
  const uint64_t count = kDiscardedChunkBytesMax / kDiscardedChunkBytesMin;
  EXPECT_EQ(count_of(replies_to(other, repeat("BDAT 0\r\n", count + 1)), "503 5.5.1"), count);
  EXPECT_TRUE(other.transcript().closed);
}

TEST(SessionLimitsTest, ALongBdatLineClosesTheSession) {
  for (const size_t piece : {size_t{1}, size_t{100}, size_t{10'000}}) {
    SessionDriver driver;
    const std::string wire = "bdat " + std::string(5000, '0') + "4\r\nNOOPNOOP\r\n";
    for (size_t i = 0; i < wire.size(); i += piece) driver.send(wire.substr(i, piece));
    EXPECT_EQ(codes_of(driver.transcript().replies), "220 500/5.5.2");
    EXPECT_TRUE(driver.transcript().closed);
  }
}

// --- sizes, RFC 1870 ----------------------------------------------------------------------------

TEST(SessionLimitsTest, MessageSize) {
  for (const bool over : {false, true}) {
    SessionDriver driver({.message_bytes_max = 1000});
    driver.send(kToData);
    const std::string data = "..." + std::string(over ? 997 : 996, 'x') + "\r\n.\r\n";
    EXPECT_EQ(codes_to(driver, data + "NOOP\r\n"),
              over ? "552/5.3.4 250/2.0.0" : "250/2.0.0 250/2.0.0");
    EXPECT_EQ(driver.transcript().mails.size(), over ? 0u : 1u);
    if (over) continue;
    EXPECT_EQ(driver.transcript().mails[0].data.size(), 1000u);
  }
}

TEST(SessionLimitsTest, AMailFarTooLargeIsSwallowed) {
  SessionDriver driver({.message_bytes_max = 1000});
  driver.send(kToData);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(codes_to(driver, repeat("0123456789ab\r\n", 100)), "");
  EXPECT_EQ(driver.session().mail_bytes(), 1000u);
  EXPECT_EQ(codes_to(driver, ".\r\nMAIL FROM:<>\r\n"), "552/5.3.4 250/2.1.0");
}

TEST(SessionLimitsTest, DeclaredSize) {
  SessionDriver driver({.message_bytes_max = 1000});
  driver.send("EHLO c.test\r\n");
  for (const char* size : {"1001", "4294967297", "18446744073709551616", "99999999999999999999"}) {
    EXPECT_EQ(codes_to(driver, std::string("MAIL FROM:<> SIZE=") + size + "\r\n"), "552/5.3.4");
  }
  EXPECT_EQ(codes_to(driver, "MAIL FROM:<> SIZE=100000000000000000000\r\n"), "501/5.5.4");
  for (const char* size : {"0", "1000", "00000000000000001000"}) {
    EXPECT_EQ(codes_to(driver, std::string("MAIL FROM:<> SIZE=") + size + "\r\nRSET\r\n"),
              "250/2.1.0 250/2.0.0");
  }
}

// A client that lied is judged by what it sends.
TEST(SessionLimitsTest, DeclaredSizeIsNoLimit) {
  SessionDriver driver({.message_bytes_max = 1000});
  EXPECT_EQ(
      codes_to(driver, "EHLO c\r\nMAIL FROM:<> SIZE=1\r\nRCPT TO:<a@b>\r\nDATA\r\nabc\r\n.\r\n"),
      "250 250/2.1.0 250/2.1.5 354 250/2.0.0");
}

// --- verdicts against the client ----------------------------------------------------------------

struct Refused {
  const char* name;
  Question question;
  ReplyId reply;
  const char* codes;
};

constexpr Refused kRefused[] = {
    {"connect", Question::connect, ReplyId::too_many_sessions, "421/4.3.2"},
    {"helo", Question::helo, ReplyId::relay_denied,
     "220 550/5.7.1 503/5.5.1 503/5.5.1 503/5.5.1 250/2.0.0"},
    {"mail", Question::mail, ReplyId::spool_full,
     "220 250 452/4.3.1 503/5.5.1 503/5.5.1 250/2.0.0"},
    {"recipient", Question::recipient, ReplyId::relay_denied,
     "220 250 250/2.1.0 550/5.7.1 554/5.5.1 250/2.0.0"},
    {"data", Question::data, ReplyId::spool_failed,
     "220 250 250/2.1.0 250/2.1.5 451/4.3.0 250/2.0.0"},
};

class RefusedTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedTest, IsSaidAndLeavesTheSessionInStep) {
  const Refused& row = GetParam();
  SessionDriver driver(SessionRules{}.refusing(row.question, row.reply));
  driver.send(std::string(kToData) + "NOOP\r\n");
  EXPECT_EQ(codes_of(driver.transcript().replies), row.codes);
  EXPECT_EQ(driver.transcript().closed, row.question == Question::connect);
  if (driver.transcript().closed) return;

  // It was for this time only.
  driver.rules() = {};
  driver.send("EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<r@d.test>\r\nDATA\r\nm\r\n.\r\n");
  ASSERT_EQ(driver.transcript().mails.size(), 1u);
  EXPECT_EQ(driver.transcript().mails[0].forward_paths, std::vector<std::string>{"r@d.test"});
}

INSTANTIATE_TEST_SUITE_P(EachQuestion, RefusedTest, testing::ValuesIn(kRefused),
                         [](const auto& refused) { return std::string(refused.param.name); });

TEST(VerdictTest, ARefusedHeloChangesNothing) {
  SessionDriver driver;
  driver.send("EHLO one.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n");
  driver.rules() = SessionRules{}.refusing(Question::helo, ReplyId::relay_denied);
  EXPECT_EQ(codes_to(driver, "HELO two.test\r\nDATA\r\n.\r\n"), "550/5.7.1 354 250/2.0.0");
  ASSERT_EQ(driver.transcript().mails.size(), 1u);
  EXPECT_EQ(driver.transcript().mails[0].helo, "one.test");
  EXPECT_TRUE(driver.transcript().mails[0].is_extended);
}

TEST(VerdictTest, DataCanBeTriedAgain) {
  SessionDriver driver(SessionRules{}.refusing(Question::data, ReplyId::spool_full));
  EXPECT_EQ(codes_to(driver, kToData), "250 250/2.1.0 250/2.1.5 452/4.3.1");
  driver.rules() = {};
  EXPECT_EQ(codes_to(driver, "DATA\r\nm\r\n.\r\n"), "354 250/2.0.0");
}

TEST(VerdictTest, ACommitThatFailsIsNoMail) {
  SessionDriver driver({.commit_refusal = ReplyId::spool_failed});
  driver.send(kToData);
  EXPECT_EQ(codes_to(driver, "m\r\n.\r\nDATA\r\n"), "451/4.3.0 503/5.5.1");
  EXPECT_TRUE(driver.transcript().mails.empty());
}

// What was wrong with the mail is said even if it could not have been stored either.
TEST(VerdictTest, TheMailsOwnDefectIsNamedFirst) {
  SessionDriver driver({.commit_refusal = ReplyId::spool_failed});
  driver.send(kToData);
  EXPECT_EQ(codes_to(driver, "m\n\r\n.\r\n"), "550/5.6.11");
}

// Else the same octets would be answered one way or the other, by how far the disk had come.
TEST(VerdictTest, TheMailsOwnDefectIsNamedEvenIfItShowsLater) {
  SessionDriver driver({.mail_bytes_room = 5});
  driver.send(kToData);
  EXPECT_EQ(codes_to(driver, "0123456789\r\n"), "");
  EXPECT_EQ(driver.session().mail_refusal(), ReplyId::spool_full);
  EXPECT_EQ(codes_to(driver, "\n\r\n.\r\n"), "550/5.6.11");
  driver.send("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 10\r\n0123456789");
  EXPECT_TRUE(driver.transcript().replies.ends_with("452 4.3.1 out of storage, try again\r\n"));
}

TEST(VerdictTest, RefuseMailSwallowsTheRest) {
  SessionDriver driver({.mail_bytes_room = 5});
  driver.send(kToData);
  EXPECT_EQ(codes_to(driver, "0123456789\r\n"), "");
  EXPECT_EQ(driver.session().mail_refusal(), ReplyId::spool_full);
  EXPECT_EQ(codes_to(driver, "RSET\r\n..\r\n"), "");
  EXPECT_EQ(codes_to(driver, ".\r\nNOOP\r\n"), "452/4.3.1 250/2.0.0");
  EXPECT_TRUE(driver.transcript().mails.empty());
  EXPECT_FALSE(driver.session().mail_refusal().has_value());
}

// --- output -------------------------------------------------------------------------------------

TEST(SessionOutputTest, InputWaitsForRoomAndNothingIsLost) {
  const size_t count = kIdleCommandsMax;
  for (const size_t send_bytes_max : {size_t{1}, size_t{100}, kReplyBufferBytes}) {
    SessionDriver driver({.send_bytes_max = send_bytes_max});
    const std::string replies = replies_to(driver, repeat("NOOP\r\n", count));
    EXPECT_EQ(replies, repeat("250 2.0.0 ok\r\n", count)) << send_bytes_max;
  }
}

// A session whose peer takes nothing, and the buffer that it fills.
class StuckSession {
 public:
  StuckSession() {
    (void)session.start();
    (void)session.resume(Verdict::accept(), out);
  }
  void feed_until_full(std::string_view command) {
    while (true) {
      const Step step = session.feed(as_octets(command), out);
      if (step.need == Need::verdict) (void)session.resume(Verdict::accept(), out);
      if (step.need == Need::output) return;
    }
  }

 private:
  SessionConfig config_{{.hostname = std::string(kDomainBytesMax, 'm'), .message_bytes_max = 1000}};
  BlockPool lines_{kSessionBlockBytes, 1};
  BlockPool transactions_{kSessionBlockBytes, 1};
  BlockPool replies_{kReplyBufferBytes, 1};

 public:
  ReplyBuffer out{replies_};
  ServerSession session{config_, lines_, transactions_};
};

TEST(SessionOutputTest, WithoutRoomNothingIsConsumed) {
  StuckSession stuck;
  stuck.feed_until_full("NOOP\r\n");
  const size_t pending = stuck.out.pending().size();
  const Step step = stuck.session.feed(as_octets("NOOP\r\n"), stuck.out);
  EXPECT_EQ(step.need, Need::output);
  EXPECT_EQ(step.consumed, 0u);
  EXPECT_EQ(stuck.out.pending().size(), pending);
  stuck.out.consume(pending);
  EXPECT_EQ(stuck.session.feed(as_octets("NOOP\r\n"), stuck.out).need, Need::input);
}

// A peer that does not read is timed out with the buffer full.
TEST(SessionOutputTest, CanBeTerminatedWithoutRoom) {
  for (const char* command : {"NOOP\r\n", "EHLO c\r\n", "HELO c\r\n"}) {
    StuckSession stuck;
    stuck.feed_until_full(command);
    const std::string before(as_text(stuck.out.pending()));
    EXPECT_EQ(stuck.session.terminate(ReplyId::timed_out, stuck.out).need, Need::close);
    const std::string_view after = as_text(stuck.out.pending());
    EXPECT_TRUE(after.starts_with(before));
    EXPECT_EQ(tests::defect_of_replies(after), "");
  }
}

TEST(SessionTest, CanBeTerminatedInEveryState) {
  constexpr std::string_view kInputs[] = {"", "EHLO c.test\r\n", "EHL", kToData,
                                          "EHLO c\r\nQUIT\r\n"};
  for (const std::string_view input : kInputs) {
    SessionDriver driver;
    driver.send(input);
    if (driver.transcript().closed) continue;
    driver.terminate(ReplyId::service_closing);
    EXPECT_TRUE(driver.transcript().replies.ends_with("421 4.3.2 shutting down, try again\r\n"));
    EXPECT_TRUE(driver.transcript().mails.empty());
  }
}

TEST(SessionTest, TellsHowFarItHasCome) {
  SessionDriver driver;
  const ServerSession& session = driver.session();
  EXPECT_EQ(session.helo(), "");
  driver.send("EHLO c.test\r\n");
  EXPECT_EQ(session.helo(), "c.test");
  EXPECT_TRUE(session.is_extended());
  EXPECT_FALSE(session.in_transaction());
  driver.send("MAIL FROM:<a@b> SIZE=7\r\nRCPT TO:<a@b>\r\n");
  EXPECT_TRUE(session.in_transaction());
  EXPECT_EQ(session.transaction().size_declared, 7u);
  EXPECT_FALSE(session.receiving_data());
  driver.send("DATA\r\nabc\r\n");
  EXPECT_TRUE(session.receiving_data());
  EXPECT_EQ(session.mail_bytes(), 5u);
  driver.send(".\r\nHELO d.test\r\n");
  EXPECT_FALSE(session.receiving_data());
  EXPECT_FALSE(session.in_transaction());
  EXPECT_EQ(session.helo(), "d.test");
  EXPECT_FALSE(session.is_extended());
}

TEST(SessionTest, GivesItsBlocksBack) {
  const SessionConfig config({.hostname = "mx.test", .message_bytes_max = 1000});
  BlockPool lines(kSessionBlockBytes, 1);
  BlockPool transactions(kSessionBlockBytes, 2);
  BlockPool replies(kReplyBufferBytes, 1);
  {
    ReplyBuffer out(replies);
    ServerSession session(config, lines, transactions);
    (void)session.start();
    (void)session.resume(Verdict::accept(), out);
    for (const char* piece : {"EHLO c\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<a@b>\r\n"}) {
      (void)session.feed(as_octets(piece), out);
      (void)session.resume(Verdict::accept(), out);
    }
    (void)session.feed(as_octets("RCPT TO:<a"), out);
    EXPECT_EQ(lines.free_count(), 0u);
    EXPECT_EQ(transactions.free_count(), 1u);
  }
  EXPECT_EQ(lines.free_count(), 1u);
  EXPECT_EQ(transactions.free_count(), 2u);
}

}  // namespace
}  // namespace mailrace::core
