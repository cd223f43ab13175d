// SPDX-License-Identifier: GPL-3.0-or-later
// XCLIENT: its attributes one by one, who may use it, and what a session is afterwards; and who
// speaks before it is their turn.
#include "core/smtp/xclient.h"

#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

using std::string_view_literals::operator""sv;
using tests::codes_of;
using tests::SessionDriver;
using tests::SessionRules;

// All that was said, in the order of the structure; "-" stands for said without a value.
std::string told(const Xclient& x) {
  std::string text;
  const auto add = [&](const char* name, bool said, const std::string& value) {
    if (said) text += (text.empty() ? "" : " ") + std::string(name) + "=" + value;
  };
  const auto address = [](const XclientValue<IpAddress>& value) {
    char memory[kIpAddressTextBytesMax];
    TextBuilder written(memory, sizeof memory);
    if (value.value) add_ip_address(written, *value.value);
    return value.value ? std::string(written.text()) : "-";
  };
  const auto port = [](const XclientValue<uint16_t>& value) {
    return value.value ? std::to_string(*value.value) : "-";
  };
  const auto word = [](std::string_view value) { return std::string(value.empty() ? "-" : value); };
  add("name", x.name.said, word(x.name.value.view()));
  add("helo", x.helo.said, word(x.helo.value.view()));
  add("addr", x.address.said, address(x.address));
  add("port", x.port.said, port(x.port));
  add("destaddr", x.dest_address.said, address(x.dest_address));
  add("destport", x.dest_port.said, port(x.dest_port));
  add("esmtp", x.is_extended.said, x.is_extended.value.value_or(false) ? "yes" : "no");
  return text;
}

std::string read(std::string_view argument) {
  Xclient x;
  switch (parse_xclient(argument, x)) {
    case XclientError::none:
      return told(x);
    case XclientError::syntax:
      return "syntax";
    case XclientError::unknown:
      return "unknown";
    case XclientError::duplicate:
      return "duplicate";
    case XclientError::bad_value:
      break;
  }
  return "bad_value";
}

struct Row {
  std::string_view argument;
  std::string what;
};

const Row kRows[] = {
    {"NAME=spike.example ADDR=192.0.2.1", "name=spike.example addr=192.0.2.1"},
    {"  addr=192.0.2.1   Port=4660 ", "addr=192.0.2.1 port=4660"},
    {"ADDR=IPV6:2001:db8::1", "addr=2001:db8::1"},
    {"ADDR=ipv6:2001:DB8::1", "addr=2001:db8::1"},
    {"ADDR=IPV6:::ffff:192.0.2.1", "addr=192.0.2.1"},
    {"ADDR=[UNAVAILABLE] PORT=[unavailable]", "addr=- port=-"},
    {"NAME=[UNAVAILABLE]", "name=-"},
    {"NAME=[TempUnavail]", "name=-"},
    {"HELO=[UNAVAILABLE]", "helo=-"},
    {"HELO=[192.0.2.1] PROTO=ESMTP", "helo=[192.0.2.1] esmtp=yes"},
    {"HELO=c.test PROTO=smtp", "helo=c.test esmtp=no"},
    {"HELO=a+2Bb+3Dc", "helo=a+b=c"},
    {"ADDR=192.0.2+2E1", "addr=192.0.2.1"},
    {"DESTADDR=203.0.113.5 DESTPORT=25", "destaddr=203.0.113.5 destport=25"},
    {"DESTADDR=IPV6:::1 DESTPORT=0", "destaddr=::1 destport=0"},
    {"PORT=65535", "port=65535"},

    {"", "syntax"},
    {"   ", "syntax"},
    {"ADDR", "syntax"},
    {"=192.0.2.1", "syntax"},
    {"ADDR=192.0.2.1 x", "syntax"},
    {"HELO=a=b", "syntax"},
    {"HELO=a+2", "syntax"},
    {"HELO=a+", "syntax"},
    {"HELO=a+2b", "syntax"},
    {"HELO=a+G0", "syntax"},
    {"HELO=\x80", "syntax"},
    {"HELO=a\tb", "syntax"},
    {"LOGIN=alice", "unknown"},
    {"LOGIN=[UNAVAILABLE]", "unknown"},
    {"ADDRESS=192.0.2.1", "unknown"},
    {"PORT=1 port=2", "duplicate"},
    {"ADDR=", "bad_value"},
    {"ADDR=[192.0.2.1]", "bad_value"},
    {"ADDR=2001:db8::1", "bad_value"},
    {"ADDR=IPV6:192.0.2.1", "bad_value"},
    {"ADDR=192.0.2.256", "bad_value"},
    {"ADDR=[TEMPUNAVAIL]", "bad_value"},
    {"PORT=65536", "bad_value"},
    {"PORT=-1", "bad_value"},
    {"PORT=", "bad_value"},
    {"PROTO=LMTP", "bad_value"},
    {"PROTO=", "bad_value"},
    {"PROTO=[UNAVAILABLE]", "bad_value"},
    {"NAME=not_a_domain", "bad_value"},
    {"NAME=", "bad_value"},
    {"HELO=", "bad_value"},
    {"HELO=a+20b", "bad_value"},
    {"HELO=a+0Ab", "bad_value"},
    {"HELO=a+00b", "bad_value"},
};

TEST(XclientTest, Reads) {
  for (const Row& row : kRows) EXPECT_EQ(read(row.argument), row.what) << row.argument;
}

TEST(XclientTest, BoundsItsValues) {
  const std::string longest(kHeloBytesMax, 'a');
  EXPECT_EQ(read("HELO=" + longest), "helo=" + longest);
  EXPECT_EQ(read("HELO=" + longest + "a"), "bad_value");
  EXPECT_EQ(read("HELO=" + longest + "+"), "syntax");
  EXPECT_EQ(read("NAME=" + longest + "a"), "bad_value");
}

// --- in a session --------------------------------------------------------------------------------

const SessionRules kTrusted{.client = {.may_xclient = true}};

std::string codes_to(SessionDriver& driver, std::string_view input) {
  const size_t before = driver.transcript().replies.size();
  driver.send(input);
  return codes_of(driver.transcript().replies.substr(before));
}

TEST(XclientSessionTest, IsForTrustedClientsOnly) {
  SessionDriver driver;
  driver.send("EHLO c.test\r\n");
  EXPECT_EQ(driver.transcript().replies.find("XCLIENT"), std::string::npos);
  EXPECT_EQ(codes_to(driver, "XCLIENT ADDR=192.0.2.1\r\nXCLIENT x\r\n"), "550/5.7.0 550/5.7.0");
  EXPECT_EQ(codes_to(driver, "MAIL FROM:<>\r\n"), "250/2.1.0") << "the EHLO still counts";
}

TEST(XclientSessionTest, IsOfferedToTrustedClients) {
  SessionDriver driver(kTrusted);
  driver.send("EHLO c.test\r\n");
  EXPECT_NE(driver.transcript().replies.find(
                "250-XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT\r\n"),
            std::string::npos);
}

TEST(XclientSessionTest, StartsOver) {
  SessionDriver driver(kTrusted);
  EXPECT_EQ(codes_to(driver, "EHLO c.test\r\nXCLIENT ADDR=192.0.2.1\r\n"), "250 220");
  EXPECT_EQ(codes_to(driver, "MAIL FROM:<>\r\n"), "503/5.5.1") << "EHLO is forgotten";
  EXPECT_EQ(codes_to(driver, "EHLO c.test\r\nMAIL FROM:<>\r\n"), "250 250/2.1.0");
}

TEST(XclientSessionTest, IsRefusedWithinATransaction) {
  SessionDriver driver(kTrusted);
  EXPECT_EQ(codes_to(driver, "EHLO c.test\r\nMAIL FROM:<>\r\nXCLIENT ADDR=192.0.2.1\r\n"),
            "250 250/2.1.0 503/5.5.1");
  EXPECT_EQ(codes_to(driver, "RCPT TO:<a@b>\r\n"), "250/2.1.5") << "which goes on";
  EXPECT_EQ(codes_to(driver, "RSET\r\nXCLIENT ADDR=192.0.2.1\r\n"), "250/2.0.0 220");
}

TEST(XclientSessionTest, ABadOneChangesNothing) {
  SessionDriver driver(kTrusted);
  EXPECT_EQ(codes_to(driver, "EHLO c.test\r\nXCLIENT\r\nXCLIENT HELO=x.test ADDR=x\r\n"),
            "250 501/5.5.4 501/5.5.4");
  EXPECT_EQ(codes_to(driver, "MAIL FROM:<>\r\n"), "250/2.1.0");
  EXPECT_EQ(driver.session().helo(), "c.test");
}

TEST(XclientSessionTest, HeloAndProtoStandForTheirCommand) {
  SessionDriver driver(kTrusted);
  EXPECT_EQ(codes_to(driver, "XCLIENT HELO=other.test PROTO=ESMTP\r\nMAIL FROM:<>\r\n"),
            "220 250/2.1.0");
  EXPECT_EQ(driver.session().helo(), "other.test");
  EXPECT_TRUE(driver.session().is_extended());
  EXPECT_EQ(codes_to(driver, "RSET\r\nXCLIENT HELO=third.test\r\n"), "250/2.0.0 220");
  EXPECT_EQ(driver.session().helo(), "third.test");
  EXPECT_FALSE(driver.session().is_extended());
  EXPECT_EQ(codes_to(driver, "EHLO own.test\r\n"), "250");
  EXPECT_EQ(driver.session().helo(), "own.test") << "a later EHLO goes before it";
  EXPECT_EQ(codes_to(driver, "XCLIENT HELO=[UNAVAILABLE]\r\nMAIL FROM:<>\r\n"), "220 503/5.5.1");
}

TEST(XclientSessionTest, TheClientIsJudgedAnew) {
  SessionDriver driver(kTrusted);
  driver.send("EHLO c.test\r\n");
  driver.rules() = kTrusted.refusing(Question::xclient, ReplyId::relay_denied);
  EXPECT_EQ(codes_to(driver, "XCLIENT ADDR=192.0.2.1\r\nMAIL FROM:<>\r\n"), "550/5.7.1 250/2.1.0");
  driver.rules() = kTrusted.refusing(Question::connect, ReplyId::too_many_sessions);
  EXPECT_EQ(codes_to(driver, "RSET\r\nXCLIENT ADDR=192.0.2.1\r\n"), "250/2.0.0 421/4.3.2");
  EXPECT_TRUE(driver.transcript().closed);
}

TEST(XclientSessionTest, IsTheSameInAnyPieces) {
  constexpr std::string_view kWire =
      "EHLO c.test\r\nXCLIENT NAME=a.test ADDR=192.0.2.1 HELO=h.test PROTO=ESMTP\r\n"
      "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nm\r\n.\r\nQUIT\r\n";
  EXPECT_EQ(run_session_by_octets(kWire, kTrusted), run_session(kWire, {}, kTrusted));
  EXPECT_EQ(run_session(kWire, {}, kTrusted).mails.at(0).helo, "h.test");
}

// --- early talkers -------------------------------------------------------------------------------

struct Turn {
  const char* name;
  std::string_view before;  // each line on its own, as by a client that waits
  std::string_view group;   // in one piece
  uint32_t early;
  const char* codes;  // to the group, if early talkers are refused
};

constexpr std::string_view kEhlo = "EHLO c.test\r\n";
constexpr std::string_view kToRcpt = "EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n";

constexpr Turn kTurns[] = {
    {"a_group", kEhlo, "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRSET\r\nHELP\r\nDATA\r\n", 0,
     "250/2.1.0 250/2.1.5 250/2.0.0 214/2.0.0 503/5.5.1"},
    {"one_command", "", "EHLO c.test\r\n", 0, "250"},
    {"behind_ehlo", "", "EHLO c.test\r\nMAIL FROM:<>\r\n", 1, "250 554/5.5.1"},
    {"part_of_a_line_behind_ehlo", "", "EHLO c.test\r\nM", 1, "250 554/5.5.1"},
    {"behind_a_refused_ehlo", "", "EHLO a b\r\nNOOP\r\n", 1, "501/5.5.4 554/5.5.1"},
    {"behind_helo", "", "HELO c.test\r\nMAIL FROM:<>\r\n", 1, "250 554/5.5.1"},
    {"no_groups_under_helo", "HELO c.test\r\n", "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n", 1,
     "250/2.1.0 554/5.5.1"},
    {"no_groups_before_ehlo", "", "RSET\r\nEHLO c.test\r\n", 1, "250/2.0.0 554/5.5.1"},
    {"behind_noop", kEhlo, "NOOP\r\nRSET\r\n", 1, "250/2.0.0 554/5.5.1"},
    {"behind_vrfy", kEhlo, "VRFY a\r\nRSET\r\n", 1, "252/2.5.0 554/5.5.1"},
    {"behind_expn", kEhlo, "EXPN a\r\nRSET\r\n", 1, "502/5.5.1 554/5.5.1"},
    {"behind_starttls", kEhlo, "STARTTLS\r\nRSET\r\n", 1, "502/5.5.1 554/5.5.1"},
    {"behind_quit", kEhlo, "QUIT\r\nRSET\r\n", 0, "221/2.0.0"},
    {"mail_data_behind_data", kToRcpt, "DATA\r\nm\r\n.\r\n", 1, "354 250/2.0.0"},
    {"behind_a_refused_data", kEhlo, "DATA\r\nm\r\n.\r\n", 1, "503/5.5.1 554/5.5.1"},
    {"behind_the_end_of_data", "EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n",
     "m\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n", 0, "250/2.0.0 250/2.1.0 250/2.1.5 354"},
    {"behind_the_end_of_data_under_helo",
     "HELO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n", "m\r\n.\r\nRSET\r\n", 0,
     "250/2.0.0 250/2.0.0"},
    {"behind_xclient", kEhlo, "XCLIENT ADDR=192.0.2.1\r\nEHLO c.test\r\n", 0, "220 250"},
    {"twice", kEhlo, "NOOP\r\nNOOP\r\nNOOP\r\n", 2, "250/2.0.0 554/5.5.1"},
};

void send_lines(SessionDriver& driver, std::string_view lines) {
  while (!lines.empty()) {
    const size_t size = std::min(lines.find('\n'), lines.size() - 1) + 1;
    driver.send(lines.substr(0, size));
    lines.remove_prefix(size);
  }
}

TEST(EarlyTalkTest, IsCountedAndNothingElse) {
  for (const Turn& turn : kTurns) {
    SessionDriver driver(kTrusted);
    send_lines(driver, turn.before);
    EXPECT_EQ(driver.session().early_talk(), 0u) << turn.name;
    driver.send(turn.group);
    EXPECT_EQ(driver.session().early_talk(), turn.early) << turn.name;

    SessionDriver polite(kTrusted);
    polite.send(turn.before);
    send_lines(polite, turn.group);
    EXPECT_EQ(driver.transcript().replies, polite.transcript().replies) << turn.name;
  }
}

TEST(EarlyTalkTest, CanBeRefused) {
  SessionRules rules = kTrusted;
  rules.client.refuse_early = true;
  for (const Turn& turn : kTurns) {
    SessionDriver driver(rules);
    send_lines(driver, turn.before);
    EXPECT_EQ(codes_to(driver, turn.group), turn.codes) << turn.name;
    const bool refused = std::string_view(turn.codes).ends_with("554/5.5.1");
    EXPECT_EQ(driver.transcript().closed, refused || turn.name == "behind_quit"sv) << turn.name;
    EXPECT_GE(driver.session().refusals().count, refused ? 1u : 0u) << turn.name;
  }
}

TEST(EarlyTalkTest, BeforeTheGreeting) {
  SessionDriver heard({.client = {.spoke_early = true}});
  EXPECT_EQ(codes_of(heard.transcript().replies), "220");
  EXPECT_EQ(heard.session().early_talk(), 1u);
  EXPECT_EQ(codes_to(heard, "EHLO c.test\r\n"), "250");

  SessionDriver refused({.client = {.spoke_early = true, .refuse_early = true}});
  EXPECT_EQ(codes_of(refused.transcript().replies), "554/5.5.1");
  EXPECT_TRUE(refused.transcript().closed);
  EXPECT_EQ(refused.session().refusals().count, 1u);

  SessionDriver patient({.client = {.refuse_early = true}});
  EXPECT_EQ(codes_of(patient.transcript().replies), "220");
}

}  // namespace
}  // namespace mailrace::core
