// SPDX-License-Identifier: GPL-3.0-or-later
// Whom an operator knows already: clients that are always welcome, and clients that never are.
#pragma once

#include "core/base/cidr.h"

#include <cstdint>

namespace mailrace::core {

enum class ClientStanding : uint8_t {
  unknown,
  allowed,  // has no limits
  blocked,
};

/// Two lists of networks. Made once, then only asked, by all workers.
struct ClientLists {
  CidrSet allowed;
  CidrSet blocked;

  /// The smaller network counts; where both are the same one, the client is allowed.
  ClientStanding of(const IpAddress& address) const noexcept;
};

}  // namespace mailrace::core
