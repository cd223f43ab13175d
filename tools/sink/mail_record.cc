// SPDX-License-Identifier: GPL-3.0-or-later
// Digits in lower case only: one record has one text.
#include "tools/sink/mail_record.h"

#include "core/base/text.h"
#include "tools/lib/formatted.h"

#include <charconv>

namespace mailrace::tools {
namespace {

constexpr size_t kWordDigits = 16;
constexpr size_t kCrcDigits = 8;
constexpr std::string_view kAltered = " altered";
constexpr std::string_view kNoId = "-.";

// Takes so many hexadecimal digits off `text`.
template <class T>
bool take_hex(std::string_view& text, size_t digits, T& value) noexcept {
  if (text.size() < digits) return false;
  for (const char c : text.substr(0, digits)) {
    if (!core::is_hex(c) || c != core::to_lower(c)) return false;
  }
  std::from_chars(text.data(), text.data() + digits, value, 16);
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_id(std::string_view& text, NamedId& named) noexcept {
  return take_hex(text, kWordDigits, named.id.run) && take(text, ".") &&
         take_hex(text, kWordDigits, named.id.number) && take(text, ".") &&
         take_hex(text, kCrcDigits, named.crc);
}

}  // namespace

std::optional<NamedId> parse_load_id(std::string_view text) noexcept {
  NamedId named;
  if (!take_id(text, named) || !text.empty()) return std::nullopt;
  return named;
}

std::string format_record(const MailRecord& record) {
  const auto size = static_cast<unsigned long long>(record.size);
  if (!record.has_id) return formatted("-.%08x %llu", record.crc, size);
  const char* const altered = record.is_altered ? kAltered.data() : "";
  return formatted("%016llx.%016llx.%08x %llu%s", static_cast<unsigned long long>(record.id.run),
                   static_cast<unsigned long long>(record.id.number), record.crc, size, altered);
}

std::optional<MailRecord> parse_record(std::string_view line) noexcept {
  MailRecord record;
  NamedId named;
  if (take(line, kNoId)) {
    if (!take_hex(line, kCrcDigits, named.crc)) return std::nullopt;
  } else {
    if (!take_id(line, named)) return std::nullopt;
    record.has_id = true;
    if (line.ends_with(kAltered)) {
      record.is_altered = true;
      line.remove_suffix(kAltered.size());
    }
  }
  if (!take(line, " ")) return std::nullopt;
  const auto size = core::parse_decimal(line);
  if (!size || (line.size() > 1 && line.front() == '0')) return std::nullopt;
  record.id = named.id;
  record.crc = named.crc;
  record.size = *size;
  return record;
}

}  // namespace mailrace::tools
