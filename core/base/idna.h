// SPDX-License-Identifier: GPL-3.0-or-later
// Internationalised domain names as DNS has them; the one wall to libidn2.
#pragma once

#include "core/base/limits.h"

#include <array>
#include <optional>
#include <string_view>

namespace mailrace::core {

using DomainBuffer = std::array<char, kDomainBytesMax>;

/// The form of a domain in which two names of the same domain are equal octet for octet: A-labels,
/// in lower case. What people type is mapped as browsers do, so upper case and decomposed letters
/// are no other domain. Computes, and allocates some memory for as long as it does; never waits.
///
/// domain    UTF-8 without NUL, at most kDomainBytesMax octets
/// target    holds the result
/// returns   the domain, in `target`; nothing if some label is none that IDNA knows, or too long
/// source    RFC 5890 section 2.3.2.1, RFC 5891 section 5; UTS 46, non-transitional
std::optional<std::string_view> to_a_labels(std::string_view domain, DomainBuffer& target) noexcept;

}  // namespace mailrace::core
