// SPDX-License-Identifier: GPL-3.0-or-later
// Whose use is counted together, by which rules, and who gives back what.
#include "core/policy/client_limits.h"

#include "core/base/prng.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

namespace mailrace::core {
namespace {

constexpr Instant kNow{1'000'000'000'000};

IpAddress ip(std::string_view text) { return parse_ip_address(text).value(); }

LimitRule rule(std::string_view network, uint8_t each) {
  return {.network = parse_cidr(network).prefix, .each = each};
}

LimitRule rate_rule(std::string_view network, uint8_t each, Limited what, uint32_t events) {
  LimitRule made = rule(network, each);
  made.rates[size_t(what)] = {events, seconds(60)};
  return made;
}

LimitRule concurrent_rule(std::string_view network, uint8_t each, uint32_t most) {
  LimitRule made = rule(network, each);
  made.held[size_t(Limited::concurrent)] = most;
  return made;
}

std::array<uint64_t, 4> secret(uint64_t seed) {
  Prng random(seed);
  return {random.next(), random.next(), random.next(), random.next()};
}

class ClientLimitsTest : public testing::Test {
 protected:
  using Client = std::unique_ptr<LimitedClient>;

  std::optional<Limited> open(Client& client, std::string_view address) {
    client = std::make_unique<LimitedClient>();
    client->bind(rules_, use_);
    return client->open(ip(address), kNow);
  }
  std::optional<Limited> open_for_good(std::string_view address) {
    clients_.emplace_back();
    return open(clients_.back(), address);
  }

  LimitRules rules_;
  ClientUse use_{secret(1), 1000};
  std::vector<Client> clients_;
};

TEST_F(ClientLimitsTest, WithoutRulesEverythingIsAllowed) {
  Client client;
  EXPECT_EQ(open(client, "192.0.2.1"), std::nullopt);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(client->may(Limited::messages, 1, kNow));
  EXPECT_TRUE(client->has_done(Limited::errors, 1, kNow));
  LimitedClient unopened;
  EXPECT_TRUE(unopened.may(Limited::messages, 1, kNow));
  unopened.become(ip("192.0.2.1"));
}

TEST_F(ClientLimitsTest, OnlyTheSmallestNetworkCounts) {
  rules_ = LimitRules({concurrent_rule("0.0.0.0/0", 32, 1), concurrent_rule("192.0.2.0/24", 32, 2),
                       rule("192.0.2.7/32", 32), concurrent_rule("192.0.2.0/24", 24, 3)});
  EXPECT_EQ(open_for_good("198.51.100.1"), std::nullopt);
  EXPECT_EQ(open_for_good("198.51.100.1"), Limited::concurrent);
  EXPECT_EQ(open_for_good("198.51.100.2"), std::nullopt);
  EXPECT_EQ(open_for_good("192.0.2.1"), std::nullopt);
  EXPECT_EQ(open_for_good("192.0.2.1"), std::nullopt);
  EXPECT_EQ(open_for_good("192.0.2.1"), Limited::concurrent);
  EXPECT_EQ(open_for_good("192.0.2.2"), std::nullopt);
  EXPECT_EQ(open_for_good("192.0.2.2"), Limited::concurrent) << "three of the network";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(open_for_good("192.0.2.7"), std::nullopt);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(open_for_good("2001:db8::1"), std::nullopt);
}

TEST_F(ClientLimitsTest, ConnectionsThatEndMakeRoom) {
  rules_ = LimitRules({concurrent_rule("0.0.0.0/0", 32, 1), concurrent_rule("0.0.0.0/0", 24, 2)});
  Client first, second, third;
  EXPECT_EQ(open(first, "192.0.2.1"), std::nullopt);
  EXPECT_EQ(open(second, "192.0.2.1"), Limited::concurrent);
  second.reset();
  EXPECT_EQ(open(second, "192.0.2.2"), std::nullopt) << "who was refused holds nothing";
  EXPECT_EQ(open(third, "192.0.2.3"), Limited::concurrent);
  first->become(ip("203.0.113.9"));  // what it holds is of who it was
  first.reset();
  EXPECT_EQ(open(third, "192.0.2.3"), std::nullopt);
}

TEST_F(ClientLimitsTest, WhoHasBegunAMailIsNotHalfOpen) {
  LimitRule limits = concurrent_rule("0.0.0.0/0", 32, 4);
  limits.held[size_t(Limited::half_open)] = 2;
  rules_ = LimitRules({limits});
  Client first, second, third, fourth;
  EXPECT_EQ(open(first, "192.0.2.1"), std::nullopt);
  EXPECT_EQ(open(second, "192.0.2.1"), std::nullopt);
  EXPECT_EQ(open(third, "192.0.2.1"), Limited::half_open);
  EXPECT_EQ(open(third, "192.0.2.2"), std::nullopt);
  first->establish();
  first->establish();  // once is all that it gives back
  EXPECT_EQ(open(third, "192.0.2.1"), std::nullopt);
  EXPECT_EQ(open(fourth, "192.0.2.1"), Limited::half_open);
  first.reset();  // it was counted as half open no more
  EXPECT_EQ(open(fourth, "192.0.2.1"), Limited::half_open);
  second.reset();
  EXPECT_EQ(open(fourth, "192.0.2.1"), std::nullopt);
  third->establish();
  EXPECT_EQ(open(first, "192.0.2.1"), std::nullopt);
  first->establish();
  EXPECT_EQ(open(second, "192.0.2.1"), std::nullopt);
  EXPECT_EQ(open_for_good("192.0.2.1"), Limited::concurrent) << "which it still is";
}

TEST_F(ClientLimitsTest, AddressesOfAnIpv6NetworkAreOne) {
  rules_ = LimitRules({concurrent_rule("::/0", 64, 2), concurrent_rule("::/0", 48, 3)});
  EXPECT_EQ(open_for_good("2001:db8:1:1::1"), std::nullopt);
  EXPECT_EQ(open_for_good("2001:db8:1:1:ffff::2"), std::nullopt);
  EXPECT_EQ(open_for_good("2001:db8:1:1:f000::3"), Limited::concurrent);
  EXPECT_EQ(open_for_good("2001:db8:1:2::1"), std::nullopt);
  EXPECT_EQ(open_for_good("2001:db8:1:3::1"), Limited::concurrent);
  EXPECT_EQ(open_for_good("2001:db8:2:1::1"), std::nullopt);
}

TEST_F(ClientLimitsTest, AMappedAddressIsAnIpv4Client) {
  rules_ = LimitRules({concurrent_rule("0.0.0.0/0", 32, 1)});
  EXPECT_EQ(open_for_good("::ffff:192.0.2.1"), std::nullopt);
  EXPECT_EQ(open_for_good("192.0.2.1"), Limited::concurrent);
}

TEST_F(ClientLimitsTest, EachKindIsCountedByItself) {
  std::vector<LimitRule> rules;
  for (size_t i = kHeldCount; i < kLimitedCount; ++i) {
    rules.push_back(rate_rule("0.0.0.0/0", uint8_t(32 - i), Limited(i), 3));
  }
  rules_ = LimitRules(rules);
  Client client;
  EXPECT_EQ(open(client, "192.0.2.1"), std::nullopt);
  for (const Limited what : {Limited::messages, Limited::recipients, Limited::handshakes}) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(client->may(what, 1, kNow));
    EXPECT_FALSE(client->may(what, 1, kNow)) << name_of(what);
  }
  for (const Limited what : {Limited::unknown_recipients, Limited::errors}) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(client->has_done(what, 1, kNow));
    EXPECT_FALSE(client->has_done(what, 1, kNow)) << name_of(what);
  }
}

TEST_F(ClientLimitsTest, WhoHasDoneTooMuchIsNotLetInAgain) {
  for (const Limited what :
       {Limited::unknown_recipients, Limited::errors, Limited::handshakes, Limited::connections}) {
    rules_ = LimitRules({rate_rule("192.0.2.0/24", uint8_t(25 + size_t(what)), what, 2)});
    Client client;
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(open(client, "192.0.2.1"), std::nullopt);
      if (what != Limited::connections) client->has_done(what, 1, kNow);
    }
    EXPECT_EQ(open(client, "192.0.2.1"), what);
    const Instant later = kNow + seconds(31);
    Client again = std::make_unique<LimitedClient>();
    again->bind(rules_, use_);
    EXPECT_EQ(again->open(ip("192.0.2.1"), later), std::nullopt);
  }
}

TEST_F(ClientLimitsTest, WhoSpeaksForAnotherIsCountedAsTheOther) {
  rules_ = LimitRules({rule("127.0.0.0/8", 32), rate_rule("0.0.0.0/0", 32, Limited::messages, 1)});
  Client client;
  EXPECT_EQ(open(client, "127.0.0.1"), std::nullopt);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(client->may(Limited::messages, 1, kNow));
  client->become(ip("192.0.2.1"));
  EXPECT_TRUE(client->may(Limited::messages, 1, kNow));
  EXPECT_FALSE(client->may(Limited::messages, 1, kNow));
  client->become(ip("192.0.2.2"));
  EXPECT_TRUE(client->may(Limited::messages, 1, kNow));
}

TEST_F(ClientLimitsTest, WhatOneIsRefusedItsNeighboursStillHave) {
  LimitRule wide = rate_rule("0.0.0.0/0", 24, Limited::connections, 3);
  rules_ = LimitRules({wide, concurrent_rule("0.0.0.0/0", 32, 1)});
  EXPECT_EQ(open_for_good("192.0.2.1"), std::nullopt);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(open_for_good("192.0.2.1"), Limited::concurrent);
  EXPECT_EQ(open_for_good("192.0.2.2"), std::nullopt);
  EXPECT_EQ(open_for_good("192.0.2.3"), std::nullopt);
  EXPECT_EQ(open_for_good("192.0.2.4"), Limited::connections);
  clients_.clear();
  rules_ = LimitRules({rate_rule("0.0.0.0/0", 24, Limited::messages, 3),
                       rate_rule("0.0.0.0/0", 32, Limited::messages, 1)});
  Client first, second;
  EXPECT_EQ(open(first, "198.51.100.1"), std::nullopt);
  EXPECT_EQ(open(second, "198.51.100.2"), std::nullopt);
  EXPECT_TRUE(first->may(Limited::messages, 1, kNow));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(first->may(Limited::messages, 1, kNow));
  EXPECT_TRUE(second->may(Limited::messages, 1, kNow));
}

TEST_F(ClientLimitsTest, WhoIsExemptIsCountedForNobody) {
  rules_ = LimitRules({rate_rule("0.0.0.0/0", 32, Limited::messages, 1)});
  Client client;
  EXPECT_EQ(open(client, "192.0.2.1"), std::nullopt);
  client->exempt();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(client->may(Limited::messages, 1, kNow));
  client->become(ip("192.0.2.1"));
  EXPECT_TRUE(client->may(Limited::messages, 1, kNow));
  EXPECT_FALSE(client->may(Limited::messages, 1, kNow));
}

TEST_F(ClientLimitsTest, KeysAreApart) {
  std::set<uint64_t> keys;
  size_t made = 0;
  for (const uint8_t each : {uint8_t{24}, uint8_t{32}}) {
    for (uint32_t host = 0; host < 256; ++host) {
      for (size_t what = 0; what < kLimitedCount; ++what) {
        IpAddress address = ip("192.0.2.0");
        address.octets[3] = uint8_t(host);
        keys.insert(use_.key(rule("0.0.0.0/0", each), address, Limited(what)));
        if (each == 32 || host == 0) ++made;
      }
    }
  }
  EXPECT_EQ(keys.size(), made);
  ClientUse other(secret(2), 10);
  const LimitRule all = rule("0.0.0.0/0", 32);
  EXPECT_NE(other.key(all, ip("192.0.2.1"), Limited::errors),
            use_.key(all, ip("192.0.2.1"), Limited::errors));
}

}  // namespace
}  // namespace mailrace::core
