// SPDX-License-Identifier: GPL-3.0-or-later
// ClientHellos put together by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tests {

inline std::string be(size_t value, size_t octets) {
  std::string text;
  while (octets-- > 0) text += char(value >> (8 * octets));
  return text;
}
inline std::string with_length(std::string_view body, size_t octets) {
  return be(body.size(), octets) + std::string(body);
}
inline std::string numbers(const std::vector<uint16_t>& values) {
  std::string text;
  for (const uint16_t value : values) text += be(value, 2);
  return text;
}
inline std::string extension(uint16_t type, std::string_view body) {
  return be(type, 2) + with_length(body, 2);
}
inline std::string sni_extension(std::string_view name) {
  return extension(0, with_length(std::string(1, '\0') + with_length(name, 2), 2));
}
inline std::string groups_extension(const std::vector<uint16_t>& groups) {
  return extension(10, with_length(numbers(groups), 2));
}
inline std::string schemes_extension(const std::vector<uint16_t>& schemes) {
  return extension(13, with_length(numbers(schemes), 2));
}
inline std::string versions_extension(const std::vector<uint16_t>& versions) {
  return extension(43, with_length(numbers(versions), 1));
}

/// The handshake message, with its head.
inline std::string hello_message(const std::vector<uint16_t>& suites, std::string_view extensions) {
  const std::string body = be(0x0303, 2) + std::string(32, 'r') + with_length("session", 1) +
                           with_length(numbers(suites), 2) + with_length(std::string(1, '\0'), 1) +
                           with_length(extensions, 2);
  return be(1, 1) + with_length(body, 3);
}

/// A message in records of `piece` octets.
inline std::string records(std::string_view message, size_t piece = 16384) {
  std::string stream;
  while (!message.empty()) {
    const std::string_view fragment = message.substr(0, piece);
    stream += be(22, 1) + be(0x0301, 2) + with_length(fragment, 2);
    message.remove_prefix(fragment.size());
  }
  return stream;
}

}  // namespace mailrace::tests
