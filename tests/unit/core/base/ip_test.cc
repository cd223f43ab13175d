// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses and endpoints: what is read, what is refused, and the one way they are written.
#include "core/base/ip.h"

#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace mailrace::core {
namespace {

using namespace std::string_view_literals;

std::string written(const IpAddress& address) {
  std::array<char, kIpAddressTextBytesMax> buffer;
  TextBuilder text(buffer.data(), buffer.size());
  add_ip_address(text, address);
  EXPECT_FALSE(text.cut());
  return std::string(text.text());
}

std::string written(const Endpoint& endpoint) {
  std::array<char, kIpAddressTextBytesMax + 8> buffer;
  TextBuilder text(buffer.data(), buffer.size());
  add_endpoint(text, endpoint);
  EXPECT_FALSE(text.cut());
  return std::string(text.text());
}

struct Row {
  const char* name;
  std::string_view text;
  std::string_view written;
};

// The examples of RFC 5952 section 4 and 5 among them.
constexpr Row kRows[] = {
    {"v4", "192.0.2.1", "192.0.2.1"},
    {"v4_lowest", "0.0.0.0", "0.0.0.0"},
    {"v4_highest", "255.255.255.255", "255.255.255.255"},
    {"any", "::", "::"},
    {"loopback", "::1", "::1"},
    {"zeros_at_the_end", "2001:db8::", "2001:db8::"},
    {"leading_zeros", "2001:0db8::0001", "2001:db8::1"},
    {"written_out", "2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
    {"one_zero_group_is_written_out", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"short_form_of_one_zero_group", "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"longest_run", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"first_of_equal_runs", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"zeros_in_front", "0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"},
    {"lower_case", "2001:DB8::ABCD:EF01", "2001:db8::abcd:ef01"},
    {"longest", "1111:2222:3333:4444:5555:6666:7777:8888",
     "1111:2222:3333:4444:5555:6666:7777:8888"},
    {"v4_mapped", "::ffff:192.0.2.1", "::ffff:192.0.2.1"},
    {"v4_mapped_in_hex", "::ffff:c000:201", "::ffff:192.0.2.1"},
    {"not_mapped", "::1:0", "::1:0"},
    {"longest_text", "1111:2222:3333:4444:5555:6666:255.255.255.255",
     "1111:2222:3333:4444:5555:6666:ffff:ffff"},
};

class IpAddressTest : public testing::TestWithParam<Row> {};

TEST_P(IpAddressTest, IsReadAndWritten) {
  const auto address = parse_ip_address(GetParam().text);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->is_v4, GetParam().text.find(':') == std::string_view::npos);
  EXPECT_EQ(written(*address), GetParam().written);
  EXPECT_EQ(parse_ip_address(written(*address)), address);
}

INSTANTIATE_TEST_SUITE_P(Rfc5952, IpAddressTest, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(IpAddressTest, KeepsNetworkOrder) {
  const auto v4 = parse_ip_address("1.2.3.4");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->octets, (std::array<uint8_t, 16>{1, 2, 3, 4}));
  const auto v6 = parse_ip_address("102::f");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->octets, (std::array<uint8_t, 16>{1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15}));
  EXPECT_NE(*parse_ip_address("0.0.0.0"), *parse_ip_address("::"));
}

TEST(IpAddressTest, RefusesOtherText) {
  for (const std::string_view text : {""sv,
                                      "1"sv,
                                      "1.2.3"sv,
                                      "1.2.3.4.5"sv,
                                      "1.2.3.256"sv,
                                      "01.2.3.4"sv,
                                      "0x1.2.3.4"sv,
                                      " 1.2.3.4"sv,
                                      "1.2.3.4 "sv,
                                      "1.2.3.4\0"sv,
                                      "1.2.3.4\0x"sv,
                                      "[1.2.3.4]"sv,
                                      ":"sv,
                                      ":::"sv,
                                      "1::2::3"sv,
                                      "::12345"sv,
                                      "::g"sv,
                                      "1:2:3:4:5:6:7"sv,
                                      "1:2:3:4:5:6:7:8:9"sv,
                                      "fe80::1%eth0"sv,
                                      "fe80::1%1"sv,
                                      "[::1]"sv,
                                      "::1\0"sv,
                                      "::1.2.3"sv,
                                      "localhost"sv,
                                      "1111:2222:3333:4444:5555:6666:255.255.255.2555"sv}) {
    EXPECT_FALSE(parse_ip_address(text)) << text;
  }
}

TEST(EndpointTest, IsReadAndWritten) {
  for (const std::string_view text : {"1.2.3.4:25", "0.0.0.0:0", "[::1]:25", "[::]:65535"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(written(*endpoint), text);
  }
  EXPECT_EQ(parse_endpoint("[::1]:2525")->port, 2525);
  EXPECT_EQ(parse_endpoint("1.2.3.4:00025")->port, 25);
}

TEST(EndpointTest, RefusesOtherText) {
  for (const std::string_view text : {"",
                                      ":",
                                      ":25",
                                      "1.2.3.4",
                                      "1.2.3.4:",
                                      "1.2.3.4:65536",
                                      "1.2.3.4:000025",
                                      "1.2.3.4:-1",
                                      "1.2.3.4:+1",
                                      "1.2.3.4: 25",
                                      "1.2.3.4:25 ",
                                      "1.2.3.4:smtp",
                                      "::1:25",
                                      "[::1]",
                                      "[::1]25",
                                      "[1.2.3.4]:25",
                                      "[::1:25",
                                      "::1]:25",
                                      "[]:25",
                                      "[:25",
                                      "localhost:25"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
}

TEST(IpTest, UnmapsWhatStandsForAnIpv4Address) {
  const auto unmap = [](std::string_view text) { return unmapped(*parse_ip_address(text)); };
  EXPECT_EQ(unmap("::ffff:192.0.2.1"), *parse_ip_address("192.0.2.1"));
  EXPECT_EQ(unmap("::ffff:0.0.0.0"), *parse_ip_address("0.0.0.0"));
  for (const char* text : {"192.0.2.1", "::192.0.2.1", "::fffe:c000:201", "::1:ffff:c000:201",
                           "64:ff9b::c000:201", "::", "::1", "2001:db8::1"}) {
    EXPECT_EQ(unmap(text), *parse_ip_address(text)) << text;
  }
}

}  // namespace
}  // namespace mailrace::core
