// SPDX-License-Identifier: GPL-3.0-or-later
// The EHLO keywords offered.
#pragma once

#include "core/smtp/session_options.h"

#include <string>

namespace mailrace::core {

/// The whole reply to EHLO, line ends included: the name, then a line for each extension.
///
/// options   our own name, the limit for SIZE
/// source    RFC 5321 section 4.1.1.1; RFC 2920, RFC 1870, RFC 6152, RFC 2034
std::string ehlo_reply(const SessionOptions& options);

}  // namespace mailrace::core
