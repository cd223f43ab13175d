// SPDX-License-Identifier: GPL-3.0-or-later
// While the id is looked for, the sum is of the whole mail; once it is found it begins anew.
#include "tools/sink/mail_digest.h"

#include "core/base/crc32c.h"
#include "core/base/text.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr std::string_view kFieldName = "X-Mailrace-Load-Id:";
constexpr std::string_view kLineEnd = "\r\n";
static_assert(kFieldName.size() + 1 + 42 + kLineEnd.size() <= core::kLoadIdLineBytesMax);

std::string_view without_blanks(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t";
  const size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// line   with its CRLF
std::optional<NamedId> id_in(std::string_view line) noexcept {
  if (!core::equal_ignoring_case(line.substr(0, kFieldName.size()), kFieldName)) {
    return std::nullopt;
  }
  line.remove_prefix(kFieldName.size());
  line.remove_suffix(kLineEnd.size());
  return parse_load_id(without_blanks(line));
}

}  // namespace

void MailDigest::begin() noexcept {
  searching_ = true;
  has_id_ = false;
  after_cr_ = false;
  crc_ = 0;
  size_ = 0;
  searched_ = 0;
  line_octets_ = 0;
}

void MailDigest::feed(core::Octets content) noexcept {
  while (searching_ && !content.empty()) content = content.subspan(search(content));
  crc_ = core::crc32c(crc_, content);
  size_ += content.size();
}

MailRecord MailDigest::record() const noexcept {
  MailRecord record;
  record.size = size_;
  record.crc = crc_;
  if (has_id_) {
    record.id = named_.id;
    record.has_id = true;
    record.is_altered = crc_ != named_.crc;
  }
  return record;
}

// Takes octets up to an LF. returns   how many
size_t MailDigest::search(core::Octets content) noexcept {
  const void* const feed = std::memchr(content.data(), '\n', content.size());
  const size_t size = feed == nullptr
                          ? content.size()
                          : size_t(static_cast<const std::byte*>(feed) - content.data()) + 1;
  const core::Octets piece = content.first(size);
  if (line_octets_ < line_.size()) {
    const size_t fits = std::min(size, line_.size() - line_octets_);
    std::memcpy(line_.data() + line_octets_, piece.data(), fits);
  }
  line_octets_ += size;
  crc_ = core::crc32c(crc_, piece);
  size_ += size;
  searched_ += size;
  const bool is_crlf =
      feed != nullptr && (size >= 2 ? piece[size - 2] == std::byte{'\r'} : after_cr_);
  after_cr_ = piece[size - 1] == std::byte{'\r'};
  if (searched_ > core::kLoadIdSearchBytesMax) searching_ = false;
  if (is_crlf) end_line();
  return size;
}

void MailDigest::end_line() noexcept {
  const size_t size = std::exchange(line_octets_, 0);
  if (size == kLineEnd.size()) searching_ = false;  // the body begins
  if (!searching_ || size > line_.size()) return;
  const auto named = id_in({line_.data(), size});
  if (!named) return;
  searching_ = false;
  has_id_ = true;
  named_ = *named;
  crc_ = 0;
  size_ = size;
}

}  // namespace mailrace::tools
