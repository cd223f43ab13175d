// SPDX-License-Identifier: GPL-3.0-or-later
// What is kept of a mail: the id that `mailrace load` gave it, size, checksum; its line of text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailrace::tools {

/// The id of a mail of `mailrace load`: of the run, and its number in it.
struct LoadId {
  uint64_t run = 0;
  uint64_t number = 0;

  auto operator<=>(const LoadId&) const = default;
};

/// A mail that was acknowledged, or one that arrived.
struct MailRecord {
  LoadId id;
  uint64_t size = 0;        // octets, from the field with the id on; without an id all of them
  uint32_t crc = 0;         // CRC-32C of what is behind the field; without an id of all octets
  bool has_id = false;      // else `id` means nothing
  bool is_altered = false;  // the checksum is not the one that the mail's id names
};
static_assert(sizeof(MailRecord) == 32);

/// An id as the field of a mail has it, with the checksum that the mail should have.
struct NamedId {
  LoadId id;
  uint32_t crc = 0;
};

/// Reads `RUN.NUMBER.CRC`: 16, 16 and 8 hexadecimal digits in lower case.
/// returns   nothing for any other text
std::optional<NamedId> parse_load_id(std::string_view text) noexcept;

/// The record as a line, without its end: `RUN.NUMBER.CRC SIZE`, behind it ` altered` if it is;
/// `-.CRC SIZE` without an id.
std::string format_record(const MailRecord& record);

/// Reads what format_record() writes.
/// returns   nothing for any other text
std::optional<MailRecord> parse_record(std::string_view line) noexcept;

}  // namespace mailrace::tools
