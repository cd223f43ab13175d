// SPDX-License-Identifier: GPL-3.0-or-later
// Values of DSN parameters: xtext, and the addresses of ORCPT.
#pragma once

#include "core/base/utf8.h"

#include <cstddef>
#include <optional>
#include <string_view>

namespace mailrace::core {

/// How many octets a text in xtext stands for.
///
/// text      any octets
/// returns   at most text.size(); nothing if it is no xtext, or if what it stands for is not
///           printable ASCII with SP throughout, which a notification could not repeat
/// source    RFC 3461 section 4, section 4.2, section 4.4
std::optional<size_t> xtext_bytes(std::string_view text) noexcept;

/// Whether a text is an original-recipient-address: an address type, ';', and the address in xtext,
/// or for the type utf-8 in the encoding of that type. The address itself is not held to the rules
/// of its type (RFC 3461 section 4.2).
///
/// charset   utf8: characters of a utf-8 address may stand for themselves
/// source    RFC 3461 section 4.2; RFC 6533 section 3
bool is_original_recipient(std::string_view text, Charset charset) noexcept;

/// Whether a text is a utf-8-addr-xtext, or with Charset::utf8 a utf-8-addr-unitext.
///
/// source    RFC 6533 section 3
bool is_utf8_address(std::string_view text, Charset charset) noexcept;

}  // namespace mailrace::core
