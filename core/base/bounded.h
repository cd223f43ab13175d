// SPDX-License-Identifier: GPL-3.0-or-later
// Strings of fixed capacity: no growth, no allocation.
#pragma once

#include "core/base/check.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mailrace::core {

/// Up to `capacity` octets, held in place.
template <size_t capacity>
class BoundedString {
 public:
  BoundedString() = default;

  /// Requires: text.size() <= capacity; callers check their input against limits.h first.
  void assign(std::string_view text) noexcept {
    MAILRACE_CHECK(text.size() <= capacity);
    if (!text.empty()) std::memcpy(octets_.data(), text.data(), text.size());
    size_ = uint16_t(text.size());
  }
  void clear() noexcept { size_ = 0; }

  bool empty() const noexcept { return size_ == 0; }
  /// Valid until the string changes or goes away.
  std::string_view view() const noexcept { return {octets_.data(), size_}; }

 private:
  static_assert(capacity <= UINT16_MAX);
  uint16_t size_ = 0;
  std::array<char, capacity> octets_;  // not initialised: only the first size_ octets are read
};

}  // namespace mailrace::core
