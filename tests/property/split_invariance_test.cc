// SPDX-License-Identifier: GPL-3.0-or-later
// However a stream is split, the same replies are sent and the same mails are stored.
#include "core/base/prng.h"
#include "tests/support/look_alikes.h"
#include "tests/support/mail_data_reference.h"
#include "tests/support/seed.h"
#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tests {
namespace {

using std::string_view_literals::operator""sv;
using core::BareNewline;
using core::Prng;

// --- sessions -----------------------------------------------------------------------------------

struct Wire {
  const char* name;
  std::string_view octets;
  SessionRules rules{};
};

const Wire kWires[] = {
    {"commands", "EHLO c\r\nNOOP\r\nRSET\r\nHELP\r\nVRFY x\r\nQUIT\r\nNOOP\r\n"},
    {"mail", "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n..\r\n.x\r\n.\r\nQUIT\r\n"},
    {"two_mails",
     "HELO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n.\r\nMAIL FROM:<c@d>\r\n"
     "RCPT TO:<e@f>\r\nDATA\r\n1\r\n.\r\n"},
    {"bare_newlines",
     "EHLO c\nNOOP\r\nNO\rOP\r\nEHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
     "a\n.\r\n.\r\r\n.\r\nNOOP\r\n"},
    {"limit_or_bare_cr",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n12345678\r9\r\n.\r\nQUIT\r\n",
     {.message_bytes_max = 8}},
    {"limit_or_bare_lf",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n12345678\n9\r\n.\r\nQUIT\r\n",
     {.message_bytes_max = 8}},
    {"bare_lf_behind_the_limit",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n123456789\n\r\n.\r\n",
     {.message_bytes_max = 8}},
    {"refused_recipients",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<Postmaster>\r\n"
     "RCPT TO:<a@d>\r\nDATA\r\nx\r\n.\r\n",
     {.domains = {"d"}}},
    {"chunks",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 3\r\n.\r\nBDAT 0\r\nBDAT 2\r\n.\rBDAT 5 "
     "LAST\r\n"
     "\n..\r\nBDAT 4 LAST\r\nQUITNOOP\r\n"},
    {"chunks_with_bare_newlines",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 2\r\na\rBDAT 4\r\nb\r\n.BDAT 4\r\nQUIT"
     "BDAT 0 LAST\r\nMAIL FROM:<>\r\n"},
    {"chunks_past_the_limit",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 8\r\n12345678BDAT 1\r\n9BDAT 1 LAST\r\n0"
     "QUIT\r\n",
     {.message_bytes_max = 8}},
    {"chunks_that_may_not_come",
     "BDAT 6\r\nQUIT\r\nEHLO c\r\nMAIL FROM:<>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n"
     "BDAT 2z\r\nNOOP\r\n"},
    {"rset_between_chunks",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 2\r\nabRSET\r\nMAIL FROM:<>\r\n"
     "RCPT TO:<a@b>\r\nBDAT 2\r\ncdDATA\r\nBDAT 0 LAST\r\n"},
    {"binary",
     "EHLO c\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<a@b>\r\nDATA\r\nBDAT 4 LAST\r\n\n\r.\r"},
    {"bare_newlines_kept",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
     "a\n.\n.\r\n\r.\r\r\n..\r\n.\n.\r.\r\n.\r\r\n.\r\nNOOP\r\n",
     {.options = {.bare_newline = core::BareNewline::keep}}},
    {"limit_where_bare_newlines_are_kept",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n1\n3\r5\n\n\n9\r\n.\r\nQUIT\r\n",
     {.message_bytes_max = 8, .options = {.bare_newline = core::BareNewline::keep}}},
    {"lines_and_hops",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nReceived: a\r\n.Received: b\r\n.\r\n"
     "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nReceived: a\r\n123456789012\r\n\n.\r\n.\r\n"
     "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 9\r\n123456789BDAT 5 LAST\r\n012\r\n",
     {.options = {.line_bytes_max = 11, .hops_max = 1}}},
    {"a_full_disk",
     "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n12345\r\n.\r\nMAIL FROM:<>\r\n"
     "RCPT TO:<a@b>\r\nDATA\r\n123456\n\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 3\r\n123"
     "BDAT 3\r\n456BDAT 1 LAST\r\n7",
     {.mail_bytes_room = 5}},
    {"replies_for_recipients",
     "EHLO c\r\nMAIL FROM:<> PRDR\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n"
     "MAIL FROM:<> PRDR\r\nRCPT TO:<c@d>\r\nBDAT 1 LAST\r\naQUIT\r\n",
     {.recipient_refusals = {{"c@d", core::ReplyId::relay_denied}}, .options = {.prdr = true}}},
    {"errors_held_back",
     "EHLO\r\nEHLO c\r\nWIZ\r\nMAIL FROM:<>\r\nDATA\r\nBDAT 4\r\nQUITBDAT 4 LAST\r\nQUITWIZ\r\n",
     {.options = {.error_delay = core::seconds(1)}}},
    {"another_protocol", "POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO c\r\n"},
    {"nothing_but_octets", "\0\xff\r\r\n\n\r\n.\r\n \t\r\n"sv},
};

class SplitSessionTest : public testing::TestWithParam<Wire> {};

TEST_P(SplitSessionTest, AtEveryOctet) {
  const Wire& wire = GetParam();
  EXPECT_EQ(run_session_by_octets(wire.octets, wire.rules),
            run_session(wire.octets, {}, wire.rules));
}

TEST_P(SplitSessionTest, AtEveryPairOfPlaces) {
  const Wire& wire = GetParam();
  const Transcript expected = run_session(wire.octets, {}, wire.rules);
  EXPECT_EQ(defect_of_replies(expected.replies), "");
  for (size_t first = 0; first <= wire.octets.size(); ++first) {
    for (size_t second = first; second <= wire.octets.size(); ++second) {
      const size_t splits[] = {first, second};
      ASSERT_EQ(run_session(wire.octets, splits, wire.rules), expected) << first << ' ' << second;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, SplitSessionTest, testing::ValuesIn(kWires),
                         [](const auto& wire) { return std::string(wire.param.name); });

// A session of well-formed and broken pieces, some longer than any buffer.
std::string random_wire(Prng& prng) {
  constexpr std::string_view kMail = "RSET\r\nMAIL FROM:<>\r\nRCPT TO:<a@d>\r\nDATA\r\n.\r\n";
  constexpr std::string_view kPieces[] = {kMail,
                                          kMail,
                                          kMail,
                                          "EHLO c.test\r\n",
                                          "HELO c.test\r\n",
                                          "MAIL FROM:<a@b>\r\n",
                                          "MAIL FROM:<> SIZE=99\r\n",
                                          "RCPT TO:<a@d>\r\n",
                                          "RCPT TO:<\"a b\"@e>\r\n",
                                          "RCPT TO:<x>\r\n",
                                          "DATA\r\n",
                                          "DATA\r\n",
                                          "RSET\r\n",
                                          "NOOP\r\n",
                                          "BDAT 0\r\n",
                                          "BDAT 1\r\n",
                                          "BDAT 7\r\n",
                                          "BDAT 0 LAST\r\n",
                                          "BDAT 2 LAST\r\n",
                                          "BDAT 60 LAST\r\n",
                                          "BDAT 5000\r\n",
                                          "MAIL FROM:<> PRDR\r\n",
                                          "MAIL FROM:<> BODY=BINARYMIME\r\n",
                                          "Received: x\r\n",
                                          "\r\n.\r\n",
                                          ".\r\n",
                                          "..\r\n",
                                          "text.\r\n",
                                          "\n",
                                          "\r",
                                          ".",
                                          "\0"sv,
                                          "\r\n",
                                          "\xff",
                                          "a",
                                          "\n.\n",
                                          "\r\n.\n",
                                          "\r.\r",
                                          "\n.\r\n"};
  std::string wire =
      prng.below(2) == 0 ? "" : "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@d>\r\nDATA\r\n";
  const uint64_t pieces = 1 + prng.below(60);
  for (uint64_t i = 0; i < pieces; ++i) {
    wire += kPieces[prng.below(std::size(kPieces))];
    if (prng.below(50) == 0) wire.append(size_t(4000 + prng.below(200)), 'x');
  }
  return wire;
}

std::vector<size_t> random_splits(size_t size, Prng& prng) {
  std::vector<size_t> splits(prng.below(20));
  for (size_t& split : splits) split = size_t(prng.below(size + 1));
  std::sort(splits.begin(), splits.end());
  return splits;
}

TEST(SplitSessionTest, AtRandom) {
  const uint64_t seed = test_seed();
  SCOPED_TRACE(seed);
  Prng prng(seed);
  size_t mails = 0;
  for (int i = 0; i < 3000; ++i) {
    SessionRules rules{.message_bytes_max = prng.below(2) == 0 ? prng.below(40) : 1 << 20,
                       .transaction_blocks = 4};
    if (prng.below(3) == 0) rules.domains = {"d"};
    if (prng.below(3) == 0) rules.options.bare_newline = core::BareNewline::keep;
    if (prng.below(3) == 0) rules.options.line_bytes_max = 1 + prng.below(100);
    if (prng.below(3) == 0) rules.options.hops_max = 1;
    if (prng.below(3) == 0) rules.options.error_delay = core::seconds(1);
    if (prng.below(3) == 0) rules.mail_bytes_room = prng.below(30);
    rules.options.prdr = prng.below(2) == 0;
    if (prng.below(3) == 0) rules.recipient_refusals["a@d"] = core::ReplyId::relay_denied;
    const std::string wire = random_wire(prng);
    const Transcript expected = run_session(wire, {}, rules);
    mails += expected.mails.size();
    ASSERT_EQ(defect_of_replies(expected.replies), "");
    ASSERT_EQ(run_session(wire, random_splits(wire.size(), prng), rules), expected) << wire;
    rules.send_bytes_max = 1 + size_t(prng.below(200));
    ASSERT_EQ(run_session_by_octets(wire, rules), expected) << wire;
  }
  EXPECT_GT(mails, 500u);  // else the pieces are no sessions
}

// --- mail data ----------------------------------------------------------------------------------

constexpr std::string_view kMarker = "MAIL FROM:<x@y>\r\n";

template <class Visit>
void for_each_look_alike(size_t length_max, Visit&& visit) {
  tests::for_each_look_alike(length_max, [&](const std::string& text) {
    if (!testing::Test::HasFailure()) visit(text);
  });
}

void expect_reference(std::string_view wire, uint64_t bytes_max, BareNewline bare_newline) {
  const MailDataOutcome reference = reference_mail_data(wire, bytes_max, bare_newline);
  const auto check = [&](const char* what, size_t split, const MailDataOutcome& outcome) {
    if (outcome.agrees_with(reference)) return;
    ADD_FAILURE() << what << ' ' << split << ", limit " << bytes_max << ": "
                  << testing::PrintToString(wire);
  };
  check("octets", 0,
        feed_mail_data(
            wire, bytes_max, [](auto) { return 1; }, bare_newline));
  for (size_t split = 1; split <= wire.size(); ++split) {
    const auto pieces = [&](auto rest) {
      const size_t at = wire.size() - rest.size();
      return at < split ? split - at : rest.size();
    };
    check("split at", split, feed_mail_data(wire, bytes_max, pieces, bare_newline));
  }
}

void expect_reference(std::string_view wire, uint64_t bytes_max) {
  expect_reference(wire, bytes_max, BareNewline::reject);
  expect_reference(wire, bytes_max, BareNewline::keep);
}

TEST(MailDataReferenceTest, AgreesOnEveryShortText) {
  for_each_look_alike(6, [](const std::string& text) {
    const std::string wire = text + "\r\n.\r\n" + std::string(kMarker);
    expect_reference(wire, 1000);
  });
}

TEST(MailDataReferenceTest, AgreesOctetByOctetOnEveryText) {
  for_each_look_alike(8, [](const std::string& text) {
    const std::string wire = text + "\r\n.\r\n" + std::string(kMarker);
    for (const BareNewline bare_newline : {BareNewline::reject, BareNewline::keep}) {
      const auto reference = reference_mail_data(wire, 1000, bare_newline);
      const auto octets = feed_mail_data(
          wire, 1000, [](auto) { return 1; }, bare_newline);
      const auto whole = feed_mail_data(
          wire, 1000, [](auto rest) { return rest.size(); }, bare_newline);
      if (!octets.agrees_with(reference) || !whole.agrees_with(reference)) {
        ADD_FAILURE() << testing::PrintToString(wire);
      }
    }
  });
}

TEST(MailDataReferenceTest, AgreesAtEveryLimit) {
  for_each_look_alike(5, [](const std::string& text) {
    for (uint64_t bytes_max = 0; bytes_max <= text.size() + 2; ++bytes_max) {
      expect_reference(text + "\r\n.\r\n", bytes_max);
    }
  });
}

TEST(MailDataReferenceTest, AgreesWithoutAnEnd) {
  for_each_look_alike(6, [](const std::string& text) { expect_reference(text, 1000); });
}

}  // namespace
}  // namespace mailrace::tests
