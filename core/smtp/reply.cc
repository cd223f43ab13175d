// SPDX-License-Identifier: GPL-3.0-or-later
// Rows of the reply table as lines (RFC 5321 section 4.2, RFC 2034 section 4).
#include "core/smtp/reply.h"

#include "core/base/check.h"
#include "core/base/text.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mailrace::core {

std::byte* ReplyBuffer::detach() noexcept {
  MAILRACE_CHECK(empty());
  return reinterpret_cast<std::byte*>(std::exchange(memory_, nullptr));
}

void ReplyBuffer::add(ReplyId id, std::string_view argument) noexcept {
  MAILRACE_CHECK(attached());
  MAILRACE_CHECK(has_room());
  const ReplyRow& row = reply_row(id);
  // The last two octets of the line are kept for CRLF, even if the text is cut.
  TextBuilder line(memory_ + end_, kReplyLineBytesMax - 2);
  line.add_number(row.code).add(' ');
  if (row.enhanced.status_class != 0) {
    line.add_number(row.enhanced.status_class).add('.');
    line.add_number(row.enhanced.subject).add('.');
    line.add_number(row.enhanced.detail).add(' ');
  }
  const size_t placeholder = row.text.find('%');
  line.add(row.text.substr(0, placeholder));
  if (placeholder != std::string_view::npos) {
    line.add(argument).add(row.text.substr(placeholder + 1));
  }
  end_ += line.text().size();
  memory_[end_++] = '\r';
  memory_[end_++] = '\n';
}

void ReplyBuffer::add_lines(std::string_view lines) noexcept {
  MAILRACE_CHECK(attached());
  MAILRACE_CHECK(has_room());
  MAILRACE_CHECK(lines.size() <= kReplyBytesMax);
  std::memcpy(memory_ + end_, lines.data(), lines.size());
  end_ += lines.size();
}

void ReplyBuffer::consume(size_t size) noexcept {
  MAILRACE_CHECK(size <= end_ - begin_);
  begin_ += size;
  if (begin_ == end_) begin_ = end_ = 0;
}

}  // namespace mailrace::core
