// SPDX-License-Identifier: GPL-3.0-or-later
// libidn2 knows Unicode's tables: normalisation, case, which letters a label may have, Punycode.
#include "core/base/idna.h"

#include "core/base/check.h"
#include "core/base/text.h"

#include <idn2.h>

#include <algorithm>

namespace mailrace::core {

namespace {

// Labels of letters, digits and hyphens. The mapping may have made an empty label, or what no host
// name has: a digit in parentheses becomes parentheses, for one. (libidn2's own rule for that,
// IDN2_USE_STD3_ASCII_RULES, takes such characters out in silence, and so makes another domain.)
bool is_host_name(std::string_view name) noexcept {
  char before = '.';
  for (const char c : name) {
    if (!is_alnum(c) && c != '-' && c != '.') return false;
    if (before == '.' && (c == '.' || c == '-')) return false;
    if (before == '-' && c == '.') return false;
    before = c;
  }
  return before != '.' && before != '-';
}

}  // namespace

std::optional<std::string_view> to_a_labels(std::string_view domain,
                                            DomainBuffer& target) noexcept {
  MAILRACE_CHECK(domain.size() <= kDomainBytesMax);
  std::array<uint8_t, kDomainBytesMax + 1> input;
  std::copy(domain.begin(), domain.end(), input.begin());
  input[domain.size()] = 0;
  uint8_t* output = nullptr;
  const int result = idn2_lookup_u8(input.data(), &output, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  if (result != IDN2_OK) return std::nullopt;
  const std::string_view name(reinterpret_cast<const char*>(output));
  const bool is_usable = name.size() <= target.size() && is_host_name(name);
  if (is_usable) std::transform(name.begin(), name.end(), target.begin(), to_lower);
  const size_t bytes = name.size();
  idn2_free(output);
  if (!is_usable) return std::nullopt;
  return std::string_view(target.data(), bytes);
}

}  // namespace mailrace::core
