// SPDX-License-Identifier: GPL-3.0-or-later
// The trace that a mail transfer agent leaves in mail: the Received field.
#pragma once

#include "core/base/ip.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/message/tls_facts.h"

#include <cstdint>
#include <string_view>

namespace mailrace::core {

/// How a mail came in: the WITH keyword (RFC 5321 section 4.4, RFC 3848, RFC 6531 section 4.3).
enum class TransferProtocol : uint8_t {
  smtp,       // HELO
  esmtp,      // EHLO
  esmtps,     // EHLO under TLS
  utf8smtp,   // with SMTPUTF8
  utf8smtps,  // with SMTPUTF8 under TLS
};

/// The keyword: "SMTP", "ESMTP", ...
std::string_view protocol_keyword(TransferProtocol protocol) noexcept;

/// What the Received field tells. The views are borrowed until the field is written.
struct ReceivedField {
  std::string_view helo;      // argument of EHLO or HELO, <= kHeloBytesMax octets; not trusted
  IpAddress peer;             // the client's address
  std::string_view hostname;  // our own name, <= kDomainBytesMax octets
  TransferProtocol protocol = TransferProtocol::esmtp;
  uint64_t queue_id = 0;
  std::string_view for_path;  // Path::mailbox() of the only recipient, <= kPathBytesMax - 2 octets;
                              // empty if there are several: none may learn of another. UTF-8 if
                              // the protocol allows it
  TlsFacts tls = {};
  WallTime time;
};

/// Appends the Received field: folded lines with their CRLF, kReceivedFieldBytesMax octets at most.
/// Octets of `helo` that no host name or address literal has become '?': whatever the client says,
/// the field has the lines and clauses that it should have.
///
/// source    RFC 5321 section 4.4 (Time-stamp-line), section 7.2, section 7.6
void add_received_field(TextBuilder& target, const ReceivedField& field) noexcept;

}  // namespace mailrace::core
