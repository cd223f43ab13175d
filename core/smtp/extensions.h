// SPDX-License-Identifier: GPL-3.0-or-later
// The EHLO keywords offered.
#pragma once

#include "core/base/text.h"
#include "core/smtp/session_options.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::core {

/// Whether a session is under TLS, or may be: some extensions are only offered there.
enum class EhloTls : uint8_t { none, offered, on };

/// The whole reply to EHLO, line ends included: the name, then a line for each extension.
///
/// options   our own name, and the limits in force
/// source    RFC 5321 section 4.1.1.1; RFC 2920, RFC 1870, RFC 6152, RFC 3030, RFC 6531, RFC 3461,
///           RFC 6710, RFC 9422, RFC 3207, RFC 8689, draft-hall-prdr-00, RFC 2034
std::string ehlo_reply(const SessionOptions& options, EhloTls tls);

/// The same reply with one more extension: XCLIENT and the attributes that it may have.
///
/// reply     of ehlo_reply()
/// target    of kReplyBytesMax octets
void add_ehlo_reply_with_xclient(TextBuilder& target, std::string_view reply) noexcept;

}  // namespace mailrace::core
