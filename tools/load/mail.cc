// SPDX-License-Identifier: GPL-3.0-or-later
// Text as mail has it: lines of 76 columns, none of which begins with a dot. The checksum of a
// message costs that of the 16 digits of its number: what is behind them was seen to before.
#include "tools/load/mail.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "tools/load/mail_folder.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr size_t kColumns = 76;
constexpr size_t kNumberDigits = 16;
constexpr size_t kCrcDigits = 8;
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kDataEnd = ".\r\n";
constexpr std::string_view kBeforeId = "X-Mailrace-Load-Id: ";
constexpr std::string_view kBeforeMessageId =
    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
    "From: load@mailrace.invalid\r\n"
    "To: undisclosed-recipients:;\r\n"
    "Subject: load\r\n"
    "Message-ID: <";
constexpr std::string_view kBehindMessageId = "@mailrace.invalid>\r\n\r\n";
constexpr size_t kNumberAt = kBeforeId.size() + kNumberDigits + 1;
constexpr size_t kCrcAt = kNumberAt + kNumberDigits + 1;
constexpr size_t kBehindIdAt = kCrcAt + kCrcDigits + kLineEnd.size();
constexpr size_t kSecondNumberAt = kBehindIdAt + kBeforeMessageId.size() + kNumberDigits + 1;

static_assert(LoadMail::kIdFieldBytes == kBehindIdAt);
static_assert(LoadMail::kHeadBytes == kSecondNumberAt + kNumberDigits + kBehindMessageId.size());
// The body has a line of its own: at least its end.
static_assert(LoadMail::kHeadBytes + 2 <= core::kLoadMessageBytesMin);

// Eight hexadecimal digits at once, each in an octet of a word.
void write_hex(char* target, uint32_t value) noexcept {
  constexpr uint64_t kLowDigits = 0x000f000f'000f000f;
  constexpr uint64_t kOnes = 0x01010101'01010101;
  uint64_t digits = __builtin_bswap32(value);
  digits = (digits | digits << 16) & 0x0000ffff'0000ffff;
  digits = (digits | digits << 8) & 0x00ff00ff'00ff00ff;
  digits = (digits >> 4 & kLowDigits) | (digits & kLowDigits) << 8;
  const uint64_t letters = (digits + 6 * kOnes) >> 4 & kOnes;
  core::store_le(reinterpret_cast<std::byte*>(target),
                 digits + '0' * kOnes + letters * ('a' - '0' - 10));
}

void write_hex(char* target, uint64_t value) noexcept {
  write_hex(target, uint32_t(value >> 32));
  write_hex(target + 8, uint32_t(value));
}

// Whole lines of `size` octets, at least one.
std::string made_up_text(size_t size, uint64_t seed) {
  static constexpr std::string_view kLetters =
      "etaoin shrdlu etaoin cmfwyp vbgkqj xz ETAOIN ,.0123456789 eeaaoo";
  static_assert(kLetters.size() == 64);
  std::mt19937_64 random(seed);
  std::string text;
  text.reserve(size + kDataEnd.size());
  for (size_t left = size; left > 0;) {
    size_t line = std::min(left, kColumns + kLineEnd.size());
    if (left - line == 1) --line;  // a line end does not fit into one octet
    uint64_t bits = 0;
    for (size_t column = 0; column + 2 < line; ++column, bits >>= 6) {
      if (column % 10 == 0) bits = random();
      // A dot in front would have to be doubled, and the size on the wire would be another.
      text += column == 0 ? 'x' : kLetters[bits & 63];
    }
    text += kLineEnd;
    left -= line;
  }
  return text;
}

std::string id_field(uint64_t run) {
  return std::string(kBeforeId).append(LoadMail::id(run, 0, 0)).append(kLineEnd);
}

core::Octets octets_of(const std::string& text, size_t begin, size_t end) {
  return core::as_octets(std::string_view(text).substr(begin, end - begin));
}

}  // namespace

LoadMail::LoadMail(const std::vector<uint64_t>& sizes, LoadFraming framing, uint64_t seed,
                   uint64_t run)
    : run_(run), head_(id_field(run)), has_message_id_(true) {
  MAILRACE_CHECK(!sizes.empty() && std::is_sorted(sizes.begin(), sizes.end()));
  MAILRACE_CHECK(sizes.front() >= core::kLoadMessageBytesMin);
  MAILRACE_CHECK(sizes.back() <= core::kLoadMessageBytesMax);
  const std::string message_id = id(run, 0, 0).substr(0, 2 * kNumberDigits + 1);
  head_.append(kBeforeMessageId).append(message_id).append(kBehindMessageId);
  crc_in_front_ = core::crc32c(0, octets_of(head_, kBehindIdAt, kSecondNumberAt));
  texts_.push_back(made_up_text(size_t(sizes.back()) - kHeadBytes, seed));
  add_bodies(sizes, framing);
}

// From the shortest one on, so that the checksum of each is that of the one before, with what is in
// front of it.
void LoadMail::add_bodies(const std::vector<uint64_t>& sizes, LoadFraming framing) {
  std::string& text = texts_.front();
  const size_t end = text.size();
  if (framing == LoadFraming::data) text += kDataEnd;
  const uint32_t crc_behind_id = core::crc32c(0, core::as_octets(kBehindMessageId));
  size_t begun = end;
  uint32_t crc = 0;
  for (const uint64_t size : sizes) {
    size_t begin = end - size_t(size - kHeadBytes);
    while (text[begin] == '\n' || text[begin] == '.') ++begin;
    begin = std::min(begin, begun);
    const core::Crc32cJoin join(end - begun);
    crc = join(core::crc32c(0, octets_of(text, begin, begun)), crc);
    begun = begin;
    const size_t body_bytes = end - begin;
    bodies_.push_back({octets_of(text, begin, text.size()), kHeadBytes + body_bytes,
                       core::Crc32cJoin(body_bytes)(crc_behind_id, crc),
                       core::Crc32cJoin(kBehindMessageId.size() + body_bytes)});
  }
}

LoadMail::LoadMail(const std::vector<std::string>& texts, LoadFraming framing, uint64_t run)
    : run_(run), head_(id_field(run)), has_message_id_(false) {
  MAILRACE_CHECK(!texts.empty());
  for (const std::string& text : texts) {
    texts_.push_back(framing == LoadFraming::bdat ? text : dot_stuffed(text).append(kDataEnd));
  }
  for (size_t index = 0; index < texts.size(); ++index) {
    bodies_.push_back({core::as_octets(texts_[index]), kIdFieldBytes + texts[index].size(),
                       core::crc32c(0, core::as_octets(texts[index])), core::Crc32cJoin(0)});
  }
}

void LoadMail::write_head(char* target) const noexcept {
  std::memcpy(target, head_.data(), head_.size());
}

uint32_t LoadMail::patch(char* head, uint64_t number, const LoadBody& body) const noexcept {
  write_hex(head + kNumberAt, number);
  uint32_t crc = body.crc;
  if (has_message_id_) {
    char* const again = head + kSecondNumberAt;
    std::memcpy(again, head + kNumberAt, kNumberDigits);
    crc = body.join(core::crc32c(crc_in_front_, core::as_octets({again, kNumberDigits})), crc);
  }
  write_hex(head + kCrcAt, crc);
  return crc;
}

std::string LoadMail::id(uint64_t run, uint64_t number, uint32_t crc) {
  std::string id(kBehindIdAt - kLineEnd.size() - kBeforeId.size(), '.');
  write_hex(id.data(), run);
  write_hex(id.data() + kNumberAt - kBeforeId.size(), number);
  write_hex(id.data() + kCrcAt - kBeforeId.size(), crc);
  return id;
}

}  // namespace mailrace::tools
