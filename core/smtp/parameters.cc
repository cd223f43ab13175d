// SPDX-License-Identifier: GPL-3.0-or-later
// A table row per keyword; syntax, duplicates and unknown keywords are the same for all.
#include "core/smtp/parameters.h"

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/smtp/xtext.h"

#include <algorithm>
#include <array>
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

constexpr uint8_t kFirst = 1;     // of an esmtp-keyword: ALPHA / DIGIT
constexpr uint8_t kKeyword = 2;   // of the rest of it: also "-"
constexpr uint8_t kValue = 4;     // of an esmtp-value: %d33-60 / %d62-126
constexpr uint8_t kNonAscii = 8;  // of one behind SMTPUTF8 (RFC 6531 section 3.3)

constexpr std::array<uint8_t, 256> kClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (size_t octet = 0; octet < classes.size(); ++octet) {
    const char c = char(octet);
    if (is_alnum(c)) classes[octet] |= kFirst;
    if (is_alnum(c) || c == '-') classes[octet] |= kKeyword;
    if (octet > ' ' && octet <= '~' && c != '=') classes[octet] |= kValue;
    if (octet >= 0x80) classes[octet] |= kNonAscii;
  }
  return classes;
}();

// How many octets at the start of `text` are of one of the classes.
size_t count(uint8_t classes, std::string_view text) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end && (kClasses[uint8_t(*at)] & classes) != 0) ++at;
  return size_t(at - text.data());
}

}  // namespace

std::optional<Parameter> ParameterReader::fail(ParameterError error) noexcept {
  error_ = error;
  rest_ = {};
  return std::nullopt;
}

std::optional<Parameter> ParameterReader::next() noexcept {
  while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  if (rest_.empty()) return std::nullopt;
  if (count_ == kParametersMax) return fail(ParameterError::too_many);

  Parameter parameter;
  parameter.keyword = rest_.substr(0, count(kKeyword, rest_));
  rest_.remove_prefix(parameter.keyword.size());
  if (count(kFirst, parameter.keyword.substr(0, 1)) == 0) return fail(ParameterError::syntax);
  if (rest_.starts_with('=')) {
    rest_.remove_prefix(1);
    const bool has_utf8 = charset_ == Charset::utf8;
    const auto value = rest_.substr(0, count(has_utf8 ? kValue | kNonAscii : kValue, rest_));
    if (value.empty() || (has_utf8 && !is_utf8(value))) return fail(ParameterError::syntax);
    parameter.value = value;
    rest_.remove_prefix(value.size());
  }
  if (!rest_.empty() && rest_.front() != ' ') return fail(ParameterError::syntax);
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
