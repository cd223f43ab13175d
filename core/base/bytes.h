// SPDX-License-Identifier: GPL-3.0-or-later
// Spans of octets, and little-endian integers in them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace mailrace::core {

using Octets = std::span<const std::byte>;
using MutableOctets = std::span<std::byte>;

/// The same memory seen as octets; valid as long as `text` is.
inline Octets as_octets(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// The same memory seen as text; valid as long as `octets` is.
inline std::string_view as_text(Octets octets) noexcept {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

/// Empties a container and gives its memory back, which `container = {}` would keep.
template <class Container>
void release(Container& container) noexcept {
  Container().swap(container);
}

template <class T>
concept Unsigned = std::is_unsigned_v<T>;

/// Swaps on big-endian machines: everything on disk is little-endian.
template <Unsigned T>
constexpr T to_little(T value) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    return value;
  } else {
    T swapped = 0;
    for (size_t i = 0; i < sizeof(T); ++i) swapped = T(swapped << 8 | ((value >> (8 * i)) & 0xff));
    return swapped;
  }
}

/// Reads sizeof(T) octets at `source`, which need not be aligned.
template <Unsigned T>
T load_le(const std::byte* source) noexcept {
  T value;
  std::memcpy(&value, source, sizeof(T));
  return to_little(value);
}

/// Writes sizeof(T) octets at `target`, which need not be aligned.
template <Unsigned T>
void store_le(std::byte* target, T value) noexcept {
  value = to_little(value);
  std::memcpy(target, &value, sizeof(T));
}

/// `value` rounded up to a multiple of `alignment`, a power of two.
constexpr uint64_t align_up(uint64_t value, uint64_t alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace mailrace::core
