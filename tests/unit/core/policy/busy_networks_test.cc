// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/policy/busy_networks.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace mailrace::core {
namespace {

IpAddress address(const std::string& text) { return *parse_ip_address(text); }

std::map<uint64_t, uint64_t> counts_of(const BusyNetworks& networks) {
  std::map<uint64_t, uint64_t> counts;
  for (const auto& entry : networks.entries()) {
    if (entry.connections.get() > 0) counts[entry.network.get()] = entry.connections.get();
  }
  return counts;
}

uint64_t key(const std::string& text) { return NetworkKey(address(text)).word(); }

TEST(NetworkKeyTest, IsTheNetworkOfAnAddress) {
  EXPECT_EQ(key("192.0.2.1"), key("192.0.2.254"));
  EXPECT_NE(key("192.0.2.1"), key("192.0.3.1"));
  EXPECT_EQ(NetworkKey(key("192.0.2.77")).address(), address("192.0.2.0"));
  EXPECT_EQ(NetworkKey(key("192.0.2.77")).bits(), 24);
  EXPECT_EQ(key("2001:db8:1:2::3"), key("2001:db8:1:ffff::"));
  EXPECT_NE(key("2001:db8:1::"), key("2001:db8:2::"));
  EXPECT_EQ(NetworkKey(key("2001:db8:1:2::3")).address(), address("2001:db8:1::"));
  EXPECT_EQ(NetworkKey(key("2001:db8:1:2::3")).bits(), 48);
  EXPECT_NE(key("0.0.0.0"), 0u) << "an entry that nobody has is another one";
  EXPECT_NE(key("0.0.0.0"), key("::"));
  EXPECT_EQ(NetworkKey(key("ffff:ffff:ffff::")).address(), address("ffff:ffff:ffff::"));
}

TEST(BusyNetworksTest, CountsWhatComesOftenWhateverElseComes) {
  BusyNetworks networks;
  uint32_t stray = 0;
  for (int round = 0; round < 1000; ++round) {
    networks.add(address("192.0.2.1"));
    for (int i = 0; i < 8; ++i, ++stray) {
      IpAddress other;
      other.octets = {10, uint8_t(stray >> 8), uint8_t(stray), 1};
      networks.add(other);
    }
  }
  const auto counts = counts_of(networks);
  EXPECT_LE(counts.size(), BusyNetworks::kPlaces);
  ASSERT_TRUE(counts.contains(key("192.0.2.0")));
  EXPECT_GE(counts.at(key("192.0.2.0")), 1000u);
  EXPECT_LE(counts.at(key("192.0.2.0")), 1000u + 9000u / BusyNetworks::kPlaces);
}

TEST(BusyNetworksTest, WhatWasFades) {
  BusyNetworks networks;
  for (int i = 0; i < 5; ++i) networks.add(address("2001:db8::1"));
  networks.add(address("192.0.2.1"));
  networks.fade();
  EXPECT_EQ(counts_of(networks), (std::map<uint64_t, uint64_t>{{key("2001:db8::"), 2}}));
}

}  // namespace
}  // namespace mailrace::core
