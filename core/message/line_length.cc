// SPDX-License-Identifier: GPL-3.0-or-later
// From LF to LF by memchr.
#include "core/message/line_length.h"

#include <cstring>

namespace mailrace::core {

void LineLength::feed(Octets content) noexcept {
  if (is_exceeded_ || content.empty()) return;
  const std::byte* at = content.data();
  const std::byte* const end = at + content.size();
  while (const auto* const lf =
             static_cast<const std::byte*>(std::memchr(at, '\n', size_t(end - at)))) {
    const bool ends_line = lf == at ? after_cr_ : char(lf[-1]) == '\r';
    bytes_ += uint64_t(lf - at);
    if (ends_line) {
      if (bytes_ - 1 > bytes_max_) is_exceeded_ = true;  // without the CR
      bytes_ = 0;
    } else {
      ++bytes_;
    }
    at = lf + 1;
    after_cr_ = false;
    if (at == end) return;
  }
  bytes_ += uint64_t(end - at);
  after_cr_ = char(end[-1]) == '\r';
  if (bytes_ - (after_cr_ ? 1 : 0) > bytes_max_) is_exceeded_ = true;
}

void LineLength::end() noexcept {
  if (is_limited() && bytes_ > bytes_max_) is_exceeded_ = true;
}

}  // namespace mailrace::core
