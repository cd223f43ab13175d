// SPDX-License-Identifier: GPL-3.0-or-later
// By copies: these structures alias each other only on paper.
#include "net/socket_address.h"

#include <netinet/in.h>

#include <cstring>

namespace mailrace::net {

socklen_t to_socket_address(const core::Endpoint& endpoint, sockaddr_storage& target) noexcept {
  target = {};
  if (endpoint.address.is_v4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, endpoint.address.octets.data(), sizeof v4.sin_addr);
    std::memcpy(&target, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  std::memcpy(&v6.sin6_addr, endpoint.address.octets.data(), sizeof v6.sin6_addr);
  std::memcpy(&target, &v6, sizeof v6);
  return sizeof v6;
}

core::Endpoint endpoint_of(const sockaddr* name) noexcept {
  core::Endpoint endpoint;
  endpoint.address.is_v4 = name->sa_family == AF_INET;
  if (endpoint.address.is_v4) {
    sockaddr_in v4;
    std::memcpy(&v4, name, sizeof v4);
    std::memcpy(endpoint.address.octets.data(), &v4.sin_addr, sizeof v4.sin_addr);
    endpoint.port = ntohs(v4.sin_port);
  } else {
    sockaddr_in6 v6;
    std::memcpy(&v6, name, sizeof v6);
    std::memcpy(endpoint.address.octets.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    endpoint.port = ntohs(v6.sin6_port);
  }
  return endpoint;
}

}  // namespace mailrace::net
