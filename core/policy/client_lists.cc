// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/policy/client_lists.h"

#include <optional>

namespace mailrace::core {

ClientStanding ClientLists::of(const IpAddress& address) const noexcept {
  const auto in_allowed = allowed.longest_match(address);
  const auto in_blocked = blocked.longest_match(address);
  if (in_blocked && (!in_allowed || in_allowed->bits < in_blocked->bits)) {
    return ClientStanding::blocked;
  }
  return in_allowed ? ClientStanding::allowed : ClientStanding::unknown;
}

}  // namespace mailrace::core
