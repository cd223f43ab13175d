// SPDX-License-Identifier: GPL-3.0-or-later
// All short texts of the octets that the end of mail data is made of, and some that it is not.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mailrace::tests {

inline constexpr std::string_view kLookAlikeAlphabet{"\r\n.a\0", 5};

/// The `index`th string of that length over the alphabet.
inline std::string look_alike(size_t length, size_t index) {
  std::string text(length, 'a');
  for (char& octet : text) {
    octet = kLookAlikeAlphabet[index % kLookAlikeAlphabet.size()];
    index /= kLookAlikeAlphabet.size();
  }
  return text;
}

/// Calls visit(std::string) for each string of at most that length.
template <class Visit>
void for_each_look_alike(size_t length_max, Visit&& visit) {
  size_t count = 1;
  for (size_t length = 0; length <= length_max; ++length, count *= kLookAlikeAlphabet.size()) {
    for (size_t i = 0; i < count; ++i) visit(look_alike(length, i));
  }
}

}  // namespace mailrace::tests
