// SPDX-License-Identifier: GPL-3.0-or-later
// A line that came in one piece is looked at where it lies; only a split one is copied.
#include "core/smtp/line_reader.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <algorithm>
#include <cstring>

namespace mailrace::core {

void LineReader::drop() noexcept {
  if (partial_ != nullptr) blocks_.give(reinterpret_cast<std::byte*>(partial_));
  partial_ = nullptr;
  size_ = 0;
  ends_in_cr_ = false;
  handed_out_ = false;
}

void LineReader::keep(std::string_view piece) noexcept {
  if (piece.empty()) return;
  ends_in_cr_ = piece.back() == '\r';
  if (size_ < kCommandLineBytesMax) {
    if (partial_ == nullptr) partial_ = reinterpret_cast<char*>(blocks_.take());
    MAILRACE_CHECK(partial_ != nullptr);
    const size_t fits = std::min(piece.size(), kCommandLineBytesMax - size_);
    std::memcpy(partial_ + size_, piece.data(), fits);
  }
  size_ += piece.size();
}

std::optional<CommandLine> LineReader::take(Octets input, size_t& used) noexcept {
  if (handed_out_) drop();
  const std::string_view rest = as_text(input).substr(used);
  // The LF of a CRLF that the input split comes first; a CR before it was kept.
  size_t end = rest.find('\n');
  while (end != std::string_view::npos) {
    const bool crlf = end == 0 ? ends_in_cr_ : rest[end - 1] == '\r';
    if (crlf) break;
    end = rest.find('\n', end + 1);
  }
  if (end == std::string_view::npos) {
    keep(rest);
    used = input.size();
    return std::nullopt;
  }
  used += end + 1;
  const bool too_long = size_ + end + 1 > kCommandLineBytesMax;
  if (size_ == 0) {
    return CommandLine{rest.substr(0, too_long ? kCommandLineBytesMax : end - 1), too_long};
  }
  keep(rest.substr(0, end + 1));
  handed_out_ = true;
  return CommandLine{{partial_, too_long ? kCommandLineBytesMax : size_ - 2}, too_long};
}

}  // namespace mailrace::core
