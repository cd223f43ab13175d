// SPDX-License-Identifier: GPL-3.0-or-later
// The EHLO keywords offered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::core {

/// The whole reply to EHLO, line ends included: the name, then a line for each extension.
///
/// hostname           our own name
/// message_bytes_max  for SIZE
/// source             RFC 5321 section 4.1.1.1; RFC 2920, RFC 1870, RFC 6152, RFC 2034
std::string ehlo_reply(std::string_view hostname, uint64_t message_bytes_max);

}  // namespace mailrace::core
