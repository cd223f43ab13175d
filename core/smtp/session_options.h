// SPDX-License-Identifier: GPL-3.0-or-later
// What an operator can choose about the sessions of a server.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"
#include "core/smtp/mail_data.h"

#include <cstdint>
#include <string>

namespace mailrace::core {

/// An aggregate: each option has the default of its flag, and designated initialisers name what
/// differs. hostname has no default.
struct SessionOptions {
  std::string hostname{};                             // our name; <= kDomainBytesMax octets
  uint64_t message_bytes_max = kMessageBytesDefault;  // octets, SIZE of RFC 1870
  uint32_t recipients_max = kRecipientsDefault;       // of a mail, RCPTMAX of RFC 9422
  uint32_t mails_max = 0;                             // of a session, MAILMAX of RFC 9422; 0: any
  BareNewline bare_newline = BareNewline::reject;     // in mail data
  uint64_t line_bytes_max = 0;                        // of mail data, without CRLF; 0: any
  uint32_t hops_max = kHopsDefault;                   // Received fields of a mail
  uint32_t errors_max = kErrorsDefault;               // without a mail in between
  Duration error_delay{};                             // how long their replies are held back
  bool prdr = false;                                  // offers PRDR
};

/// The same for all sessions of a server, whose sessions it must outlive.
struct SessionConfig : SessionOptions {
  explicit SessionConfig(SessionOptions options);

  std::string ehlo_reply;             // extensions.h
  std::string ehlo_reply_before_tls;  // the same where STARTTLS is offered
  std::string ehlo_reply_encrypted;   // the same under TLS
};

}  // namespace mailrace::core
