// SPDX-License-Identifier: GPL-3.0-or-later
// Names as the parameters of SMTP have them.
#include "tools/spool/claims.h"

#include <utility>

namespace mailrace::tools {

const char* body_name(core::BodyType body) {
  switch (body) {
    case core::BodyType::unspecified:
      return "";
    case core::BodyType::seven_bit:
      return "7BIT";
    case core::BodyType::eight_bit_mime:
      return "8BITMIME";
    case core::BodyType::binary_mime:
      return "BINARYMIME";
  }
  return "unknown";
}

const char* return_content_name(core::ReturnContent content) {
  switch (content) {
    case core::ReturnContent::unspecified:
      return "";
    case core::ReturnContent::full:
      return "FULL";
    case core::ReturnContent::header_section:
      return "HDRS";
  }
  return "unknown";
}

std::string notify_text(core::NotifySet notify) {
  static constexpr std::pair<core::NotifySet, const char*> kNames[] = {
      {core::NotifySet::never, "NEVER"},
      {core::NotifySet::success, "SUCCESS"},
      {core::NotifySet::failure, "FAILURE"},
      {core::NotifySet::delay, "DELAY"},
  };
  std::string text;
  for (const auto& [bit, name] : kNames) {
    if (!core::has(notify, bit)) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text;
}

namespace {

// An object for each recipient in their order, empty if RCPT said no more than the path; nothing if
// that is so for all.
std::string dsn_json(const spool::StoredEnvelope& envelope) {
  std::string json = "[";
  bool any = false;
  for (const spool::StoredRecipient& recipient : envelope.recipients) {
    if (json.size() > 1) json += ',';
    JsonLine object(json);
    if (recipient.notify != core::NotifySet::unspecified) {
      object.text("notify", notify_text(recipient.notify));
      any = true;
    }
    if (!recipient.original_recipient.empty()) {
      object.text("orcpt", recipient.original_recipient);
      any = true;
    }
    json += '}';
  }
  return any ? json + ']' : "";
}

}  // namespace

void add_claims(JsonLine& line, const spool::StoredEnvelope& envelope) {
  if (const std::string dsn = dsn_json(envelope); !dsn.empty()) line.raw("rcpt_dsn", dsn);
  const core::MailClaims& claims = envelope.claims;
  if (claims.body != core::BodyType::unspecified) line.text("body", body_name(claims.body));
  if (claims.is_smtputf8) line.raw("smtputf8", "true");
  if (claims.return_content != core::ReturnContent::unspecified) {
    line.text("ret", return_content_name(claims.return_content));
  }
  if (!envelope.envelope_id.empty()) line.text("envid", envelope.envelope_id);
  if (claims.requires_tls) line.raw("requiretls", "true");
  if (claims.priority) line.number("mt_priority", int64_t{*claims.priority});
}

void add_tls(JsonLine& line, const spool::StoredTls& tls) {
  const auto add = [&line](const char* name, const std::string& value) {
    if (!value.empty()) line.text(name, value);
  };
  add("tls", tls.version);
  add("cipher", tls.cipher);
  add("group", tls.group);
  add("sni", tls.server_name);
  add("client_cn", tls.client);
}

}  // namespace mailrace::tools
