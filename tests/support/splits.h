// SPDX-License-Identifier: GPL-3.0-or-later
// Lets the first octets of a fuzz input choose where the rest is split, so that the fuzzer searches
// over splits as well.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace mailrace::tests {

/// The lengths of pieces, over and over again.
class Splits {
 public:
  /// lengths   an octet for each piece; 0 stands for 256. None: the whole is one piece.
  explicit Splits(std::string_view lengths) noexcept : lengths_(lengths) {}

  /// The length of the next piece of `rest`. Requires: rest is not empty.
  size_t next(std::string_view rest) noexcept {
    if (lengths_.empty()) return rest.size();
    const size_t length = uint8_t(lengths_[index_++ % lengths_.size()]);
    return std::min(length == 0 ? size_t{256} : length, rest.size());
  }

 private:
  std::string_view lengths_;
  size_t index_ = 0;
};

/// Takes an octet off `input`; 0 if there is none.
inline uint8_t take_octet(std::string_view& input) noexcept {
  if (input.empty()) return 0;
  const uint8_t octet = uint8_t(input.front());
  input.remove_prefix(1);
  return octet;
}

/// Takes an octet that counts lengths, modulo 16, and these lengths off `input`.
inline Splits take_splits(std::string_view& input) noexcept {
  const size_t asked_for = take_octet(input) % 16;
  const size_t count = std::min(asked_for, input.size());
  const Splits splits(input.substr(0, count));
  input.remove_prefix(count);
  return splits;
}

}  // namespace mailrace::tests
