// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/policy/client_lists.h"

#include "core/base/limits.h"
#include "core/policy/network_list.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

IpAddress ip(std::string_view text) { return parse_ip_address(text).value(); }

CidrSet set_of(std::string_view text) {
  ParsedNetworkList list = parse_network_list(text);
  EXPECT_EQ(list.error.what, nullptr) << text;
  return CidrSet(std::move(list.networks));
}

TEST(NetworkListTest, OneNetworkALine) {
  const auto list = parse_network_list(
      "# whom we know\n"
      "\n"
      "192.0.2.0/24\n"
      "  2001:db8::/32\t # a comment\r\n"
      "\t\n"
      "\r\n"
      "198.51.100.7");
  ASSERT_EQ(list.error.what, nullptr);
  ASSERT_EQ(list.networks.size(), 3u);
  EXPECT_EQ(list.networks[0], parse_cidr("192.0.2.0/24").prefix);
  EXPECT_EQ(list.networks[1], parse_cidr("2001:db8::/32").prefix);
  EXPECT_EQ(list.networks[2], parse_cidr("198.51.100.7").prefix);
  EXPECT_TRUE(parse_network_list("").networks.empty());
}

TEST(NetworkListTest, AMistakeIsFoundAndNothingTaken) {
  const struct {
    std::string_view text;
    std::string_view what;
    size_t line;
    size_t column;
  } kRows[] = {
      {"192.0.2.0/24\n192.0.2.300\n", "this is no IP address and no network", 2, 1},
      {"\n\n  mail.example\n", "this is no IP address and no network", 3, 3},
      {"192.0.2.0/24 198.51.100.0/24", "the number behind the slash is no length of a prefix", 1,
       1},
      {"192.0.2.0/33", "the number behind the slash is no length of a prefix", 1, 1},
      {"\t192.0.2.1/24", "bits behind the prefix are set", 1, 2},
      {std::string_view("192.0.2.1\0", 10), "this is no IP address and no network", 1, 1},
      {"192.0.2.1\r\r\n", "this is no IP address and no network", 1, 1},
      {"192.0.2.1;", "this is no IP address and no network", 1, 1},
  };
  for (const auto& row : kRows) {
    const auto list = parse_network_list(row.text);
    ASSERT_NE(list.error.what, nullptr) << row.text;
    EXPECT_EQ(list.error.what, row.what) << row.text;
    EXPECT_EQ(list.error.line, row.line) << row.text;
    EXPECT_EQ(list.error.column, row.column) << row.text;
    EXPECT_TRUE(list.networks.empty());
  }
}

TEST(NetworkListTest, ThereAreOnlySoMany) {
  std::string text;
  for (size_t i = 0; i <= kListNetworksMax; ++i) text += "::1\n";
  const auto list = parse_network_list(text);
  EXPECT_EQ(list.error.line, kListNetworksMax + 1);
  text.resize(text.size() - 4);
  EXPECT_EQ(parse_network_list(text).networks.size(), kListNetworksMax);
}

TEST(ClientListsTest, TheSmallerNetworkCounts) {
  const ClientLists lists{set_of("192.0.2.128/25\n198.51.100.0/24\n2001:db8::/64"),
                          set_of("192.0.2.0/24\n198.51.100.0/24\n198.51.100.9\n2001:db8::/32")};
  EXPECT_EQ(lists.of(ip("192.0.2.1")), ClientStanding::blocked);
  EXPECT_EQ(lists.of(ip("192.0.2.129")), ClientStanding::allowed);
  EXPECT_EQ(lists.of(ip("::ffff:192.0.2.129")), ClientStanding::allowed);
  EXPECT_EQ(lists.of(ip("198.51.100.1")), ClientStanding::allowed) << "the same network";
  EXPECT_EQ(lists.of(ip("198.51.100.9")), ClientStanding::blocked);
  EXPECT_EQ(lists.of(ip("2001:db8::1")), ClientStanding::allowed);
  EXPECT_EQ(lists.of(ip("2001:db8:1::1")), ClientStanding::blocked);
  EXPECT_EQ(lists.of(ip("203.0.113.1")), ClientStanding::unknown);
  EXPECT_EQ(ClientLists{}.of(ip("203.0.113.1")), ClientStanding::unknown);
}

}  // namespace
}  // namespace mailrace::core
