// SPDX-License-Identifier: GPL-3.0-or-later
// A line of text, or a fixed binary layout without TLVs.
#include "tools/load/proxy_client.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/base/text.h"

#include <string_view>

namespace mailrace::tools {
namespace {

std::string line(const core::Endpoint& source, const core::Endpoint& destination) {
  char octets[core::kProxyLineBytesMax];
  core::TextBuilder text(octets, sizeof octets);
  text.add(source.address.is_v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
  core::add_ip_address(text, source.address);
  text.add(' ');
  core::add_ip_address(text, destination.address);
  text.add(' ').add_number(source.port).add(' ').add_number(destination.port).add("\r\n");
  MAILRACE_CHECK(!text.cut());
  return std::string(text.text());
}

void append_be16(std::string& target, size_t value) {
  target += char(value >> 8);
  target += char(value & 0xff);
}

std::string binary(const core::Endpoint& source, const core::Endpoint& destination) {
  constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
  constexpr char kProxyCommand = 0x21;  // version 2
  const bool is_v4 = source.address.is_v4;
  const size_t address_bytes = is_v4 ? 4 : 16;
  std::string header(kSignature);
  header += kProxyCommand;
  header += is_v4 ? char(0x11) : char(0x21);  // TCP over IPv4, over IPv6
  append_be16(header, 2 * address_bytes + 4);
  for (const core::Endpoint* endpoint : {&source, &destination}) {
    header.append(reinterpret_cast<const char*>(endpoint->address.octets.data()), address_bytes);
  }
  append_be16(header, source.port);
  append_be16(header, destination.port);
  return header;
}

}  // namespace

std::string proxy_header(ProxyVersion version, const core::Endpoint& source,
                         const core::Endpoint& destination) {
  MAILRACE_CHECK(source.address.is_v4 == destination.address.is_v4);
  switch (version) {
    case ProxyVersion::off:
      break;
    case ProxyVersion::v1:
      return line(source, destination);
    case ProxyVersion::v2:
      return binary(source, destination);
  }
  return {};
}

}  // namespace mailrace::tools
