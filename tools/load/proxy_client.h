// SPDX-License-Identifier: GPL-3.0-or-later
// The PROXY protocol's header as a proxy writes it.
#pragma once

#include "core/base/ip.h"

#include <cstdint>
#include <string>

namespace mailrace::tools {

enum class ProxyVersion : uint8_t { off, v1, v2 };

/// A header that says who a connection is from. Nothing, if `version` is off.
///
/// source, destination   of one family; of the client's connection
/// source                HAProxy, "The PROXY protocol, versions 1 and 2" (2020/03/05), section 2
std::string proxy_header(ProxyVersion version, const core::Endpoint& source,
                         const core::Endpoint& destination);

}  // namespace mailrace::tools
