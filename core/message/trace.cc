// SPDX-License-Identifier: GPL-3.0-or-later
// Writes the Received field from text that the client chose, so every octet of it is looked at.
#include "core/message/trace.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/base/queue_id.h"
#include "core/message/date.h"

namespace mailrace::core {
namespace {

// '?' may stand in a word unquoted, so what was a strange name is still one word to those who parse
// the field, as long as before; and no host name has one, so a reader sees that there was more.
constexpr char kReplacement = '?';

constexpr bool is_host_octet(char c) noexcept {
  return is_alnum(c) || c == '-' || c == '.' || c == '_';
}

// A parenthesis would open a comment, a semicolon end the clauses, a quote or backslash change the
// meaning of what follows, a CR or LF begin a line.
void add_helo(TextBuilder& target, std::string_view helo) noexcept {
  if (helo.size() >= 2 && helo.front() == '[' && helo.back() == ']') {
    target.add('[');
    for (const char c : helo.substr(1, helo.size() - 2)) {
      target.add(is_host_octet(c) || c == ':' ? c : kReplacement);
    }
    target.add(']');
    return;
  }
  if (helo.empty()) target.add(kReplacement);
  for (const char c : helo) target.add(is_host_octet(c) ? c : kReplacement);
}

// A path has been parsed, and is safe between its brackets. This is for callers that forgot.
void add_path(TextBuilder& target, std::string_view mailbox, bool is_utf8) noexcept {
  target.add('<');
  for (const char c : mailbox) {
    const bool is_safe = (c >= ' ' && c <= '~') || (is_utf8 && uint8_t(c) >= 0x80);
    target.add(is_safe ? c : kReplacement);
  }
  target.add('>');
}

// Names that were checked where they came from; the quotes are for a name with blanks.
void add_tls(TextBuilder& target, const TlsFacts& tls) noexcept {
  MAILRACE_CHECK(tls.version.size() <= kTlsVersionBytesMax);
  MAILRACE_CHECK(tls.cipher.size() <= kTlsCipherBytesMax);
  MAILRACE_CHECK(tls.group.size() <= kTlsGroupBytesMax);
  MAILRACE_CHECK(tls.server_name.size() <= kDomainBytesMax);
  MAILRACE_CHECK(tls.client.size() <= kTlsClientBytesMax);
  target.add("\t(version=").add(tls.version).add(" cipher=").add(tls.cipher);
  if (!tls.group.empty()) target.add(" group=").add(tls.group);
  if (!tls.server_name.empty()) target.add(" sni=").add(tls.server_name);
  if (!tls.client.empty()) target.add(" client-cn=\"").add(tls.client).add('"');
  target.add(")\r\n");
}

bool is_utf8_protocol(TransferProtocol protocol) noexcept {
  return protocol == TransferProtocol::utf8smtp || protocol == TransferProtocol::utf8smtps;
}

}  // namespace

std::string_view protocol_keyword(TransferProtocol protocol) noexcept {
  switch (protocol) {
    case TransferProtocol::smtp:
      return "SMTP";
    case TransferProtocol::esmtp:
      return "ESMTP";
    case TransferProtocol::esmtps:
      return "ESMTPS";
    case TransferProtocol::utf8smtp:
      return "UTF8SMTP";
    case TransferProtocol::utf8smtps:
      return "UTF8SMTPS";
  }
  return "ESMTP";  // not a value of the enumeration
}

void add_received_field(TextBuilder& target, const ReceivedField& field) noexcept {
  MAILRACE_CHECK(field.helo.size() <= kHeloBytesMax);
  MAILRACE_CHECK(field.hostname.size() <= kDomainBytesMax);
  MAILRACE_CHECK(field.for_path.size() + 2 <= kPathBytesMax);

  target.add("Received: from ");
  add_helo(target, field.helo);
  target.add(field.peer.is_v4 ? " ([" : " ([IPv6:");
  add_ip_address(target, field.peer);
  target.add("])\r\n");
  if (field.tls.is_on()) add_tls(target, field.tls);
  target.add("\tby ").add(field.hostname);
  target.add(" (mailrace) with ").add(protocol_keyword(field.protocol));
  target.add(" id ").add(format_queue_id(field.queue_id).view());
  if (field.for_path.empty()) {
    target.add(";\r\n\t");
  } else {
    target.add("\r\n\tfor ");
    add_path(target, field.for_path, is_utf8_protocol(field.protocol));
    target.add("; ");
  }
  add_mail_date(target, field.time);
  target.add("\r\n");
}

}  // namespace mailrace::core
