// SPDX-License-Identifier: GPL-3.0-or-later
// A value of --listen: an address, and what holds for those who connect to it.
#pragma once

#include "core/base/ip.h"
#include "core/smtp/envelope.h"

#include <tl/expected.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace mailrace::tools {

struct ListenAddress {
  core::Endpoint endpoint;
  std::optional<core::Durability> durability = std::nullopt;  // none: as --durability says
  bool needs_tls = false;
};

/// What parse_listen_address() reads, for messages and help.
inline constexpr std::string_view kListenAddressSyntax =
    "ADDRESS:PORT or [ADDRESS]:PORT, numeric; durability is disk or page-cache";

/// "192.0.2.1:25", "[2001:db8::1]:25,durability=page-cache", "192.0.2.1:25,tls-required". Each
/// option once.
/// fails   with a few words on the option that is wrong; with none if the address is
tl::expected<ListenAddress, std::string> parse_listen_address(std::string_view text);

}  // namespace mailrace::tools
