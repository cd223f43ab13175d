// SPDX-License-Identifier: GPL-3.0-or-later
// Text as mail has it: lines of 76 columns, none of which begins with a dot.
#include "tools/load/mail.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>

namespace mailrace::tools {
namespace {

constexpr size_t kColumns = 76;
constexpr size_t kHexDigits = 16;
constexpr std::string_view kBeforeId =
    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
    "From: load@mailrace.invalid\r\n"
    "To: undisclosed-recipients:;\r\n"
    "Subject: load\r\n"
    "X-Mailrace-Load-Id: ";
constexpr std::string_view kBeforeMessageId = "\r\nMessage-ID: <";
constexpr std::string_view kBehindMessageId = "@mailrace.invalid>\r\n\r\n";
constexpr size_t kIdBytes = 2 * kHexDigits + 1;  // run.number
constexpr size_t kNumberAt = kBeforeId.size() + kHexDigits + 1;
constexpr size_t kSecondNumberAt =
    kBeforeId.size() + kIdBytes + kBeforeMessageId.size() + kHexDigits + 1;

static_assert(LoadMail::kHeaderBytes == kSecondNumberAt + kHexDigits + kBehindMessageId.size());
// The body has a line of its own: at least its end.
static_assert(LoadMail::kHeaderBytes + 2 <= core::kLoadMessageBytesMin);

void write_hex(char* target, uint64_t value) noexcept {
  for (size_t digit = kHexDigits; digit-- > 0; value >>= 4) {
    target[digit] = "0123456789abcdef"[value & 0xf];
  }
}

}  // namespace

LoadMail::LoadMail(uint64_t size, uint64_t seed, uint64_t run) : size_(size) {
  MAILRACE_CHECK(size >= core::kLoadMessageBytesMin);
  MAILRACE_CHECK(size <= core::kLoadMessageBytesMax);
  std::string id(kIdBytes, '.');
  write_hex(id.data(), run);
  write_hex(id.data() + kHexDigits + 1, 0);
  header_.append(kBeforeId).append(id).append(kBeforeMessageId).append(id).append(kBehindMessageId);

  static constexpr std::string_view kLetters =
      "etaoin shrdlu etaoin cmfwyp vbgkqj xz ETAOIN ,.0123456789 eeaaoo";
  static_assert(kLetters.size() == 64);
  std::mt19937_64 random(seed);
  size_t left = size_t(size) - kHeaderBytes;
  body_.reserve(left + 3);
  while (left > 0) {
    size_t line = std::min(left, kColumns + 2);
    if (left - line == 1) --line;  // a line end does not fit into one octet
    uint64_t bits = 0;
    for (size_t column = 0; column + 2 < line; ++column, bits >>= 6) {
      if (column % 10 == 0) bits = random();
      // A dot in front would have to be doubled, and the size on the wire would be another.
      body_ += column == 0 ? 'x' : kLetters[bits & 63];
    }
    body_ += "\r\n";
    left -= line;
  }
  body_ += ".\r\n";
}

void LoadMail::write_header(char* target) const noexcept {
  std::memcpy(target, header_.data(), header_.size());
}

void LoadMail::patch_number(char* header, uint64_t number) noexcept {
  write_hex(header + kNumberAt, number);
  std::memcpy(header + kSecondNumberAt, header + kNumberAt, kHexDigits);
}

}  // namespace mailrace::tools
