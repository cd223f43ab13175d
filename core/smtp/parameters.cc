// SPDX-License-Identifier: GPL-3.0-or-later
// A table row per keyword; syntax, duplicates and unknown keywords are the same for all.
#include "core/smtp/parameters.h"

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/smtp/xtext.h"

#include <algorithm>
#include <iterator>

namespace mailrace::core {
namespace {

// --- what the values mean ------------------------------------------------------------------------

// Each reads a value into the parameters; false if the keyword has no such value, or none at all.

bool read_size(const Parameter& parameter, Charset, MailParameters& parameters) noexcept {
  if (!parameter.value) return false;
  const std::string_view digits = *parameter.value;
  if (digits.size() > kSizeDigitsMax) return false;
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return false;
  // Twenty digits may say more than 64 bits hold. That is good syntax, and too large for anybody.
  parameters.size = parse_decimal(digits).value_or(UINT64_MAX);
  return true;
}

bool read_body(const Parameter& parameter, Charset, MailParameters& parameters) noexcept {
  if (!parameter.value) return false;
  if (equal_ignoring_case(*parameter.value, "7BIT")) {
    parameters.claims.body = BodyType::seven_bit;
  } else if (equal_ignoring_case(*parameter.value, "8BITMIME")) {
    parameters.claims.body = BodyType::eight_bit_mime;
  } else if (equal_ignoring_case(*parameter.value, "BINARYMIME")) {
    parameters.claims.body = BodyType::binary_mime;
  } else {
    return false;
  }
  return true;
}

bool read_prdr(const Parameter& parameter, Charset, MailParameters& parameters) noexcept {
  parameters.prdr = true;
  return !parameter.value;
}

bool read_smtputf8(const Parameter& parameter, Charset, MailParameters& parameters) noexcept {
  parameters.claims.is_smtputf8 = true;
  return !parameter.value;
}

bool read_requiretls(const Parameter& parameter, Charset, MailParameters& parameters) noexcept {
  parameters.claims.requires_tls = true;
  return !parameter.value;
}

bool read_ret(const Parameter& parameter, Charset, MailParameters& parameters) noexcept {
  if (!parameter.value) return false;
  if (equal_ignoring_case(*parameter.value, "FULL")) {
    parameters.claims.return_content = ReturnContent::full;
  } else if (equal_ignoring_case(*parameter.value, "HDRS")) {
    parameters.claims.return_content = ReturnContent::header_section;
  } else {
    return false;
  }
  return true;
}

bool read_envid(const Parameter& parameter, Charset, MailParameters& parameters) noexcept {
  if (!parameter.value) return false;
  parameters.envelope_id = *parameter.value;
  const auto bytes = xtext_bytes(*parameter.value);
  return bytes && *bytes <= kEnvelopeIdBytesMax;
}

// priority-value: "0", or a digit that is not 0 with "-" in front or not.
bool read_mt_priority(const Parameter& parameter, Charset, MailParameters& parameters) noexcept {
  if (!parameter.value) return false;
  std::string_view digits = *parameter.value;
  const bool is_negative = digits.front() == '-';
  if (is_negative) digits.remove_prefix(1);
  if (digits.size() != 1 || !is_digit(digits.front())) return false;
  const int value = digits.front() - '0';
  if (is_negative && value == 0) return false;
  parameters.claims.priority = int8_t(is_negative ? -value : value);
  return true;
}

// "NEVER", or a list of the others. RFC 3461 lets one stand in the list twice.
bool read_notify(const Parameter& parameter, Charset, RcptParameters& parameters) noexcept {
  if (!parameter.value) return false;
  if (equal_ignoring_case(*parameter.value, "NEVER")) {
    parameters.notify = NotifySet::never;
    return true;
  }
  std::string_view rest = *parameter.value;
  while (true) {
    const std::string_view element = rest.substr(0, rest.find(','));
    if (equal_ignoring_case(element, "SUCCESS")) {
      parameters.notify = parameters.notify | NotifySet::success;
    } else if (equal_ignoring_case(element, "FAILURE")) {
      parameters.notify = parameters.notify | NotifySet::failure;
    } else if (equal_ignoring_case(element, "DELAY")) {
      parameters.notify = parameters.notify | NotifySet::delay;
    } else {
      return false;
    }
    if (element.size() == rest.size()) return true;
    rest.remove_prefix(element.size() + 1);
  }
}

bool read_orcpt(const Parameter& parameter, Charset charset, RcptParameters& parameters) noexcept {
  if (!parameter.value || parameter.value->size() > kOriginalRecipientBytesMax) return false;
  parameters.original_recipient = *parameter.value;
  return is_original_recipient(*parameter.value, charset);
}

// --- what keywords there are ---------------------------------------------------------------------

template <class Parameters>
struct Keyword {
  std::string_view name;
  bool (*read)(const Parameter& parameter, Charset charset, Parameters& parameters);
};

constexpr Keyword<MailParameters> kMailKeywords[] = {
    {"SIZE", read_size},                // RFC 1870
    {"BODY", read_body},                // RFC 6152, RFC 3030
    {"SMTPUTF8", read_smtputf8},        // RFC 6531
    {"RET", read_ret},                  // RFC 3461
    {"ENVID", read_envid},              // RFC 3461
    {"REQUIRETLS", read_requiretls},    // RFC 8689; the session knows whether it is encrypted
    {"MT-PRIORITY", read_mt_priority},  // RFC 6710
    {"PRDR", read_prdr},                // draft-hall-prdr-00; the session knows whether it is on
};

constexpr Keyword<RcptParameters> kRcptKeywords[] = {
    {"NOTIFY", read_notify},  // RFC 3461
    {"ORCPT", read_orcpt},    // RFC 3461, RFC 6533
};

static_assert(std::size(kMailKeywords) <= kParametersMax);
static_assert(std::size(kRcptKeywords) <= kParametersMax);

// `seen` has a bit per row of the table.
template <class Parameters, size_t count>
ParameterError read_parameter(const Keyword<Parameters> (&keywords)[count],
                              const Parameter& parameter, Charset charset, uint32_t& seen,
                              Parameters& parameters) noexcept {
  static_assert(count <= 32);
  const auto* const row = std::find_if(
      std::begin(keywords), std::end(keywords),
      [&](const auto& keyword) { return equal_ignoring_case(keyword.name, parameter.keyword); });
  if (row == std::end(keywords)) return ParameterError::unknown;
  const uint32_t bit = 1u << (row - std::begin(keywords));
  if ((seen & bit) != 0) return ParameterError::duplicate;
  seen |= bit;
  return row->read(parameter, charset, parameters) ? ParameterError::none
                                                   : ParameterError::bad_value;
}

// --- syntax --------------------------------------------------------------------------------------

// esmtp-keyword: (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
bool is_keyword(std::string_view text) noexcept {
  return !text.empty() && is_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

// esmtp-value: 1*(%d33-60 / %d62-126), and UTF8-non-ascii behind SMTPUTF8 (RFC 6531 section 3.3).
bool is_value(std::string_view text, Charset charset) noexcept {
  const auto is_octet = [charset](char c) {
    return (c > ' ' && c <= '~' && c != '=') || (charset == Charset::utf8 && uint8_t(c) >= 0x80);
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_octet) &&
         (charset == Charset::ascii || is_utf8(text));
}

}  // namespace

std::optional<Parameter> ParameterReader::fail(ParameterError error) noexcept {
  error_ = error;
  rest_ = {};
  return std::nullopt;
}

std::optional<Parameter> ParameterReader::next() noexcept {
  const size_t begin = std::min(rest_.find_first_not_of(' '), rest_.size());
  rest_.remove_prefix(begin);
  if (rest_.empty()) return std::nullopt;
  if (count_ == kParametersMax) return fail(ParameterError::too_many);

  const std::string_view text = rest_.substr(0, rest_.find(' '));
  const size_t equals = text.find('=');
  Parameter parameter{text.substr(0, equals), std::nullopt};
  if (equals != std::string_view::npos) parameter.value = text.substr(equals + 1);
  if (!is_keyword(parameter.keyword)) return fail(ParameterError::syntax);
  if (parameter.value && !is_value(*parameter.value, charset_)) return fail(ParameterError::syntax);

  rest_.remove_prefix(text.size());
  ++count_;
  return parameter;
}

namespace {

template <class Parsed, class Keywords>
Parsed parse_parameters(const Keywords& keywords, std::string_view text, Charset charset) noexcept {
  Parsed parsed;
  ParameterReader reader(text, charset);
  uint32_t seen = 0;
  while (const auto parameter = reader.next()) {
    if (parsed.error != ParameterError::none) continue;  // only the syntax is of interest now
    parsed.error = read_parameter(keywords, *parameter, charset, seen, parsed.parameters);
  }
  if (reader.error() != ParameterError::none) parsed.error = reader.error();
  return parsed;
}

}  // namespace

// No value of MAIL has UTF-8.
ParsedMailParameters parse_mail_parameters(std::string_view text) noexcept {
  return parse_parameters<ParsedMailParameters>(kMailKeywords, text, Charset::ascii);
}

ParsedRcptParameters parse_rcpt_parameters(std::string_view text, Charset charset) noexcept {
  return parse_parameters<ParsedRcptParameters>(kRcptKeywords, text, charset);
}

}  // namespace mailrace::core
