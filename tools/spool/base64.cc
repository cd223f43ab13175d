// SPDX-License-Identifier: GPL-3.0-or-later
// Three octets in, four characters out; up to two octets wait for the next piece.
#include "tools/spool/base64.h"

#include <cstdint>
#include <string_view>

namespace mailrace::tools {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static_assert(kAlphabet.size() == 64);

void add_group(const uint8_t* octets, std::string& target) {
  const uint32_t bits = uint32_t{octets[0]} << 16 | uint32_t{octets[1]} << 8 | octets[2];
  const char characters[4] = {kAlphabet[bits >> 18], kAlphabet[bits >> 12 & 63],
                              kAlphabet[bits >> 6 & 63], kAlphabet[bits & 63]};
  target.append(characters, 4);
}

}  // namespace

void Base64Encoder::add(core::Octets octets, std::string& target) {
  for (const std::byte octet : octets) {
    held_[held_count_++] = uint8_t(octet);
    if (held_count_ < held_.size()) continue;
    add_group(held_.data(), target);
    held_count_ = 0;
  }
}

void Base64Encoder::finish(std::string& target) {
  if (held_count_ > 0) {
    const size_t padding = held_.size() - held_count_;
    for (size_t i = held_count_; i < held_.size(); ++i) held_[i] = 0;
    add_group(held_.data(), target);
    target.replace(target.size() - padding, padding, padding, '=');
  }
  held_count_ = 0;
}

}  // namespace mailrace::tools
