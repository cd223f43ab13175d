// SPDX-License-Identifier: GPL-3.0-or-later
// The queue id of a mail: 64 bits, and the 13 characters that people see.
#pragma once

#include "core/base/text.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mailrace::core {

inline constexpr size_t kQueueIdBytes = 13;  // 5 bits each; the first holds the 4 that are left

/// Crockford's base32: no I, L, O, U, so that no two characters look alike. Sorts as numbers do.
inline constexpr std::string_view kQueueIdDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static_assert(kQueueIdDigits.size() == 32);

/// The text of a queue id, held in place.
struct QueueIdText {
  std::array<char, kQueueIdBytes> octets;

  /// Valid as long as this object is.
  constexpr std::string_view view() const noexcept { return {octets.data(), octets.size()}; }
};

/// The queue id as 13 upper-case characters.
constexpr QueueIdText format_queue_id(uint64_t id) noexcept {
  QueueIdText text{};
  for (size_t i = kQueueIdBytes; i-- > 0; id >>= 5) text.octets[i] = kQueueIdDigits[id & 31];
  return text;
}

/// The number that format_queue_id() wrote; letters in any case.
///
/// returns   nothing unless `text` is 13 digits of kQueueIdDigits that make a 64-bit number
constexpr std::optional<uint64_t> parse_queue_id(std::string_view text) noexcept {
  if (text.size() != kQueueIdBytes || to_upper(text.front()) > 'F') return std::nullopt;
  uint64_t id = 0;
  for (const char c : text) {
    const size_t digit = kQueueIdDigits.find(to_upper(c));
    if (digit == std::string_view::npos) return std::nullopt;
    id = id << 5 | digit;
  }
  return id;
}

}  // namespace mailrace::core
