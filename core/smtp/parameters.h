// SPDX-License-Identifier: GPL-3.0-or-later
// The mail parameters behind the paths of MAIL and RCPT.
#pragma once

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

/// What the parameters of MAIL say.
struct MailParameters {
  std::optional<uint64_t> size;  // octets, SIZE= of RFC 1870; 2^64-1 stands for that or more
  BodyType body = BodyType::unspecified;
};

struct ParsedMailParameters {
  MailParameters parameters;  // complete only if error is none
  ParameterError error = ParameterError::none;
};

/// Parses the parameters of MAIL. If several are wrong, a syntax error anywhere counts before what
/// the first of the others means.
///
/// text      behind the path, possibly empty; parameters separated by one SP or more
/// source    RFC 5321 section 4.1.1.11, section 4.1.2 (Mail-parameters); RFC 1870; RFC 6152
ParsedMailParameters parse_mail_parameters(std::string_view text) noexcept;

/// Parses the parameters of RCPT. None is offered yet, so every one is unknown.
///
/// text, source   as above
ParameterError parse_rcpt_parameters(std::string_view text) noexcept;

/// One esmtp-param; the views borrow from the text.
struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;  // behind '='; never empty
};

/// Takes esmtp-params off a text one by one, judging their syntax only.
class ParameterReader {
 public:
  /// text   borrowed for the reader's life
  explicit ParameterReader(std::string_view text) noexcept : rest_(text) {}

  /// The next parameter; nothing at the end and at an error, which error() tells apart.
  std::optional<Parameter> next() noexcept;

  /// none, syntax or too_many
  ParameterError error() const noexcept { return error_; }

 private:
  std::optional<Parameter> fail(ParameterError error) noexcept;

  std::string_view rest_;
  uint32_t count_ = 0;
  ParameterError error_ = ParameterError::none;
};

}  // namespace mailrace::core
