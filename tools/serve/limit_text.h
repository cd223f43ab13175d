// SPDX-License-Identifier: GPL-3.0-or-later
// One value of --limit.
#pragma once

#include "core/policy/client_limits.h"

#include <tl/expected.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

inline constexpr std::string_view kLimitSyntax =
    "NETWORK or any, then each=BITS, concurrent or half-open=COUNT, and connections, messages, "
    "recipients, unknown-recipients, errors or handshakes=COUNT/TIME, or limits=none, with commas "
    "between them";

/// Reads `NETWORK[,each=BITS][,WHAT=COUNT][,WHAT=COUNT/TIME]...`, where NETWORK is as
/// parse_cidr() has it, or `any`, which is 0.0.0.0/0 and ::/0; each of which BITS is by default an
/// IPv4 address, and a /64 of IPv6. `NETWORK,limits=none` exempts it from what larger networks
/// have.
///
/// returns   a rule for each family that it is for
/// fails     a few words on what is wrong; empty if kLimitSyntax says it all
tl::expected<std::vector<core::LimitRule>, std::string> parse_limit(std::string_view text);

/// The rules of many values together.
/// fails   as parse_limit(), with the value in front; or the same network and `each` twice, or too
///         many
tl::expected<std::vector<core::LimitRule>, std::string> limit_rules(
    const std::vector<std::string>& texts);

}  // namespace mailrace::tools
