// SPDX-License-Identifier: GPL-3.0-or-later
// However a stream is split, the same replies are sent and the same mails are stored; and no octets
// but <CRLF>.<CRLF> let a second transaction begin (the "smuggling" of CVE-2023-51764 and others).
#include "core/base/prng.h"
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
using core::DataDefect;
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
  for (int i = 0; i < 1500; ++i) {
    SessionRules rules{.message_bytes_max = prng.below(2) == 0 ? prng.below(40) : 1 << 20,
                       .transaction_blocks = 4};
    if (prng.below(3) == 0) rules.domains = {"d"};
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

constexpr std::string_view kAlphabet = "\r\n.a\0"sv;
constexpr std::string_view kMarker = "MAIL FROM:<x@y>\r\n";

// The `index`th string of that length over the alphabet.
std::string look_alike(size_t length, size_t index) {
  std::string text(length, 'a');
  for (char& octet : text) {
    octet = kAlphabet[index % kAlphabet.size()];
    index /= kAlphabet.size();
  }
  return text;
}

template <class Visit>
void for_each_look_alike(size_t length_max, Visit&& visit) {
  size_t count = 1;
  for (size_t length = 0; length <= length_max; ++length, count *= kAlphabet.size()) {
    for (size_t i = 0; i < count && !testing::Test::HasFailure(); ++i) visit(look_alike(length, i));
  }
}

void expect_reference(std::string_view wire, uint64_t bytes_max) {
  const MailDataOutcome reference = reference_mail_data(wire, bytes_max);
  const auto check = [&](const char* what, size_t split, const MailDataOutcome& outcome) {
    if (outcome.agrees_with(reference)) return;
    ADD_FAILURE() << what << ' ' << split << ", limit " << bytes_max << ": "
                  << testing::PrintToString(wire);
  };
  check("octets", 0, feed_mail_data(wire, bytes_max, [](auto) { return 1; }));
  for (size_t split = 1; split <= wire.size(); ++split) {
    check("split at", split, feed_mail_data(wire, bytes_max, [&](auto rest) {
            const size_t at = wire.size() - rest.size();
            return at < split ? split - at : rest.size();
          }));
  }
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
    const MailDataOutcome reference = reference_mail_data(wire, 1000);
    const auto octets = feed_mail_data(wire, 1000, [](auto) { return 1; });
    const auto whole = feed_mail_data(wire, 1000, [](auto rest) { return rest.size(); });
    if (!octets.agrees_with(reference) || !whole.agrees_with(reference)) {
      ADD_FAILURE() << testing::PrintToString(wire);
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

// Every look-alike as the text before a whole transaction: where the standard sees no end, that
// transaction is text. It is refused or stored as such, and nothing of it is executed.
TEST(SmugglingTest, NoLookAlikeBeginsASecondTransaction) {
  const std::string smuggled =
      "MAIL FROM:<evil@x>\r\nRCPT TO:<victim@y>\r\nDATA\r\nsmuggled\r\n.\r\n";
  size_t ends = 0;
  for_each_look_alike(5, [&](const std::string& text) {
    const std::string data = "text" + text + smuggled;
    const MailDataOutcome reference = reference_mail_data(data, 1000);
    SessionDriver driver;
    driver.send("EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
    driver.send(data);
    const bool one_transaction = reference.consumed == data.size();
    ends += one_transaction ? 0 : 1;
    const bool kept = reference.defect == DataDefect::none;
    const auto& mails = driver.transcript().mails;
    ASSERT_EQ(mails.size(), size_t{kept} + (one_transaction ? 0 : 1))
        << testing::PrintToString(text);
    if (kept) {
      ASSERT_EQ(mails[0].data, reference.content) << testing::PrintToString(text);
    }
    for (size_t i = kept ? 1 : 0; i < mails.size(); ++i) {
      ASSERT_EQ(mails[i].reverse_path, "evil@x") << testing::PrintToString(text);
    }
  });
  // Exactly one text of five octets is the end; the others only resemble it.
  EXPECT_EQ(ends, 1u);
}

}  // namespace
}  // namespace mailrace::tests
