// SPDX-License-Identifier: GPL-3.0-or-later
// A table row per keyword; syntax, duplicates and unknown keywords are the same for all.
#include "core/smtp/parameters.h"

#include "core/base/limits.h"
#include "core/base/text.h"

#include <algorithm>
#include <iterator>

namespace mailrace::core {
namespace {

// --- what each keyword means ---------------------------------------------------------------------

// Reads a value into the parameters; false if the keyword has no such value.
using ReadValue = bool (*)(const Parameter& parameter, MailParameters& parameters);

struct MailKeyword {
  std::string_view name;
  ReadValue read;
};

bool read_size(const Parameter& parameter, MailParameters& parameters) noexcept {
  if (!parameter.value) return false;
  const std::string_view digits = *parameter.value;
  if (digits.size() > kSizeDigitsMax) return false;
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return false;
  // Twenty digits may say more than 64 bits hold. That is good syntax, and too large for anybody.
  parameters.size = parse_decimal(digits).value_or(UINT64_MAX);
  return true;
}

bool read_body(const Parameter& parameter, MailParameters& parameters) noexcept {
  if (!parameter.value) return false;
  if (equal_ignoring_case(*parameter.value, "7BIT")) {
    parameters.body = BodyType::seven_bit;
  } else if (equal_ignoring_case(*parameter.value, "8BITMIME")) {
    parameters.body = BodyType::eight_bit_mime;
  } else {
    return false;
  }
  return true;
}

constexpr MailKeyword kMailKeywords[] = {
    {"SIZE", read_size},  // RFC 1870
    {"BODY", read_body},  // RFC 6152
};

// Index into the table; its size if the keyword is unknown.
size_t find_mail_keyword(std::string_view keyword) noexcept {
  const auto* const row =
      std::find_if(std::begin(kMailKeywords), std::end(kMailKeywords),
                   [&](const MailKeyword& k) { return equal_ignoring_case(k.name, keyword); });
  return size_t(row - std::begin(kMailKeywords));
}

// `seen` has a bit per row of the table.
ParameterError read_mail_parameter(const Parameter& parameter, uint32_t& seen,
                                   MailParameters& parameters) noexcept {
  static_assert(std::size(kMailKeywords) <= 32);
  const size_t index = find_mail_keyword(parameter.keyword);
  if (index == std::size(kMailKeywords)) return ParameterError::unknown;
  if ((seen >> index & 1) != 0) return ParameterError::duplicate;
  seen |= 1u << index;
  return kMailKeywords[index].read(parameter, parameters) ? ParameterError::none
                                                          : ParameterError::bad_value;
}

// --- syntax --------------------------------------------------------------------------------------

// esmtp-keyword: (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
bool is_keyword(std::string_view text) noexcept {
  return !text.empty() && is_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

// esmtp-value: 1*(%d33-60 / %d62-126)
bool is_value(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c > ' ' && c <= '~' && c != '='; });
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
  if (parameter.value && !is_value(*parameter.value)) return fail(ParameterError::syntax);

  rest_.remove_prefix(text.size());
  ++count_;
  return parameter;
}

ParsedMailParameters parse_mail_parameters(std::string_view text) noexcept {
  ParsedMailParameters parsed;
  ParameterReader reader(text);
  uint32_t seen = 0;
  while (const auto parameter = reader.next()) {
    if (parsed.error != ParameterError::none) continue;  // only the syntax is of interest now
    parsed.error = read_mail_parameter(*parameter, seen, parsed.parameters);
  }
  if (reader.error() != ParameterError::none) parsed.error = reader.error();
  return parsed;
}

ParameterError parse_rcpt_parameters(std::string_view text) noexcept {
  ParameterReader reader(text);
  bool any = false;
  while (reader.next()) any = true;
  if (reader.error() != ParameterError::none) return reader.error();
  return any ? ParameterError::unknown : ParameterError::none;
}

}  // namespace mailrace::core
