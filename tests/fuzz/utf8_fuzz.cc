// SPDX-License-Identifier: GPL-3.0-or-later
// Any octets as UTF-8: the fast check stops where the grammar of RFC 3629 stops, from any offset.
#include "core/base/check.h"
#include "core/base/utf8.h"
#include "tests/support/utf8_reference.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>

namespace {

using mailrace::tests::Utf8Reference;

void check(std::string_view text) {
  const size_t prefix = mailrace::core::utf8_prefix_bytes(text);
  MAILRACE_CHECK(prefix == Utf8Reference::prefix_bytes(text));
  MAILRACE_CHECK(mailrace::core::is_utf8(text) == (prefix == text.size()));
  MAILRACE_CHECK(mailrace::core::utf8_character_bytes(text) == Utf8Reference::utf8_char(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Each suffix in memory of its own: the fast path reads eight octets, and must not read a ninth.
  for (size_t at = 0; at <= std::min<size_t>(size, 16); ++at) {
    const auto copy = std::make_unique<char[]>(size - at);
    std::copy(text.begin() + ptrdiff_t(at), text.end(), copy.get());
    check({copy.get(), size - at});
  }
  return 0;
}
