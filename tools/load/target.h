// SPDX-License-Identifier: GPL-3.0-or-later
// Whom to send to: protocol and address.
#pragma once

#include "core/base/ip.h"
#include "tools/lib/flag_values.h"

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::tools {

enum class LoadProtocol : uint8_t { smtp, lmtp };

struct LoadTarget {
  LoadProtocol protocol = LoadProtocol::smtp;
  core::Endpoint endpoint;  // if `path` is empty
  std::string path;         // of a socket in the file system

  bool is_unix() const noexcept { return !path.empty(); }
};

/// What parse_load_target() reads, for messages and help.
inline constexpr std::string_view kLoadTargetSyntax =
    "ADDRESS:PORT, [ADDRESS]:PORT, numeric, or the path of a Unix socket beginning with a slash; "
    "smtp: or lmtp: in front says the protocol";

/// "127.0.0.1:25", "smtp:[::1]:25", "lmtp:/run/lmtp.sock". The path is shorter than 108 octets.
FromText<LoadTarget> parse_load_target(std::string_view text);

/// As the kernel has it.
///
/// target    what is behind the address is zero
/// returns   octets of it that are the address
socklen_t to_socket_address(const LoadTarget& load_target, sockaddr_storage& target) noexcept;

}  // namespace mailrace::tools
