// SPDX-License-Identifier: GPL-3.0-or-later
// What a ClientHello says, in however many records it comes; and what is none.
#include "core/tls/client_hello.h"

#include "tests/support/client_hellos.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace mailrace::core {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using tests::be;
using tests::extension;
using tests::groups_extension;
using tests::hello_message;
using tests::records;
using tests::schemes_extension;
using tests::sni_extension;
using tests::versions_extension;
using tests::with_length;

HelloStatus parse(std::string_view stream, ClientHello& hello) {
  return parse_client_hello(as_octets(stream), hello);
}

std::string modern_message() {
  return hello_message({0x1301, 0xc02b, 0xc02f},
                       sni_extension("MX.Example.com") + versions_extension({0x0304, 0x0303}) +
                           groups_extension({29, 23}) + schemes_extension({0x0403, 0x0804}));
}

TEST(ClientHelloTest, TellsNameVersionAndKeys) {
  ClientHello hello;
  ASSERT_EQ(parse(records(modern_message()), hello), HelloStatus::complete);
  EXPECT_EQ(hello.server_name.view(), "mx.example.com");
  EXPECT_TRUE(hello.has_tls13);
  EXPECT_TRUE(hello.accepts(KeyKind::ecdsa_p256));
  EXPECT_TRUE(hello.accepts(KeyKind::rsa));
  EXPECT_FALSE(hello.accepts(KeyKind::ecdsa_p384));
}

TEST(ClientHelloTest, TellsWhetherThereIsACommonGroup) {
  const auto shares = [](const std::string& extensions) {
    ClientHello hello;
    EXPECT_EQ(parse(records(hello_message({0x1301}, extensions)), hello), HelloStatus::complete);
    return hello.shares_group();
  };
  for (const uint16_t ours : std::vector<uint16_t>{4588, 29, 23, 24}) {
    EXPECT_TRUE(shares(groups_extension({25, ours}))) << ours;
  }
  EXPECT_FALSE(shares(groups_extension({25, 30, 256, 0x0a0a})));
  EXPECT_TRUE(shares(""));
}

TEST(ClientHelloTest, IsTheSameInAnyRecordsAndIncompleteBeforeItsLastOctet) {
  const std::string message = modern_message();
  for (const size_t piece : {1, 2, 3, 4, 5, 50, 100}) {
    const std::string stream = records(message, piece);
    for (size_t size = 0; size < stream.size(); ++size) {
      ClientHello hello;
      ASSERT_EQ(parse(stream.substr(0, size), hello), HelloStatus::incomplete) << piece << size;
    }
    ClientHello hello;
    ASSERT_EQ(parse(stream + "behind", hello), HelloStatus::complete) << piece;
    EXPECT_EQ(hello.server_name.view(), "mx.example.com");
  }
}

struct Keys {
  const char* name;
  std::string message;
  std::string accepted;  // of "p256 p384 rsa"
};
std::ostream& operator<<(std::ostream& stream, const Keys& row) { return stream << row.name; }

const Keys kKeys[] = {
    {"tls12_with_both",
     hello_message({0xc02b, 0xc02f}, groups_extension({23}) + schemes_extension({0x0403, 0x0401})),
     "p256 rsa"},
    {"tls12_rsa_suites_only",
     hello_message({0xc02f}, groups_extension({23}) + schemes_extension({0x0403})), "rsa"},
    {"tls12_without_the_curve",
     hello_message({0xc02b, 0xc030}, groups_extension({29}) + schemes_extension({0x0403})), "rsa"},
    {"tls12_without_extensions", hello_message({0xcca9, 0xcca8}, ""), "p256 p384 rsa"},
    {"tls12_p384_by_group",
     hello_message({0xc02c}, groups_extension({24}) + schemes_extension({0x0403})), "p384"},
    {"tls12_cbc_only", hello_message({0xc009, 0xc013}, ""), ""},
    {"tls13_by_scheme",
     hello_message({0x1301}, versions_extension({0x0304}) + schemes_extension({0x0503, 0x0806})),
     "p384 rsa"},
    {"tls13_without_schemes", hello_message({0x1301}, versions_extension({0x0304})), ""},
    {"reserved_values_mean_nothing",
     hello_message({0x0a0a, 0x1301},
                   versions_extension({0x0a0a, 0x0304}) + schemes_extension({0x0403, 0x0a0a})),
     "p256"},
};

class ClientHelloKeysTest : public testing::TestWithParam<Keys> {};

TEST_P(ClientHelloKeysTest, AcceptsWhatItsListsAllow) {
  ClientHello hello;
  ASSERT_EQ(parse(records(GetParam().message), hello), HelloStatus::complete);
  std::string accepted;
  if (hello.accepts(KeyKind::ecdsa_p256)) accepted += " p256";
  if (hello.accepts(KeyKind::ecdsa_p384)) accepted += " p384";
  if (hello.accepts(KeyKind::rsa)) accepted += " rsa";
  EXPECT_EQ(accepted, GetParam().accepted.empty() ? "" : " " + GetParam().accepted);
}
INSTANTIATE_TEST_SUITE_P(All, ClientHelloKeysTest, testing::ValuesIn(kKeys),
                         [](const auto& row) { return std::string(row.param.name); });

struct Malformed {
  const char* name;
  std::string stream;
};
std::ostream& operator<<(std::ostream& stream, const Malformed& row) { return stream << row.name; }

const std::string kHead = be(0x0303, 2) + std::string(32, 'r');
const Malformed kMalformed[] = {
    {"plain_smtp", "EHLO client.example\r\n"},
    {"first_octet_of_something_else", "\x80"},
    {"ssl_2", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"s},
    {"other_version_major", "\x16\x02"},
    {"empty_record", "\x16\x03\x01\x00\x00"s},
    {"record_too_long", "\x16\x03\x01\x40\x01"s},
    {"other_message", records(be(2, 1) + with_length("body", 3))},
    {"message_too_long", records(be(1, 1) + be(16384, 3))},
    {"list_longer_than_message", records(be(1, 1) + with_length(kHead + be(200, 1), 3))},
    {"no_compression_methods", records(be(1, 1) + with_length(kHead + be(0, 1) + be(0, 2), 3))},
    {"extension_longer_than_all", records(hello_message({0x1301}, be(0, 2) + be(9, 2) + "x"))},
    {"name_longer_than_list",
     records(hello_message({0x1301}, extension(0, be(4, 2) + be(0, 1) + be(9, 2) + "x")))},
    {"odd_list_of_groups", records(hello_message({0x1301}, extension(10, be(3, 2) + "abc")))},
};

class MalformedHelloTest : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedHelloTest, IsMalformed) {
  ClientHello hello;
  EXPECT_EQ(parse(GetParam().stream, hello), HelloStatus::malformed);
}
INSTANTIATE_TEST_SUITE_P(All, MalformedHelloTest, testing::ValuesIn(kMalformed),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ClientHelloTest, ANameThatIsNoneIsLeftOut) {
  for (const std::string& name :
       {""s, "bad name"s, "a\r\nb"s, std::string(256, 'a'), "nul\0"s, "\xc3\xa4.example"s}) {
    ClientHello hello;
    ASSERT_EQ(parse(records(hello_message({0x1301}, sni_extension(name))), hello),
              HelloStatus::complete);
    EXPECT_EQ(hello.server_name.view(), "") << name;
  }
}

TEST(ClientHelloTest, TheLongestIsRead) {
  const size_t rest = kClientHelloBytesMax - hello_message({0x1301}, extension(21, "")).size();
  for (const size_t piece : {16384, 100}) {
    ClientHello hello;
    const std::string longest = hello_message({0x1301}, extension(21, std::string(rest, 'x')));
    EXPECT_EQ(parse(records(longest, piece), hello), HelloStatus::complete);
    const std::string longer = hello_message({0x1301}, extension(21, std::string(rest + 1, 'x')));
    EXPECT_EQ(parse(records(longer, piece), hello), HelloStatus::malformed);
  }
}

}  // namespace
}  // namespace mailrace::core
