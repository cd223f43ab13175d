// SPDX-License-Identifier: GPL-3.0-or-later
// ASCII text without locale and without allocation.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace mailrace::core {

constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; }
constexpr char to_upper(char c) noexcept { return c >= 'a' && c <= 'z' ? char(c & ~0x20) : c; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_alnum(char c) noexcept { return is_digit(c) || is_alpha(c); }
constexpr bool is_hex(char c) noexcept {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
}

/// Compares ASCII letters without case, all other octets exactly.
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return to_lower(x) == to_lower(y);
         });
}

/// 1*DIGIT as a number; nothing for an empty text, a sign, any other octet, or a value past 2^64-1.
constexpr std::optional<uint64_t> parse_decimal(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const uint64_t digit = uint64_t(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

/// Text built up in a caller's buffer. What does not fit is cut off and remembered.
class TextBuilder {
 public:
  /// target   memory to write to, borrowed for the builder's life
  constexpr TextBuilder(char* target, size_t capacity) noexcept
      : target_(target), capacity_(capacity) {}

  constexpr TextBuilder& add(std::string_view text) noexcept {
    const size_t fits = std::min(text.size(), capacity_ - size_);
    std::copy_n(text.data(), fits, target_ + size_);
    size_ += fits;
    cut_ = cut_ || fits < text.size();
    return *this;
  }
  constexpr TextBuilder& add(char c) noexcept {
    if (size_ == capacity_) {
      cut_ = true;
    } else {
      target_[size_++] = c;
    }
    return *this;
  }

  /// Decimal, padded with zeros on the left to `width` digits.
  TextBuilder& add_number(uint64_t value, size_t width = 0) noexcept {
    if (value < 100 && width == 2) return add(char('0' + value / 10)).add(char('0' + value % 10));
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    for (size_t n = size_t(end - digits); n < width; ++n) add('0');
    return add(std::string_view(digits, size_t(end - digits)));
  }

  constexpr std::string_view text() const noexcept { return {target_, size_}; }
  constexpr bool cut() const noexcept { return cut_; }

 private:
  char* target_;
  size_t capacity_;
  size_t size_ = 0;
  bool cut_ = false;
};

}  // namespace mailrace::core
