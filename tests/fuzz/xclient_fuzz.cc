// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as the argument of XCLIENT: what is accepted is within its limits, and says the same
// when it is written again in the plainest way.
#include "core/base/check.h"
#include "core/base/text.h"
#include "core/smtp/path.h"
#include "core/smtp/xclient.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

std::string text_of(const IpAddress& address) {
  char memory[kIpAddressTextBytesMax];
  TextBuilder text(memory, sizeof memory);
  add_ip_address(text, address);
  return (address.is_v4 ? "" : "IPV6:") + std::string(text.text());
}

// In xtext with every octet as a hexchar.
std::string xtext_of(std::string_view value) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : value) {
    text += {'+', kDigits[uint8_t(c) >> 4], kDigits[uint8_t(c) & 0xf]};
  }
  return text;
}

std::string written(const Xclient& x) {
  std::string text;
  const auto add = [&](const char* name, bool said, const std::string& value) {
    if (said) text += std::string(name) + "=" + (value.empty() ? "[UNAVAILABLE]" : value) + " ";
  };
  const auto address = [](const XclientValue<IpAddress>& value) {
    return value.value ? xtext_of(text_of(*value.value)) : "";
  };
  const auto port = [](const XclientValue<uint16_t>& value) {
    return value.value ? std::to_string(*value.value) : "";
  };
  add("NAME", x.name.said, xtext_of(x.name.value.view()));
  add("HELO", x.helo.said, xtext_of(x.helo.value.view()));
  add("ADDR", x.address.said, address(x.address));
  add("PORT", x.port.said, port(x.port));
  add("DESTADDR", x.dest_address.said, address(x.dest_address));
  add("DESTPORT", x.dest_port.said, port(x.dest_port));
  add("PROTO", x.is_extended.said, x.is_extended.value.value_or(false) ? "ESMTP" : "SMTP");
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view argument(reinterpret_cast<const char*>(data), size);
  Xclient x;
  if (parse_xclient(argument, x) != XclientError::none) return 0;
  const std::string_view helo = x.helo.value.view();
  const std::string_view name = x.name.value.view();
  MAILRACE_CHECK(helo.empty() || is_helo_name(helo));
  MAILRACE_CHECK(name.empty() || is_domain(name));
  MAILRACE_CHECK(x.helo.said || helo.empty());
  MAILRACE_CHECK(x.name.said || name.empty());
  MAILRACE_CHECK(x.address.said || !x.address.value);
  MAILRACE_CHECK(x.is_extended.said == x.is_extended.value.has_value());

  const std::string plain = written(x);
  MAILRACE_CHECK(!plain.empty());
  Xclient again;
  MAILRACE_CHECK(parse_xclient(plain, again) == XclientError::none);
  MAILRACE_CHECK(written(again) == plain);
  return 0;
}

}  // namespace mailrace::core
