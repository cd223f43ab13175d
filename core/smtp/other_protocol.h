// SPDX-License-Identifier: GPL-3.0-or-later
// Lines of a client that believes to talk to something else.
#pragma once

#include <string_view>

namespace mailrace::core {

/// Whether a line is of HTTP, or a field of a header section: a browser that was led here by a
/// third party (cross-protocol attacks such as ALPACA) brings the attacker's text in its body,
/// which must never be reached.
///
/// word      of a command line, up to its first blank, that is no verb of SMTP
/// source    RFC 9110 section 9, RFC 9113 section 3.4 (PRI); RFC 5322 section 2.2 (field names)
bool is_other_protocol(std::string_view word) noexcept;

}  // namespace mailrace::core
