// SPDX-License-Identifier: GPL-3.0-or-later
// Made-up mail data for benchmarks: same size and seed, same octets.
#pragma once

#include "core/base/prng.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mailrace::bench {

inline constexpr size_t kMailColumns = 76;  // octets of a line before its CRLF, as in base64 bodies

/// Lines of kMailColumns octets and CRLF, without any octet that a bulk copy must stop at: dots,
/// but none that begins a line. The last line is cut wherever `bytes` ends.
inline std::vector<std::byte> make_mail_data(size_t bytes, uint64_t seed) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789. ";
  static_assert(kAlphabet.size() == 64);
  core::Prng prng(seed);
  std::vector<std::byte> mail(bytes);
  uint64_t random = 0;
  for (size_t i = 0; i < bytes; ++i) {
    if (i % 8 == 0) random = prng.next();
    const size_t column = i % (kMailColumns + 2);
    char octet = kAlphabet[random & 63];
    random >>= 6;
    if (column == 0 && octet == '.') octet = '>';
    if (column == kMailColumns) octet = '\r';
    if (column == kMailColumns + 1) octet = '\n';
    mail[i] = std::byte(octet);
  }
  return mail;
}

}  // namespace mailrace::bench
