// SPDX-License-Identifier: GPL-3.0-or-later
// The mail parameters behind the paths of MAIL and RCPT.
#pragma once

#include "core/base/utf8.h"
#include "core/smtp/envelope.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace mailrace::core {

enum class ParameterError : uint8_t {
  none,
  syntax,     // not esmtp-param: 501
  too_many,   // > kParametersMax: 501
  unknown,    // a keyword that was not offered: 555
  duplicate,  // a keyword twice: 501
  bad_value,  // a value that its keyword does not have, or none where there must be one: 501
};

/// What the parameters of MAIL say. The view borrows from the text.
struct MailParameters {
  std::optional<uint64_t> size;  // octets, SIZE= of RFC 1870; 2^64-1 stands for that or more
  MailClaims claims;
  std::string_view envelope_id;  // ENVID= of RFC 3461 in xtext, for <= kEnvelopeIdBytesMax octets
  bool prdr = false;             // draft-hall-prdr-00: a reply for each recipient is asked for
};

struct ParsedMailParameters {
  MailParameters parameters;  // complete only if error is none
  ParameterError error = ParameterError::none;
};

/// Parses the parameters of MAIL. If several are wrong, a syntax error anywhere counts before what
/// the first of the others means.
///
/// text      behind the path, possibly empty; parameters separated by one SP or more
/// source    RFC 5321 section 4.1.1.11, section 4.1.2 (Mail-parameters); RFC 1870, RFC 6152, RFC
///           6531 section 3.4, RFC 3461 section 4.3 and section 4.4, RFC 8689, RFC 6710
ParsedMailParameters parse_mail_parameters(std::string_view text) noexcept;

/// What the parameters of RCPT say. The view borrows from the text.
struct RcptParameters {
  NotifySet notify = NotifySet::unspecified;
  std::string_view original_recipient;  // ORCPT=, <= kOriginalRecipientBytesMax octets
};

struct ParsedRcptParameters {
  RcptParameters parameters;  // complete only if error is none
  ParameterError error = ParameterError::none;
};

/// Parses the parameters of RCPT.
///
/// text      as above
/// charset   utf8 if MAIL had SMTPUTF8: then ORCPT may have UTF-8
/// source    as above; RFC 3461 section 4.1 and section 4.2, RFC 6531 section 3.3, RFC 6533
///           section 3
ParsedRcptParameters parse_rcpt_parameters(std::string_view text, Charset charset) noexcept;

/// One esmtp-param; the views borrow from the text.
struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;  // behind '='; never empty
};

/// Takes esmtp-params off a text one by one, judging their syntax only.
class ParameterReader {
 public:
  /// text      borrowed for the reader's life
  /// charset   what values may consist of
  explicit ParameterReader(std::string_view text, Charset charset = Charset::ascii) noexcept
      : rest_(text), charset_(charset) {}

  /// The next parameter; nothing at the end and at an error, which error() tells apart.
  std::optional<Parameter> next() noexcept;

  /// none, syntax or too_many
  ParameterError error() const noexcept { return error_; }

 private:
  std::optional<Parameter> fail(ParameterError error) noexcept;

  std::string_view rest_;
  Charset charset_;
  uint32_t count_ = 0;
  ParameterError error_ = ParameterError::none;
};

}  // namespace mailrace::core
