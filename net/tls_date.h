// SPDX-License-Identifier: GPL-3.0-or-later
// Dates as they stand in certificates and what belongs to them.
#pragma once

#include "core/base/time.h"

#include <string_view>

namespace mailrace::net {

/// digits    YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ
/// returns   zero if it is neither
/// source    RFC 5280 section 4.1.2.5
core::WallTime read_asn_date(std::string_view digits) noexcept;

}  // namespace mailrace::net
