// SPDX-License-Identifier: GPL-3.0-or-later
// PRDR: 353, a reply for each recipient in order, one for the mail; and who it is stored for.
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

constexpr std::string_view kToData =
    "EHLO c.test\r\nMAIL FROM:<s@c.test> PRDR\r\nRCPT TO:<a@d.test>\r\nRCPT TO:<b@d.test>\r\n"
    "RCPT TO:<c@d.test>\r\nDATA\r\n";
constexpr std::string_view kBefore = "220 250 250/2.1.0 250/2.1.5 250/2.1.5 250/2.1.5 354 ";

SessionRules rules_refusing(std::vector<std::pair<std::string, ReplyId>> refusals) {
  SessionRules rules{.options = {.prdr = true}};
  for (auto& [path, reply] : refusals) rules.recipient_refusals[path] = reply;
  return rules;
}

struct Verdicts {
  const char* name;
  std::vector<std::pair<std::string, ReplyId>> refusals;
  const char* codes;
  std::vector<std::string> stored_for;  // empty: nothing is stored
};

const Verdicts kVerdicts[] = {
    {"all_accepted",
     {},
     "353 250/2.1.5 250/2.1.5 250/2.1.5 250/2.0.0",
     {"a@d.test", "b@d.test", "c@d.test"}},
    {"first_refused",
     {{"a@d.test", ReplyId::relay_denied}},
     "353 550/5.7.1 250/2.1.5 250/2.1.5 250/2.0.0",
     {"b@d.test", "c@d.test"}},
    {"last_deferred",
     {{"c@d.test", ReplyId::spool_failed}},
     "353 250/2.1.5 250/2.1.5 451/4.3.0 250/2.0.0",
     {"a@d.test", "b@d.test"}},
    {"one_left",
     {{"a@d.test", ReplyId::spool_full}, {"c@d.test", ReplyId::relay_denied}},
     "353 452/4.3.1 250/2.1.5 550/5.7.1 250/2.0.0",
     {"b@d.test"}},
    {"all_refused",
     {{"a@d.test", ReplyId::relay_denied},
      {"b@d.test", ReplyId::relay_denied},
      {"c@d.test", ReplyId::spool_full}},
     "353 550/5.7.1 550/5.7.1 452/4.3.1 550/5.7.1",
     {}},
};

class PrdrTest : public testing::TestWithParam<Verdicts> {};

TEST_P(PrdrTest, EachRecipientIsAnsweredInOrder) {
  const Verdicts& row = GetParam();
  const std::string wire = std::string(kToData) + "text\r\n.\r\n";
  const auto transcript = tests::run_session(wire, {}, rules_refusing(row.refusals));
  EXPECT_EQ(codes_of(transcript.replies), std::string(kBefore) + row.codes);
  ASSERT_EQ(transcript.mails.size(), row.stored_for.empty() ? 0u : 1u);
  if (row.stored_for.empty()) return;
  EXPECT_EQ(transcript.mails[0].forward_paths, row.stored_for);
  EXPECT_EQ(transcript.mails[0].data, "text\r\n");
}

TEST_P(PrdrTest, TheSameByBdat) {
  const Verdicts& row = GetParam();
  const std::string wire = std::string(kToData.substr(0, kToData.size() - 6)) +
                           "BDAT 4\r\ntextBDAT 2 LAST\r\n\r\nQUIT\r\n";
  SessionRules rules = rules_refusing(row.refusals);
  const auto transcript = tests::run_session(wire, {}, rules);
  EXPECT_TRUE(codes_of(transcript.replies).ends_with(std::string(row.codes) + " 221/2.0.0"));
  ASSERT_EQ(transcript.mails.size(), row.stored_for.empty() ? 0u : 1u);
  rules.send_bytes_max = 7;
  EXPECT_EQ(tests::run_session_by_octets(wire, rules), transcript);
}

INSTANTIATE_TEST_SUITE_P(DraftHallPrdr, PrdrTest, testing::ValuesIn(kVerdicts),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(PrdrSessionTest, IsOffUnlessItIsOn) {
  SessionDriver driver;
  driver.send("EHLO c.test\r\nMAIL FROM:<> PRDR\r\n");
  EXPECT_EQ(codes_of(driver.transcript().replies), "220 250 555/5.5.4");
}

TEST(PrdrSessionTest, WithoutTheParameterThereIsOneReply) {
  const std::string wire =
      "EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@d.test>\r\nRCPT TO:<b@d.test>\r\nDATA\r\n.\r\n";
  EXPECT_EQ(codes_of(tests::run_session(wire, {}, rules_refusing({})).replies),
            "220 250 250/2.1.0 250/2.1.5 250/2.1.5 354 250/2.0.0");
}

TEST(PrdrSessionTest, WhatRcptSaidOfTheOthersStaysTheirs) {
  const auto transcript = tests::run_session(
      "EHLO c.test\r\nMAIL FROM:<> PRDR\r\nRCPT TO:<a@d.test> NOTIFY=NEVER\r\n"
      "RCPT TO:<b@d.test> NOTIFY=DELAY ORCPT=rfc822;c@d.test\r\nDATA\r\n.\r\n",
      {}, rules_refusing({{"a@d.test", ReplyId::relay_denied}}));
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_EQ(transcript.mails[0].forward_paths, std::vector<std::string>{"b@d.test"});
  ASSERT_EQ(transcript.mails[0].dsn.size(), 1u);
  EXPECT_EQ(transcript.mails[0].dsn[0].notify, NotifySet::delay);
}

// What is refused as a whole is refused in one reply, and nobody was promised anything before.
TEST(PrdrSessionTest, AMailThatIsRefusedGetsOneReply) {
  SessionRules rules = rules_refusing({{"a@d.test", ReplyId::relay_denied}});
  EXPECT_EQ(codes_of(tests::run_session(std::string(kToData) + "\n\r\n.\r\n", {}, rules).replies),
            std::string(kBefore) + "550/5.6.11");
  rules.commit_refusal = ReplyId::spool_failed;
  EXPECT_EQ(codes_of(tests::run_session(std::string(kToData) + ".\r\n", {}, rules).replies),
            std::string(kBefore) + "451/4.3.0");
}

TEST(PrdrSessionTest, ManyRepliesWaitForRoom) {
  SessionRules rules = rules_refusing({{"500@d.test", ReplyId::relay_denied}});
  std::string wire = "EHLO c.test\r\nMAIL FROM:<> PRDR\r\n";
  for (uint32_t i = 0; i < kRecipientsDefault; ++i) {
    wire += "RCPT TO:<" + std::to_string(i) + "@d.test>\r\n";
  }
  wire += "BDAT 0 LAST\r\nNOOP\r\n";
  for (const size_t send_bytes_max : {size_t{13}, SIZE_MAX}) {
    rules.send_bytes_max = send_bytes_max;
    const auto transcript = tests::run_session(wire, {}, rules);
    const auto replies = tests::split_replies(transcript.replies);
    ASSERT_EQ(replies.size(), 3 + 2 * kRecipientsDefault + 3);
    EXPECT_TRUE(replies[3 + kRecipientsDefault].starts_with("353 "));
    EXPECT_TRUE(replies[4 + kRecipientsDefault + 500].starts_with("550 5.7.1"));
    EXPECT_TRUE(replies[4 + 2 * kRecipientsDefault].starts_with("250 2.0.0 accepted as"));
    ASSERT_EQ(transcript.mails.size(), 1u);
    EXPECT_EQ(transcript.mails[0].forward_paths.size(), kRecipientsDefault - 1);
  }
}

TEST(PrdrSessionTest, ABlockIsHeldForTheTransactionOnly) {
  SessionRules rules = rules_refusing({});
  rules.transaction_blocks = 2;
  SessionDriver driver(rules);
  const auto free = [&] { return driver.transaction_blocks().free_count(); };
  driver.send("EHLO c.test\r\nMAIL FROM:<> PRDR\r\n");
  EXPECT_EQ(free(), 1u);
  driver.send("RSET\r\n");
  EXPECT_EQ(free(), 2u);
  driver.send("MAIL FROM:<> PRDR\r\nRCPT TO:<a@d.test>\r\nDATA\r\n.\r\n");
  EXPECT_EQ(free(), 2u);
  EXPECT_EQ(driver.transcript().mails.size(), 1u);
}

TEST(PrdrSessionTest, WithoutABlockMailHasToComeLater) {
  const SessionConfig config({.hostname = "mx.test", .prdr = true});
  BlockPool lines(kSessionBlockBytes, 1);
  BlockPool transactions(kSessionBlockBytes, 1);
  std::byte* const taken = transactions.take();
  BlockPool replies(kReplyBufferBytes, 1);
  ReplyBuffer out(replies);
  ServerSession session(config, lines, transactions);
  (void)session.start();
  (void)session.resume(Verdict::accept(), out);
  EXPECT_EQ(session.feed(as_octets("EHLO c\r\n"), out).need, Need::verdict);
  (void)session.resume(Verdict::accept(), out);
  EXPECT_EQ(session.feed(as_octets("MAIL FROM:<> PRDR\r\n"), out).need, Need::input);
  EXPECT_TRUE(codes_of(as_text(out.pending())).ends_with("452/4.3.1"));
  transactions.give(taken);
}

}  // namespace
}  // namespace mailrace::core
