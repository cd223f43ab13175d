// SPDX-License-Identifier: GPL-3.0-or-later
// Base64 of a stream that comes in pieces.
#pragma once

#include "core/base/bytes.h"

#include <array>
#include <string>

namespace mailrace::tools {

/// Standard alphabet, padding, no line breaks. However the input is split, the text is the same.
/// source   RFC 4648 section 4
class Base64Encoder {
 public:
  /// Appends the characters that are complete with these octets.
  void add(core::Octets octets, std::string& target);
  /// Appends what is left; afterwards the encoder is as new.
  void finish(std::string& target);

 private:
  std::array<uint8_t, 3> held_{};
  size_t held_count_ = 0;
};

}  // namespace mailrace::tools
