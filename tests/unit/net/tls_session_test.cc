// SPDX-License-Identifier: GPL-3.0-or-later
// Handshakes, records and their ends, with a client in memory.
#include "net/tls_session.h"

#include "net/tls_wolfssl.h"
#include "tests/support/client_hellos.h"
#include "tests/support/tls_client.h"
#include "tests/support/tls_fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <malloc.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

namespace mailrace::net {
namespace {

using testing::HasSubstr;
using tests::ticket_keys;
using tests::tls_context;
using tests::tls_file;
using tests::TlsClient;
using tests::TlsClientOptions;

// A server's session, and how far it got.
class ServerSide {
 public:
  explicit ServerSide(std::shared_ptr<TlsContext> context, size_t piece = SIZE_MAX)
      : session_(std::move(context), blocks_, kept_bytes), piece_(piece) {}

  // Gives `octets`, as pieces in memory of their own, and everything that comes of it.
  void receive(std::string_view octets) {
    while (!octets.empty()) {
      const std::string piece(octets.substr(0, piece_));
      octets.remove_prefix(piece.size());
      take(piece);
    }
  }
  std::string take_sent() {
    sent_ += core::as_text(session_.output().pending());
    session_.output().consume(session_.output().pending().size());
    return std::exchange(sent_, {});
  }

  size_t kept_bytes = 0;  // by the worker
  bool has_open_mail = false;
  TlsSession& session() { return session_; }
  core::BlockPool& blocks() { return blocks_; }
  std::string heard;
  size_t hellos = 0;
  bool established = false;
  bool peer_closed = false;
  bool failed = false;

 private:
  void take(std::string_view piece) {
    while (true) {
      const TlsStep step = session_.advance(core::as_octets(piece), target_, has_open_mail);
      ASSERT_LE(step.consumed, piece.size());
      piece.remove_prefix(step.consumed);
      switch (step.status) {
        case TlsStatus::wants_input:
          if (piece.empty()) return;
          ASSERT_GT(step.consumed, 0u);
          break;
        case TlsStatus::wants_output:
          sent_ += core::as_text(session_.output().pending());
          session_.output().consume(session_.output().pending().size());
          break;
        case TlsStatus::hello:
          ++hellos;
          ASSERT_FALSE(session_.has_begun());
          break;
        case TlsStatus::established:
          established = true;
          break;
        case TlsStatus::plaintext:
          heard += core::as_text(step.plaintext);
          break;
        case TlsStatus::closed:
          peer_closed = true;
          return;
        case TlsStatus::failed:
          failed = true;
          return;
      }
    }
  }

  core::BlockPool blocks_{core::kTlsOutputBytes, 1};
  std::array<std::byte, core::kTlsRecordBytesMax> target_;
  TlsSession session_;
  size_t piece_;
  std::string sent_;
};

// returns whether both sides are through
bool shake_hands(TlsClient& client, ServerSide& server) {
  for (int round = 0; round < 10; ++round) {
    const bool done = client.shake_hands();
    server.receive(client.take_sent());
    client.receive(server.take_sent());
    if (done && server.established) return true;
    if (client.failed() || server.failed) return false;
  }
  return false;
}

void exchange_words(TlsClient& client, ServerSide& server) {
  client.say("EHLO client");
  server.receive(client.take_sent());
  EXPECT_EQ(std::exchange(server.heard, {}), "EHLO client");
  EXPECT_TRUE(server.session().write(core::as_octets("250 mx")));
  client.receive(server.take_sent());
  EXPECT_EQ(client.hear(), "250 mx");
}

// --- the handshake -------------------------------------------------------------------------------

TEST(TlsSessionTest, CarriesOctetsBothWaysHoweverTheyAreSplit) {
  for (const bool is_tls13 : {true, false}) {
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, SIZE_MAX}) {
      TlsClient client({.is_tls13 = is_tls13, .root = tls_file("root.pem")});
      ServerSide server(tls_context({"ecdsa", "rsa"}), piece);
      ASSERT_TRUE(shake_hands(client, server)) << piece;
      EXPECT_EQ(server.hellos, 1u);
      exchange_words(client, server);
      exchange_words(client, server);
      EXPECT_TRUE(server.session().output().empty());
      EXPECT_EQ(server.blocks().free_count(), 1u);
    }
  }
}

TEST(TlsSessionTest, CostsNothingBeforeAWholeClientHello) {
  TlsClient client;
  client.shake_hands();
  const std::string hello = client.take_sent();
  ServerSide server(tls_context({"ecdsa"}));
  server.receive(hello.substr(0, hello.size() - 1));
  EXPECT_EQ(server.hellos, 0u);
  EXPECT_FALSE(server.session().has_begun());
  server.receive(hello.substr(hello.size() - 1));
  EXPECT_EQ(server.hellos, 1u);
  EXPECT_TRUE(server.session().has_begun());
}

struct Meeting {
  const char* name;
  TlsClientOptions client;
  core::TlsFacts facts;
};
std::ostream& operator<<(std::ostream& stream, const Meeting& row) { return stream << row.name; }

const Meeting kMeetings[] = {
    {"modern",
     {},
     {.version = "TLS1.3",
      .cipher = "TLS_AES_128_GCM_SHA256",
      .group = "X25519MLKEM768",
      .server_name = "mx.example.com"}},
    {"x25519",
     {.server_name = "", .group = WOLFSSL_ECC_X25519},
     {.version = "TLS1.3", .cipher = "TLS_AES_128_GCM_SHA256", .group = "X25519"}},
    {"p256",
     {.suites = "TLS13-CHACHA20-POLY1305-SHA256", .group = WOLFSSL_ECC_SECP256R1},
     {.version = "TLS1.3",
      .cipher = "TLS_CHACHA20_POLY1305_SHA256",
      .group = "P-256",
      .server_name = "mx.example.com"}},
    {"p384",
     {.suites = "TLS13-AES256-GCM-SHA384", .group = WOLFSSL_ECC_SECP384R1},
     {.version = "TLS1.3",
      .cipher = "TLS_AES_256_GCM_SHA384",
      .group = "P-384",
      .server_name = "mx.example.com"}},
    {"tls12_ecdsa",
     {.is_tls13 = false, .group = WOLFSSL_ECC_SECP256R1},
     {.version = "TLS1.2",
      .cipher = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      .group = "P-256",
      .server_name = "mx.example.com"}},
    {"tls12_rsa",
     {.is_tls13 = false, .suites = "ECDHE-RSA-AES256-GCM-SHA384", .group = WOLFSSL_ECC_X25519},
     {.version = "TLS1.2",
      .cipher = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
      .group = "X25519",
      .server_name = "mx.example.com"}},
    {"tls12_chacha",
     {.is_tls13 = false, .suites = "ECDHE-RSA-CHACHA20-POLY1305", .group = WOLFSSL_ECC_X25519},
     {.version = "TLS1.2",
      .cipher = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
      .group = "X25519",
      .server_name = "mx.example.com"}},
};

class TlsMeetingTest : public testing::TestWithParam<Meeting> {};

TEST_P(TlsMeetingTest, TellsWhatWasAgreed) {
#ifndef WOLFSSL_HAVE_MLKEM
  if (GetParam().facts.group == "X25519MLKEM768") GTEST_SKIP() << "this library has no ML-KEM";
#endif
  TlsClient client(GetParam().client);
  ServerSide server(tls_context({"ecdsa", "rsa"}));
  ASSERT_TRUE(shake_hands(client, server));
  const core::TlsFacts facts = server.session().facts();
  const core::TlsFacts& wanted = GetParam().facts;
  EXPECT_EQ(facts.version, wanted.version);
  EXPECT_EQ(facts.cipher, wanted.cipher);
  EXPECT_EQ(facts.group, wanted.group);
  EXPECT_EQ(facts.server_name, wanted.server_name);
  EXPECT_EQ(facts.client, "");
  EXPECT_FALSE(facts.is_resumed);
}
INSTANTIATE_TEST_SUITE_P(All, TlsMeetingTest, testing::ValuesIn(kMeetings),
                         [](const auto& row) { return std::string(row.param.name); });

// The name that the server's certificate is for, as the client checks it.
bool is_served_as(const std::shared_ptr<TlsContext>& context, const std::string& asked_for,
                  const std::string& name) {
  TlsClient client({.server_name = asked_for, .root = tls_file("root.pem")});
  wolfSSL_check_domain_name(client.handle(), name.c_str());
  ServerSide server(context);
  return shake_hands(client, server);
}

TEST(TlsSessionTest, ChoosesTheCertificateByName) {
  const auto context = tls_context({"ecdsa", "rsa", "other", "p384"});
  EXPECT_TRUE(is_served_as(context, "mx.example.com", "mx.example.com"));
  EXPECT_TRUE(is_served_as(context, "MX.EXAMPLE.NET", "mx.example.net"));
  EXPECT_TRUE(is_served_as(context, "any.example.net", "any.example.net"));  // by its wildcard
  EXPECT_TRUE(is_served_as(context, "p384.example.com", "p384.example.com"));
  // Who names nobody, or somebody else, gets the first one.
  EXPECT_TRUE(is_served_as(context, "", "mx.example.com"));
  EXPECT_TRUE(is_served_as(context, "elsewhere.test", "mx.example.com"));
  EXPECT_TRUE(is_served_as(context, "a.b.example.net", "mx.example.com"));
  EXPECT_FALSE(is_served_as(context, "mx.example.com", "mx.example.net"));  // so this sees it
}

TEST(TlsSessionTest, RefusesWhatIsBelowTheFloor) {
  TlsClient client({.is_tls13 = false});
  ServerSide server(tls_context({"ecdsa"}, {.version_min = TlsVersion::tls13}));
  EXPECT_FALSE(shake_hands(client, server));
  EXPECT_TRUE(server.failed);
  EXPECT_NE(server.session().failure(), "");
}

TEST(TlsSessionTest, AnswersWhatIsNoTlsWithAnAlert) {
  for (const size_t piece : {size_t{1}, SIZE_MAX}) {
    ServerSide server(tls_context({"ecdsa"}), piece);
    server.receive("EHLO client.example\r\n");
    EXPECT_TRUE(server.failed);
    EXPECT_EQ(server.take_sent(), std::string("\x15\x03\x03\x00\x02\x02\x0a", 7));
    EXPECT_EQ(server.session().failure(), "no ClientHello");
    EXPECT_FALSE(server.session().has_begun());
  }
}

TEST(TlsSessionTest, AsksForNoGroupThatTheClientHasNot) {
  ServerSide server(tls_context({"ecdsa"}));
  server.receive(tests::records(
      tests::hello_message({0x1301, 0xc02b}, tests::versions_extension({0x0304, 0x0303}) +
                                                 tests::groups_extension({25, 30}) +
                                                 tests::schemes_extension({0x0403}))));
  EXPECT_EQ(server.take_sent(), std::string("\x15\x03\x03\x00\x02\x02\x28", 7));
  EXPECT_EQ(server.session().failure(), "no common group");
}

TEST(TlsSessionTest, TakesNoEndlessClientHello) {
  ServerSide server(tls_context({"ecdsa"}));
  // Records of one octet each: nothing is wrong with them until there are too many.
  std::string record("\x16\x03\x01\x00\x01", 5);
  server.receive(record + "\x01");
  server.receive(record + std::string(1, '\0') + record + "\x20" + record + std::string(1, '\0'));
  for (size_t sent = 24; sent <= core::kClientHelloStreamBytesMax; sent += 6) {
    server.receive(record + "x");
  }
  EXPECT_TRUE(server.failed);
}

// --- resumption ----------------------------------------------------------------------------------

// A client after a whole session; returns what it resumes with.
WOLFSSL_SESSION* visit(const std::shared_ptr<TlsContext>& context, TlsClientOptions options,
                       bool& was_resumed) {
  TlsClient client(options);
  ServerSide server(context);
  EXPECT_TRUE(shake_hands(client, server));
  exchange_words(client, server);  // in TLS 1.3 the ticket comes behind the handshake
  was_resumed = client.was_resumed();
  EXPECT_EQ(server.session().facts().is_resumed, was_resumed);
  return client.session();
}

bool resumes(const std::shared_ptr<TlsContext>& first, const std::shared_ptr<TlsContext>& second,
             TlsClientOptions options = {}, const std::string& second_name = "mx.example.com") {
  bool was_resumed = false;
  options.resumed = visit(first, options, was_resumed);
  EXPECT_FALSE(was_resumed);
  WOLFSSL_SESSION* const ticket = options.resumed;
  options.server_name = second_name;
  TlsClient::free_session(visit(second, options, was_resumed));
  TlsClient::free_session(ticket);
  return was_resumed;
}

TEST(TlsSessionTest, ResumesAtAnyWorkerWithTheSameKeys) {
  for (const bool is_tls13 : {true, false}) {
    TlsTicketKeys keys = ticket_keys();
    const auto worker = tls_context({"ecdsa", "other"}, {}, keys);
    EXPECT_TRUE(resumes(worker, worker, {.is_tls13 = is_tls13}));
    EXPECT_TRUE(resumes(worker, tls_context({"ecdsa"}, {}, keys), {.is_tls13 = is_tls13}));
    ASSERT_TRUE(keys.rotate());
    EXPECT_TRUE(resumes(worker, tls_context({"ecdsa"}, {}, keys), {.is_tls13 = is_tls13}));
  }
}

TEST(TlsSessionTest, DoesNotResumeForOthers) {
  const TlsTicketKeys keys = ticket_keys();
  const auto worker = tls_context({"ecdsa", "other"}, {}, keys);
  EXPECT_FALSE(resumes(worker, tls_context({"ecdsa"}, {}, ticket_keys())));
  EXPECT_FALSE(resumes(worker, worker, {}, "mx.example.net"));
  EXPECT_FALSE(resumes(worker, tls_context({"ecdsa"}, {}, TlsTicketKeys())));
}

TEST(TlsSessionTest, SurvivesAnyNumberOfResumptionsInARow) {
  const auto worker = tls_context({"ecdsa"});
  TlsClientOptions options{.group = WOLFSSL_ECC_X25519};
  int resumed = 0;
  for (int i = 0; i < 300; ++i) {
    bool was_resumed = false;
    WOLFSSL_SESSION* const next = visit(worker, options, was_resumed);
    if (options.resumed != nullptr) TlsClient::free_session(options.resumed);
    options.resumed = next;
    if (was_resumed) ++resumed;
  }
  TlsClient::free_session(options.resumed);
  EXPECT_EQ(resumed, 298);  // the first one, and one at the end of a chain, were not
}

// --- certificates of clients ---------------------------------------------------------------------

TEST(TlsSessionTest, RecordsAClientsCertificateAndKeepsNothingOfIt) {
  for (const bool is_tls13 : {true, false}) {
    const auto context = tls_context({"ecdsa"}, {.asks_client = true});
    for (int i = 0; i < 3; ++i) {
      TlsClient client({.is_tls13 = is_tls13,
                        .certificate = tls_file("client.pem"),
                        .key = tls_file("client.key")});
      ServerSide server(context);
      ASSERT_TRUE(shake_hands(client, server)) << server.session().failure();
      exchange_words(client, server);
      EXPECT_EQ(server.session().facts().client, "client ?of tests?.example");
    }
    TlsClient without({.is_tls13 = is_tls13});
    ServerSide server(context);
    ASSERT_TRUE(shake_hands(without, server));
    exchange_words(without, server);
    EXPECT_EQ(server.session().facts().client, "");
  }
}

TEST(TlsSessionTest, AClientsCertificateIsNotAskedForByDefault) {
  TlsClient client({.certificate = tls_file("client.pem"), .key = tls_file("client.key")});
  ServerSide server(tls_context({"ecdsa"}));
  ASSERT_TRUE(shake_hands(client, server));
  EXPECT_EQ(server.session().facts().client, "");
}

// --- reload --------------------------------------------------------------------------------------

TEST(TlsSessionTest, GoesOnWithTheContextThatItBeganWith) {
  auto context = tls_context({"ecdsa"});
  TlsClient client;
  ServerSide server(context);
  client.shake_hands();
  server.receive(client.take_sent());
  context = tls_context({"replaced"});
  client.receive(server.take_sent());
  ASSERT_TRUE(shake_hands(client, server));
  exchange_words(client, server);
}

// --- the end -------------------------------------------------------------------------------------

TEST(TlsSessionTest, HearsThatTheClientSendsNoMoreAndStillAnswers) {
  for (const bool is_tls13 : {true, false}) {
    TlsClient client({.is_tls13 = is_tls13});
    ServerSide server(tls_context({"ecdsa"}));
    ASSERT_TRUE(shake_hands(client, server));
    client.say("QUIT");
    client.close();
    server.receive(client.take_sent());
    EXPECT_EQ(server.heard, "QUIT");
    EXPECT_TRUE(server.peer_closed);
    EXPECT_TRUE(server.session().is_open());
    EXPECT_TRUE(server.session().write(core::as_octets("221 bye")));
    server.session().close();
    client.receive(server.take_sent());
    EXPECT_EQ(client.hear(), "221 bye");
    EXPECT_TRUE(client.server_closed());
  }
}

TEST(TlsSessionTest, FailsAtARecordThatWasChanged) {
  TlsClient client;
  ServerSide server(tls_context({"ecdsa"}));
  ASSERT_TRUE(shake_hands(client, server));
  client.say("EHLO client");
  std::string record = client.take_sent();
  record.back() = char(record.back() ^ 1);
  server.receive(record);
  EXPECT_TRUE(server.failed);
  EXPECT_EQ(server.heard, "");
  EXPECT_FALSE(server.session().is_open());
  server.session().close();  // says nothing more, and does no harm
}

// --- what a client could cost --------------------------------------------------------------------

// A change of keys that asks for no answer, RFC 8446 section 4.6.3.
constexpr std::string_view kKeyUpdate("\x18\0\0\x01\0", 5);
constexpr int kHandshakeRecord = 22;

TEST(TlsSessionTest, TakesOneChangeOfKeysInARecord) {
  if (!TlsClient::says_records()) GTEST_SKIP() << "this library does not export how";
  for (const size_t count : {size_t{1}, size_t{2}, core::kTlsRecordBytesMax / kKeyUpdate.size()}) {
    TlsClient client;
    ServerSide server(tls_context({"ecdsa"}));
    ASSERT_TRUE(shake_hands(client, server));
    std::string changes;
    for (size_t i = 0; i < count; ++i) changes += kKeyUpdate;
    client.say_record(changes, kHandshakeRecord);
    server.receive(client.take_sent());
    EXPECT_EQ(server.failed, count > 1) << count;
  }
}

// Lets both sides change keys, and the client say `word` in between. returns how often it went well
int change_keys(std::string_view word, int times) {
  TlsClient client;
  ServerSide server(tls_context({"ecdsa"}));
  EXPECT_TRUE(shake_hands(client, server));
  int changes = 0;
  for (; changes < times && !server.failed; ++changes) {
    client.change_keys();
    client.say(word);
    server.receive(client.take_sent());
    client.receive(server.take_sent());
    client.hear();
  }
  EXPECT_EQ(server.session().failure(), server.failed ? "too much without mail" : "");
  return changes;
}

TEST(TlsSessionTest, ChangesKeysAsOftenAsThereIsMailInBetween) {
  EXPECT_EQ(change_keys(std::string(8000, 'm'), 1000), 1000);
  EXPECT_LT(change_keys("m", 1000), 200);
}

TEST(TlsSessionTest, LooksAtOneRecordInAStep) {
  if (!TlsClient::says_records()) GTEST_SKIP() << "this library does not export how";
  TlsClient client;
  ServerSide server(tls_context({"ecdsa"}));
  ASSERT_TRUE(shake_hands(client, server));
  client.say_record(kKeyUpdate, kHandshakeRecord);
  const std::string record = client.take_sent();
  std::array<std::byte, core::kTlsRecordBytesMax> target;
  const TlsStep step = server.session().advance(core::as_octets(record + record), target);
  EXPECT_EQ(step.status, TlsStatus::wants_input);
  EXPECT_EQ(step.consumed, record.size());
}

TEST(TlsSessionTest, WhatIsAnnouncedTakesNoMemory) {
  TlsClient client;
  ServerSide server(tls_context({"ecdsa"}));
  ASSERT_TRUE(shake_hands(client, server));
  const size_t before = ::mallinfo2().uordblks;
  server.receive(std::string("\x17\x03\x03\x40\x11", 5));
  EXPECT_LT(::mallinfo2().uordblks, before + 1024);
  EXPECT_EQ(server.kept_bytes, 0u);
}

// A client's record of nearly full length.
std::string long_record(TlsClient& client) {
  client.say(std::string(16000, 'm'));
  return client.take_sent();
}

TEST(TlsSessionTest, ARecordThatIsNotWholeCounts) {
  TlsClient client;
  ServerSide server(tls_context({"ecdsa"}));
  ASSERT_TRUE(shake_hands(client, server));
  const std::string record = long_record(client);
  server.receive(record.substr(0, 10000));
  EXPECT_EQ(server.kept_bytes, 10000 - core::kTlsStashFreeBytes);
  server.receive(record.substr(10000, 1));
  EXPECT_EQ(server.kept_bytes, record.size() - core::kTlsStashFreeBytes);
  server.receive(record.substr(10001));
  EXPECT_EQ(server.heard.size(), 16000u);
  EXPECT_EQ(server.kept_bytes, 0u);
}

TEST(TlsSessionTest, OnlyAnOpenMailMayKeepMoreThanThereIsRoomFor) {
  for (const bool has_open_mail : {false, true}) {
    TlsClient client;
    ServerSide server(tls_context({"ecdsa"}));
    ASSERT_TRUE(shake_hands(client, server));
    server.kept_bytes = core::kTlsKeptBytesPerWorkerMax;
    server.has_open_mail = has_open_mail;
    const std::string record = long_record(client);
    server.receive(record.substr(0, core::kTlsStashFreeBytes));
    EXPECT_FALSE(server.failed);
    server.receive(record.substr(core::kTlsStashFreeBytes));
    EXPECT_FALSE(server.failed) << "it is whole";
    server.receive(long_record(client).substr(0, core::kTlsStashFreeBytes + 1));
    EXPECT_EQ(server.failed, !has_open_mail);
    server.session().close();
    EXPECT_EQ(server.kept_bytes, core::kTlsKeptBytesPerWorkerMax);
  }
}

TEST(TlsSessionTest, APartOfAClientHelloCounts) {
  // A message of 16,000 octets, of which there are 15,000.
  const std::string hello = std::string("\x16\x03\x01\x3e\x84\x01\0\x3e\x80\x03\x03", 11);
  for (const size_t kept : {size_t{0}, core::kTlsKeptBytesPerWorkerMax}) {
    ServerSide server(tls_context({"ecdsa"}));
    server.kept_bytes = kept;
    server.receive(hello + std::string(15000 - hello.size(), 'h'));
    EXPECT_EQ(server.failed, kept > 0);
    EXPECT_EQ(server.kept_bytes - kept, server.failed ? 0 : 15000 - core::kTlsStashFreeBytes);
  }
}

TEST(TlsSessionTest, KeepsNothingOnceItHasEnded) {
  for (const bool has_failed : {false, true}) {
    TlsClient client;
    ServerSide server(tls_context({"ecdsa"}));
    ASSERT_TRUE(shake_hands(client, server));
    client.say("EHLO client");
    std::string sent = client.take_sent();
    sent.back() = char(sent.back() ^ 1);
    server.receive(has_failed ? sent : long_record(client).substr(0, 10000));
    EXPECT_EQ(server.failed, has_failed);
    if (!has_failed) server.session().close();
    EXPECT_EQ(server.kept_bytes, 0u);
    EXPECT_FALSE(server.session().has_begun());
  }
}

TEST(TlsSessionTest, RefusesWhatIsNoRecordAtOnce) {
  for (const std::string_view octets :
       {std::string_view("EHLO c"), std::string_view("\x17\x03\x03\x45\0", 5)}) {
    TlsClient client;
    ServerSide server(tls_context({"ecdsa"}));
    ASSERT_TRUE(shake_hands(client, server));
    server.receive(octets);
    EXPECT_TRUE(server.failed);
  }
}

// --- room ----------------------------------------------------------------------------------------

TEST(TlsSessionTest, WaitsForRoomInItsOutput) {
  TlsClient client;
  ServerSide server(tls_context({"ecdsa"}));
  ASSERT_TRUE(shake_hands(client, server));
  const std::string reply(core::kReplyBufferBytes, 'r');
  std::string all;
  while (server.session().output().room() >= reply.size() + core::kTlsRecordOverheadBytes) {
    ASSERT_TRUE(server.session().write(core::as_octets(reply)));
    all += reply;
  }
  EXPECT_GE(all.size(), 3 * reply.size());
  client.receive(server.take_sent());
  EXPECT_EQ(client.hear(), all);
  exchange_words(client, server);
}

}  // namespace
}  // namespace mailrace::net
