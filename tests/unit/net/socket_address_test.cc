// SPDX-License-Identifier: GPL-3.0-or-later
// An endpoint survives the way into the kernel's structures and back.
#include "net/socket_address.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

namespace mailrace::net {
namespace {

const sockaddr* name_of(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

TEST(SocketAddressTest, Ipv4IsASockaddrIn) {
  sockaddr_storage address;
  std::memset(&address, 0xff, sizeof address);
  ASSERT_EQ(to_socket_address(*core::parse_endpoint("192.0.2.1:2525"), address),
            sizeof(sockaddr_in));
  sockaddr_in v4;
  std::memcpy(&v4, &address, sizeof v4);
  EXPECT_EQ(v4.sin_family, AF_INET);
  EXPECT_EQ(ntohs(v4.sin_port), 2525);
  EXPECT_EQ(ntohl(v4.sin_addr.s_addr), 0xc0000201u);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(v4.sin_zero), sizeof v4.sin_zero),
            std::string(sizeof v4.sin_zero, '\0'));
}

TEST(SocketAddressTest, Ipv6IsASockaddrIn6) {
  sockaddr_storage address;
  std::memset(&address, 0xff, sizeof address);
  ASSERT_EQ(to_socket_address(*core::parse_endpoint("[2001:db8::1]:25"), address),
            sizeof(sockaddr_in6));
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof v6);
  EXPECT_EQ(v6.sin6_family, AF_INET6);
  EXPECT_EQ(ntohs(v6.sin6_port), 25);
  EXPECT_EQ(v6.sin6_scope_id, 0u);
  char text[INET6_ADDRSTRLEN] = "";
  EXPECT_STREQ(::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text), "2001:db8::1");
}

TEST(SocketAddressTest, ComesBackAsItWent) {
  for (const char* const text :
       {"0.0.0.0:0", "255.255.255.255:65535", "127.0.0.1:258", "[::]:0", "[::1]:25",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[::ffff:192.0.2.1]:258"}) {
    const core::Endpoint endpoint = *core::parse_endpoint(text);
    sockaddr_storage address;
    to_socket_address(endpoint, address);
    EXPECT_EQ(endpoint_of(name_of(address)), endpoint) << text;
  }
}

}  // namespace
}  // namespace mailrace::net
