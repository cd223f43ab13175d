// SPDX-License-Identifier: GPL-3.0-or-later
// Endpoints as the kernel reads and writes them.
#pragma once

#include "core/base/ip.h"

#include <sys/socket.h>

namespace mailrace::net {

/// Writes `endpoint` as sockaddr_in or sockaddr_in6; the rest of `target` is zero.
///
/// returns   octets of it that are the address
socklen_t to_socket_address(const core::Endpoint& endpoint, sockaddr_storage& target) noexcept;

/// The endpoint in a sockaddr_in or sockaddr_in6.
///
/// name      of at least the octets that its family needs; no scope id is kept
core::Endpoint endpoint_of(const sockaddr* name) noexcept;

}  // namespace mailrace::net
