// SPDX-License-Identifier: GPL-3.0-or-later
// Networks: what is read, what is refused and why, and which addresses are in them.
#include "core/base/cidr.h"

#include "core/base/prng.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace mailrace::core {
namespace {

using namespace std::string_view_literals;

IpAddress ip(std::string_view text) { return *parse_ip_address(text); }

CidrPrefix cidr(std::string_view text) {
  const ParsedCidr parsed = parse_cidr(text);
  EXPECT_EQ(parsed.error, CidrError::none) << text;
  return parsed.prefix;
}

struct Accepted {
  const char* name;
  std::string_view text;
  std::string_view address;
  unsigned bits;
};

constexpr Accepted kAccepted[] = {
    {"v4", "192.0.2.0/24", "192.0.2.0", 24},
    {"v4_all", "0.0.0.0/0", "0.0.0.0", 0},
    {"v4_odd_length", "192.0.2.128/25", "192.0.2.128", 25},
    {"v4_one", "192.0.2.1/32", "192.0.2.1", 32},
    {"v4_without_length", "192.0.2.1", "192.0.2.1", 32},
    {"v6", "2001:db8::/32", "2001:db8::", 32},
    {"v6_all", "::/0", "::", 0},
    {"v6_odd_length", "2001:db8:8000::/33", "2001:db8:8000::", 33},
    {"v6_one", "::1/128", "::1", 128},
    {"v6_without_length", "2001:db8::1", "2001:db8::1", 128},
    {"mapped", "::ffff:192.0.2.0/120", "192.0.2.0", 24},
    {"mapped_all", "::ffff:0:0/96", "0.0.0.0", 0},
    {"mapped_without_length", "::ffff:192.0.2.1", "192.0.2.1", 32},
    {"wider_than_mapped", "::/80", "::", 80},
};

TEST(CidrTest, Accepts) {
  for (const Accepted& row : kAccepted) {
    EXPECT_EQ(cidr(row.text), (CidrPrefix{ip(row.address), uint8_t(row.bits)})) << row.name;
  }
}

struct Refused {
  const char* name;
  std::string_view text;
  CidrError error;
};

constexpr Refused kRefused[] = {
    {"nothing", "", CidrError::address},
    {"only_a_length", "/24", CidrError::address},
    {"blank", "192.0.2.0/24 ", CidrError::length},
    {"name", "example.com/24", CidrError::address},
    {"short_v4", "192.0.2/24", CidrError::address},
    {"brackets", "[::1]/128", CidrError::address},
    {"nul", "192.0.2.0\0/24"sv, CidrError::address},
    {"no_length", "192.0.2.0/", CidrError::length},
    {"sign", "192.0.2.0/+24", CidrError::length},
    {"leading_zero", "192.0.2.0/024", CidrError::length},
    {"two_slashes", "192.0.2.0/24/24", CidrError::length},
    {"netmask", "192.0.2.0/255.255.255.0", CidrError::length},
    {"v4_too_long", "192.0.2.0/33", CidrError::length},
    {"v6_too_long", "::/129", CidrError::length},
    {"wraps_around", "192.0.2.0/4294967320", CidrError::length},
    {"v4_host_bits", "192.0.2.1/24", CidrError::host_bits},
    {"v4_last_host_bit", "192.0.2.1/31", CidrError::host_bits},
    {"v4_all_host_bits", "192.0.2.0/0", CidrError::host_bits},
    {"v6_host_bits", "2001:db8::1/32", CidrError::host_bits},
    {"mapped_host_bits", "::ffff:192.0.2.1/120", CidrError::host_bits},
    {"mapped_prefix_itself", "::ffff:0:0/80", CidrError::host_bits},
};

TEST(CidrTest, Refuses) {
  for (const Refused& row : kRefused) EXPECT_EQ(parse_cidr(row.text).error, row.error) << row.name;
}

struct Member {
  std::string_view prefix;
  std::string_view address;
  bool contained;
};

constexpr Member kMembers[] = {
    {"192.0.2.0/24", "192.0.2.0", true},
    {"192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.1.255", false},
    {"192.0.2.0/24", "192.0.3.0", false},
    {"192.0.2.0/25", "192.0.2.127", true},
    {"192.0.2.0/25", "192.0.2.128", false},
    {"192.0.2.1/32", "192.0.2.1", true},
    {"192.0.2.1/32", "192.0.2.0", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::1", false},
    {"192.0.2.0/24", "::ffff:192.0.2.7", true},
    {"::ffff:192.0.2.0/120", "192.0.2.7", true},
    {"::/0", "2001:db8::1", true},
    {"::/0", "192.0.2.7", false},
    {"::/0", "::ffff:192.0.2.7", false},
    {"2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
    {"2001:db8::/32", "2001:db9::", false},
    {"2001:db8:8000::/33", "2001:db8:7fff::", false},
    {"::1", "::1", true},
    {"::1", "::2", false},
};

TEST(CidrTest, Contains) {
  for (const Member& row : kMembers) {
    EXPECT_EQ(cidr(row.prefix).contains(ip(row.address)), row.contained)
        << row.prefix << " " << row.address;
    const CidrSet set({cidr("203.0.113.0/24"), cidr(row.prefix), cidr("3fff::/20")});
    EXPECT_EQ(set.contains(ip(row.address)), row.contained) << row.prefix << " " << row.address;
  }
}

TEST(CidrTest, AnEmptySetHoldsNothing) {
  EXPECT_TRUE(CidrSet().empty());
  EXPECT_FALSE(CidrSet().contains(ip("192.0.2.1")));
  EXPECT_FALSE(CidrSet().longest_match(ip("::1")).has_value());
}

TEST(CidrTest, TheLongestMatchWins) {
  const CidrSet set({cidr("10.0.0.0/8"), cidr("0.0.0.0/0"), cidr("10.1.0.0/16"),
                     cidr("10.1.2.0/24"), cidr("10.1.0.0/16"), cidr("::/0"), cidr("fd00::/8")});
  EXPECT_EQ(set.size(), 6u) << "a duplicate counts once";
  EXPECT_EQ(set.longest_match(ip("10.1.2.3")), cidr("10.1.2.0/24"));
  EXPECT_EQ(set.longest_match(ip("10.1.3.3")), cidr("10.1.0.0/16"));
  EXPECT_EQ(set.longest_match(ip("10.2.0.0")), cidr("10.0.0.0/8"));
  EXPECT_EQ(set.longest_match(ip("192.0.2.1")), cidr("0.0.0.0/0"));
  EXPECT_EQ(set.longest_match(ip("::ffff:10.1.2.3")), cidr("10.1.2.0/24"));
  EXPECT_EQ(set.longest_match(ip("fd12::1")), cidr("fd00::/8"));
  EXPECT_EQ(set.longest_match(ip("2001:db8::1")), cidr("::/0"));
}

// Against the definition: the longest of all prefixes that hold the address.
TEST(CidrTest, AgreesWithALookAtEachPrefix) {
  Prng random(1);
  const auto draw = [&](bool is_v4) {
    IpAddress address;
    address.is_v4 = is_v4;
    // Few values for each octet, so that prefixes nest and addresses hit.
    const size_t octets = is_v4 ? 4 : 16;
    for (size_t i = 0; i < octets; ++i) address.octets[i] = uint8_t(random.next() % 2 * 0xff);
    return address;
  };
  std::vector<CidrPrefix> prefixes;
  for (int i = 0; i < 300; ++i) {
    const bool is_v4 = i % 2 == 0;
    CidrPrefix prefix{draw(is_v4), uint8_t(random.next() % (is_v4 ? 33 : 129))};
    for (size_t bit = prefix.bits; bit < 128; ++bit) {
      prefix.address.octets[bit / 8] &= uint8_t(~(0x80 >> bit % 8));
    }
    prefixes.push_back(prefix);
  }
  const CidrSet set(prefixes);
  for (int i = 0; i < 10'000; ++i) {
    const IpAddress address = draw(i % 2 == 0);
    std::optional<CidrPrefix> longest;
    for (const CidrPrefix& prefix : prefixes) {
      const bool better = !longest || prefix.bits > longest->bits;
      if (better && prefix.contains(address)) longest = prefix;
    }
    ASSERT_EQ(set.longest_match(address), longest);
  }
}

}  // namespace
}  // namespace mailrace::core
