// SPDX-License-Identifier: GPL-3.0-or-later
// Tickets: who can open which, and when they end.
#include "net/tls_ticket_cipher.h"

#include "tests/support/tls_fixtures.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

namespace mailrace::net {
namespace {

using Opened = TlsTicketCipher::Opened;
using tests::ticket_keys;

struct Ticket {
  std::array<std::byte, 16> name{};
  std::array<std::byte, 16> nonce{};
  std::array<std::byte, 16> tag{};
  std::array<std::byte, 5> state{};

  TlsTicketHead head() { return {name, nonce, tag}; }
};

Ticket sealed_by(TlsTicketCipher& cipher, uint8_t chain = 1, std::string_view host = "mx") {
  Ticket ticket;
  std::memcpy(ticket.state.data(), "state", 5);
  EXPECT_TRUE(cipher.seal(ticket.head(), ticket.state, host, chain));
  EXPECT_NE(core::as_text(ticket.state), "state");
  return ticket;
}

Opened open(TlsTicketCipher& cipher, Ticket ticket, std::string_view host = "mx") {
  uint8_t chain = 0;
  const Opened opened = cipher.open(ticket.head(), ticket.state, host, chain);
  EXPECT_TRUE(opened == Opened::refused || core::as_text(ticket.state) == "state");
  return opened;
}

TEST(TlsTicketCipherTest, OpensWhatAnotherWithTheSameKeysSealed) {
  const TlsTicketKeys keys = ticket_keys();
  TlsTicketCipher one(keys);
  TlsTicketCipher other(keys);
  EXPECT_EQ(open(other, sealed_by(one)), Opened::with_first);
}

TEST(TlsTicketCipherTest, OpensWithKeysThatWereReplacedAsLongAsTheyAreKept) {
  TlsTicketKeys keys = ticket_keys();
  TlsTicketCipher before(keys);
  const Ticket ticket = sealed_by(before);
  for (size_t i = 1; i < core::kTlsTicketKeysKept; ++i) {
    ASSERT_TRUE(keys.rotate());
    TlsTicketCipher after(keys);
    EXPECT_EQ(open(after, ticket), Opened::with_other);
  }
  ASSERT_TRUE(keys.rotate());
  TlsTicketCipher too_late(keys);
  EXPECT_EQ(open(too_late, ticket), Opened::refused);
}

TEST(TlsTicketCipherTest, RefusesOtherHostsAndWhatWasChanged) {
  TlsTicketCipher cipher(ticket_keys());
  const Ticket ticket = sealed_by(cipher);
  EXPECT_EQ(open(cipher, ticket, "mx2"), Opened::refused);
  for (auto member : {&Ticket::nonce, &Ticket::tag, &Ticket::name}) {
    for (size_t i = 0; i < 16; ++i) {
      Ticket changed = ticket;
      (changed.*member)[i] ^= std::byte{1};
      EXPECT_EQ(open(cipher, changed), Opened::refused);
    }
  }
}

TEST(TlsTicketCipherTest, EndsAChainOfResumptions) {
  TlsTicketCipher cipher(ticket_keys());
  EXPECT_EQ(open(cipher, sealed_by(cipher, core::kTlsTicketChainMax - 1)), Opened::with_first);
  EXPECT_EQ(open(cipher, sealed_by(cipher, core::kTlsTicketChainMax)), Opened::refused);
}

TEST(TlsTicketKeysTest, AreReadFromAFileOfWholeKeys) {
  const std::string two(2 * core::kTlsTicketKeyBytes, 'k');
  const auto keys = TlsTicketKeys::parse(core::as_octets(two));
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(keys->keys().size(), 2u);
  const auto refused = [](size_t size) {
    return !TlsTicketKeys::parse(core::as_octets(std::string(size, 'k')));
  };
  EXPECT_TRUE(refused(0));
  EXPECT_TRUE(refused(core::kTlsTicketKeyBytes - 1));
  EXPECT_TRUE(refused(core::kTlsTicketKeyBytes + 1));
  EXPECT_TRUE(refused((core::kTlsTicketKeysMax + 1) * core::kTlsTicketKeyBytes));
  EXPECT_FALSE(refused(core::kTlsTicketKeysMax * core::kTlsTicketKeyBytes));
}

}  // namespace
}  // namespace mailrace::net
