// SPDX-License-Identifier: GPL-3.0-or-later
// HTTP's methods by name, fields by their colon.
#include "core/smtp/other_protocol.h"

#include "core/base/text.h"

#include <algorithm>
#include <iterator>

namespace mailrace::core {
namespace {

constexpr std::string_view kHttpMethods[] = {"GET",     "POST",    "PUT",   "HEAD",  "DELETE",
                                             "OPTIONS", "CONNECT", "PATCH", "TRACE", "PRI"};

}  // namespace

bool is_other_protocol(std::string_view word) noexcept {
  const size_t colon = word.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view name = word.substr(0, colon);
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
  }
  return std::any_of(std::begin(kHttpMethods), std::end(kHttpMethods),
                     [&](std::string_view method) { return equal_ignoring_case(method, word); });
}

}  // namespace mailrace::core
