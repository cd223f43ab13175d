// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as the parameters of MAIL and of RCPT: what is accepted is within its limits, and
// written out in one canonical way it is accepted again and says the same.
#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/smtp/parameters.h"
#include "core/smtp/xtext.h"
#include "tests/support/utf8_reference.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

bool is_inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// What xtext stands for, decoded without the code under test.
std::string decoded(std::string_view xtext) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
  std::string text;
  for (size_t i = 0; i < xtext.size(); ++i) {
    if (xtext[i] != '+') {
      text += xtext[i];
      continue;
    }
    MAILRACE_CHECK(i + 2 < xtext.size());
    text += char(value(xtext[i + 1]) << 4 | value(xtext[i + 2]));
    i += 2;
  }
  return text;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// --- MAIL ----------------------------------------------------------------------------------------

std::string written(const MailParameters& parameters) {
  const MailClaims& claims = parameters.claims;
  std::string text;
  if (parameters.size) text += " SIZE=" + std::to_string(*parameters.size);
  if (claims.body == BodyType::seven_bit) text += " BODY=7BIT";
  if (claims.body == BodyType::eight_bit_mime) text += " BODY=8BITMIME";
  if (claims.is_smtputf8) text += " SMTPUTF8";
  if (claims.requires_tls) text += " REQUIRETLS";
  if (claims.return_content == ReturnContent::full) text += " RET=FULL";
  if (claims.return_content == ReturnContent::header_section) text += " RET=HDRS";
  if (!parameters.envelope_id.empty()) text.append(" ENVID=").append(parameters.envelope_id);
  if (claims.priority) text += " MT-PRIORITY=" + std::to_string(*claims.priority);
  return text;
}

bool same(const MailParameters& a, const MailParameters& b) {
  return a.size == b.size && a.claims == b.claims && a.envelope_id == b.envelope_id;
}

void check_mail(std::string_view text) {
  const auto [parameters, error] = parse_mail_parameters(text);
  if (error != ParameterError::none) return;
  MAILRACE_CHECK(is_inside(parameters.envelope_id, text));
  MAILRACE_CHECK(parameters.envelope_id.size() <= kEnvelopeIdXtextBytesMax);
  const std::string envelope_id = decoded(parameters.envelope_id);
  MAILRACE_CHECK(envelope_id.size() <= kEnvelopeIdBytesMax);
  MAILRACE_CHECK(is_printable(envelope_id));
  MAILRACE_CHECK(xtext_bytes(parameters.envelope_id) == envelope_id.size());
  const int priority = parameters.claims.priority.value_or(0);
  MAILRACE_CHECK(priority >= -9);
  MAILRACE_CHECK(priority <= 9);

  const std::string canonical = written(parameters);
  const ParsedMailParameters again = parse_mail_parameters(canonical);
  MAILRACE_CHECK(again.error == ParameterError::none);
  MAILRACE_CHECK(same(again.parameters, parameters));
}

// --- RCPT ----------------------------------------------------------------------------------------

std::string written(const RcptParameters& parameters) {
  std::string list;
  if (has(parameters.notify, NotifySet::never)) list += ",NEVER";
  if (has(parameters.notify, NotifySet::success)) list += ",SUCCESS";
  if (has(parameters.notify, NotifySet::failure)) list += ",FAILURE";
  if (has(parameters.notify, NotifySet::delay)) list += ",DELAY";
  std::string text;
  if (!list.empty()) text += "NOTIFY=" + list.substr(1);
  if (!parameters.original_recipient.empty()) {
    text.append(" ORCPT=").append(parameters.original_recipient);
  }
  return text;
}

void check_original_recipient(std::string_view text, Charset charset) {
  const size_t end = text.find(';');
  MAILRACE_CHECK(end != text.npos);
  MAILRACE_CHECK(end > 0);
  MAILRACE_CHECK(text.size() <= kOriginalRecipientBytesMax);
  MAILRACE_CHECK(tests::Utf8Reference::prefix_bytes(text) == text.size());
  const bool is_ascii = is_printable(text);
  MAILRACE_CHECK(is_ascii || charset == Charset::utf8);
  // Only the type utf-8 has backslashes with a meaning, or octets beyond ASCII.
  if (xtext_bytes(text.substr(end + 1))) MAILRACE_CHECK(is_ascii);
}

void check_rcpt(std::string_view text, Charset charset) {
  const auto [parameters, error] = parse_rcpt_parameters(text, charset);
  if (error != ParameterError::none) return;
  const bool is_never = has(parameters.notify, NotifySet::never);
  MAILRACE_CHECK(!is_never || parameters.notify == NotifySet::never);
  MAILRACE_CHECK(is_inside(parameters.original_recipient, text));
  if (!parameters.original_recipient.empty()) {
    check_original_recipient(parameters.original_recipient, charset);
  }
  const std::string canonical = written(parameters);
  const ParsedRcptParameters again = parse_rcpt_parameters(canonical, charset);
  MAILRACE_CHECK(again.error == ParameterError::none);
  MAILRACE_CHECK(again.parameters.notify == parameters.notify);
  MAILRACE_CHECK(again.parameters.original_recipient == parameters.original_recipient);
  // SMTPUTF8 adds values and takes none away.
  const ParsedRcptParameters utf8 = parse_rcpt_parameters(text, Charset::utf8);
  MAILRACE_CHECK(utf8.error == ParameterError::none);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_mail(text);
  check_rcpt(text, Charset::ascii);
  check_rcpt(text, Charset::utf8);
  // No keyword belongs to both commands.
  const bool of_mail = parse_mail_parameters(text).error == ParameterError::none;
  const bool of_rcpt = parse_rcpt_parameters(text, Charset::utf8).error == ParameterError::none;
  const bool has_any = text.find_first_not_of(' ') != text.npos;
  MAILRACE_CHECK(!has_any || !of_mail || !of_rcpt);
  return 0;
}

}  // namespace mailrace::core
