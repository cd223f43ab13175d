// SPDX-License-Identifier: GPL-3.0-or-later
// The PROXY protocol: what is a header, where it ends, whom it names; and the same in any pieces.
#include "core/proxy/proxy_header.h"

#include "tests/support/proxy_headers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace mailrace::core {
namespace {

using namespace std::string_literals;
using tests::be32;
using tests::proxy_v2;
using tests::tlv;
using tests::v4_addresses;
using tests::v6_addresses;
using tests::with_crc32c;

std::string text_of(const Endpoint& endpoint) {
  char memory[kIpAddressTextBytesMax + 8];
  TextBuilder text(memory, sizeof memory);
  add_endpoint(text, endpoint);
  return std::string(text.text());
}

// "proxied SOURCE DESTINATION", "local", "incomplete" or the defect; and how many octets it took.
struct Outcome {
  std::string what;
  size_t used = 0;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& stream, const Outcome& outcome) {
  return stream << outcome.what << " (" << outcome.used << " octets)";
}

Outcome outcome_of(const ProxyHeader& header, size_t used) {
  switch (header.status()) {
    case ProxyStatus::incomplete:
      return {"incomplete", used};
    case ProxyStatus::local:
      return {"local", used};
    case ProxyStatus::proxied:
      return {"proxied " + text_of(header.source()) + " " + text_of(header.destination()), used};
    case ProxyStatus::invalid:
      break;
  }
  return {std::string(proxy_defect_name(header.defect())), 0};
}

// In pieces of `piece` octets, each in memory of its own.
Outcome read(std::string_view wire, size_t piece = SIZE_MAX) {
  ProxyHeader header;
  size_t used = 0;
  while (used < wire.size() && header.status() == ProxyStatus::incomplete) {
    const std::string_view part = wire.substr(used, piece);
    const auto memory = std::make_unique<std::byte[]>(part.size());
    std::copy_n(as_octets(part).data(), part.size(), memory.get());
    const size_t taken = header.feed({memory.get(), part.size()});
    if (header.status() == ProxyStatus::incomplete) {
      EXPECT_EQ(taken, part.size());
    }
    used += taken;
  }
  return outcome_of(header, used);
}

struct Row {
  const char* name;
  std::string wire;
  std::string what;  // as in Outcome
};

const std::string kV4 = "proxied 192.0.2.1:4660 203.0.113.5:25";
const std::string kV6 = "proxied [2001:db8::1]:4660 [2001:db8::2]:25";

const Row kLines[] = {
    {"tcp4", "PROXY TCP4 192.0.2.1 203.0.113.5 4660 25\r\n", kV4},
    {"tcp6", "PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:0:2 4660 25\r\n", kV6},
    {"tcp4_longest", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
     "proxied 255.255.255.255:65535 255.255.255.255:65535"},
    {"tcp4_lowest", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "proxied 0.0.0.0:0 0.0.0.0:0"},
    {"unknown", "PROXY UNKNOWN\r\n", "local"},
    {"unknown_with_addresses", "PROXY UNKNOWN 192.0.2.1 203.0.113.5 1 2\r\n", "local"},
    {"unknown_with_anything", "PROXY UNKNOWN \t\xff\r\n", "local"},
    {"unknown_longest",
     "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
     "local"},

    {"unknown_too_long", "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", "line"},
    {"unknown_run_on", "PROXY UNKNOWNX\r\n", "line"},
    {"lower_case", "proxy TCP4 192.0.2.1 203.0.113.5 4660 25\r\n", "signature"},
    {"lower_case_family", "PROXY tcp4 192.0.2.1 203.0.113.5 4660 25\r\n", "line"},
    {"udp4", "PROXY UDP4 192.0.2.1 203.0.113.5 4660 25\r\n", "line"},
    {"no_family", "PROXY \r\n", "line"},
    {"nothing_else", "PROXY\r\n", "signature"},
    {"two_blanks", "PROXY  TCP4 192.0.2.1 203.0.113.5 4660 25\r\n", "line"},
    {"two_blanks_inside", "PROXY TCP4 192.0.2.1  203.0.113.5 4660 25\r\n", "line"},
    {"blank_at_the_end", "PROXY TCP4 192.0.2.1 203.0.113.5 4660 25 \r\n", "line"},
    {"tab", "PROXY TCP4\t192.0.2.1 203.0.113.5 4660 25\r\n", "line"},
    {"port_missing", "PROXY TCP4 192.0.2.1 203.0.113.5 4660\r\n", "line"},
    {"one_word_more", "PROXY TCP4 192.0.2.1 203.0.113.5 4660 25 1\r\n", "line"},
    {"port_too_large", "PROXY TCP4 192.0.2.1 203.0.113.5 65536 25\r\n", "line"},
    {"port_padded", "PROXY TCP4 192.0.2.1 203.0.113.5 04660 25\r\n", "line"},
    {"port_signed", "PROXY TCP4 192.0.2.1 203.0.113.5 4660 +25\r\n", "line"},
    {"port_empty", "PROXY TCP4 192.0.2.1 203.0.113.5  25\r\n", "line"},
    {"octal_address", "PROXY TCP4 192.0.02.1 203.0.113.5 4660 25\r\n", "line"},
    {"short_address", "PROXY TCP4 192.0.2 203.0.113.5 4660 25\r\n", "line"},
    {"v6_in_tcp4", "PROXY TCP4 ::1 ::1 4660 25\r\n", "line"},
    {"v4_in_tcp6", "PROXY TCP6 192.0.2.1 203.0.113.5 4660 25\r\n", "line"},
    {"dotted_v6", "PROXY TCP6 ::ffff:192.0.2.1 ::1 4660 25\r\n", "line"},
    {"scoped_v6", "PROXY TCP6 fe80::1%lo ::1 4660 25\r\n", "line"},
    {"two_double_colons", "PROXY TCP6 1::2::3 ::1 4660 25\r\n", "line"},
    {"bare_lf", "PROXY TCP4 192.0.2.1 203.0.113.5 4660 25\n", "line"},
    {"bare_lf_in_unknown", "PROXY UNKNOWN x\ny\r\n", "line"},
    {"bare_cr_in_unknown", "PROXY UNKNOWN x\ry\r\n", "line"},
    {"two_crs", "PROXY UNKNOWN\r\r\n", "line"},
    {"nul_in_address", "PROXY TCP4 192.0.2.1\0 203.0.113.5 4660 25\r\n"s, "line"},
    {"smtp", "EHLO client.example\r\n", "signature"},
    {"http", "GET / HTTP/1.1\r\n", "signature"},
    {"empty_line", "\r\nPROXY TCP4", "signature"},
};

const Row kBinary[] = {
    {"v4", proxy_v2(0x21, 0x11, v4_addresses()), kV4},
    {"v6", proxy_v2(0x21, 0x21, v6_addresses()), kV6},
    {"v4_udp", proxy_v2(0x21, 0x12, v4_addresses()), "local"},
    {"unix", proxy_v2(0x21, 0x31, std::string(216, 'x')), "local"},
    {"unspec", proxy_v2(0x21, 0x00, ""), "local"},
    {"unspec_with_block", proxy_v2(0x21, 0x00, "anything"), "local"},
    {"unspec_transport", proxy_v2(0x21, 0x10, v4_addresses()), "local"},
    {"local", proxy_v2(0x20, 0x00, ""), "local"},
    {"local_with_addresses", proxy_v2(0x20, 0x11, v4_addresses()), "local"},
    {"local_with_any_family", proxy_v2(0x20, 0xff, "x"), "local"},
    {"local_with_broken_tlv", proxy_v2(0x20, 0x11, v4_addresses() + "\1"), "local"},
    {"tlvs",
     proxy_v2(
         0x21, 0x11,
         v4_addresses() + tlv(0x01, "smtp") + tlv(0x04, "") + tlv(0xea, std::string(300, 'x'))),
     kV4},
    {"crc32c", with_crc32c(0x21, 0x11, v4_addresses(), ""), kV4},
    {"crc32c_among_others",
     with_crc32c(0x21, 0x21, v6_addresses() + tlv(0x02, "mx.test"), tlv(0x04, "xx")), kV6},
    {"crc32c_unix", with_crc32c(0x21, 0x31, std::string(216, 'x'), ""), "local"},
    {"longest",
     proxy_v2(0x21, 0x11,
              v4_addresses() + tlv(0x04, std::string(kProxyHeaderBytesMax - 16 - 12 - 3, 'x'))),
     kV4},
    // The checksum of these octets as calculated elsewhere, in network order.
    {"crc32c_vector",
     "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x13\xc0\x00\x02\x01\xcb\x00\x71\x05\x12\x34\x00\x19"
     "\x03\x00\x04\x0b\xf6\x1d\x39"s,
     kV4},

    {"too_long", proxy_v2(0x21, 0x11, v4_addresses() + tlv(0x04, std::string(16354, 'x'))),
     "length"},
    {"version_1", proxy_v2(0x11, 0x11, v4_addresses()), "command"},
    {"version_3", proxy_v2(0x31, 0x11, v4_addresses()), "command"},
    {"command_2", proxy_v2(0x22, 0x11, v4_addresses()), "command"},
    {"family_4", proxy_v2(0x21, 0x41, v4_addresses()), "command"},
    {"transport_3", proxy_v2(0x21, 0x13, v4_addresses()), "command"},
    {"v4_too_short", proxy_v2(0x21, 0x11, v4_addresses().substr(1)), "length"},
    {"v6_too_short", proxy_v2(0x21, 0x21, v4_addresses()), "length"},
    {"unix_too_short", proxy_v2(0x21, 0x31, std::string(215, 'x')), "length"},
    {"tlv_head_cut", proxy_v2(0x21, 0x11, v4_addresses() + "\1\0"s), "parameters"},
    {"tlv_too_long", proxy_v2(0x21, 0x11, v4_addresses() + "\1\0\4xyz"s), "parameters"},
    {"crc32c_too_short", proxy_v2(0x21, 0x11, v4_addresses() + tlv(0x03, "xyz")), "parameters"},
    {"crc32c_twice", with_crc32c(0x21, 0x11, v4_addresses(), tlv(0x03, be32(0))), "parameters"},
    {"wrong_signature", "\r\n\r\n\0\r\nQUIX\n\x21\x11\0\0"s, "signature"},
};

template <size_t count>
void expect_rows(const Row (&rows)[count]) {
  for (const Row& row : rows) {
    const bool whole = row.what.starts_with("proxied") || row.what == "local";
    const Outcome expected{row.what, whole ? row.wire.size() : 0};
    EXPECT_EQ(read(row.wire), expected) << row.name;
    EXPECT_EQ(read(row.wire, 1), expected) << row.name << ", octet by octet";
    EXPECT_EQ(read(row.wire, 7), expected) << row.name << ", in pieces of 7";
    if (!whole) continue;
    EXPECT_EQ(read(row.wire + "EHLO c\r\n"), expected) << row.name << ", with more behind it";
    for (size_t size = 0; size < row.wire.size(); ++size) {
      ASSERT_EQ(read(row.wire.substr(0, size)), (Outcome{"incomplete", size})) << row.name;
    }
  }
}

TEST(ProxyHeaderTest, Version1) { expect_rows(kLines); }

TEST(ProxyHeaderTest, Version2) { expect_rows(kBinary); }

TEST(ProxyHeaderTest, AnyChangedOctetSpoilsTheChecksum) {
  const std::string wire = with_crc32c(0x21, 0x11, v4_addresses(), tlv(0x04, "xyz"));
  // Behind the fixed part and outside of types and lengths, which would fail on their own.
  for (const size_t at :
       {size_t{16}, size_t{23}, size_t{27}, size_t{31}, size_t{34}, wire.size() - 1}) {
    std::string changed = wire;
    changed[at] = char(changed[at] ^ 0x10);
    EXPECT_EQ(read(changed), (Outcome{"checksum", 0})) << at;
  }
}

// Nobody waits for the rest of what cannot become a header.
TEST(ProxyHeaderTest, TellsAtTheFirstWrongOctet) {
  for (const std::string& start :
       {"P"s, "PROX"s, "PROXY"s, ""s, "\r\n\r"s, "\r\n\r\n\0\r\nQUIT"s}) {
    EXPECT_EQ(read(start), (Outcome{"incomplete", start.size()}));
    EXPECT_EQ(read(start + "x"), (Outcome{"signature", 0})) << start;
  }
  EXPECT_EQ(read("PROXY " + std::string(100, 'x')), (Outcome{"incomplete", 106}));
  EXPECT_EQ(read("PROXY " + std::string(101, 'x')), (Outcome{"line", 0}));
}

}  // namespace
}  // namespace mailrace::core
