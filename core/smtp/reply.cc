// SPDX-License-Identifier: GPL-3.0-or-later
// Rows of the reply table as lines (RFC 5321 section 4.2, RFC 2034 section 4).
#include "core/smtp/reply.h"

#include "core/base/check.h"
#include "core/base/text.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <utility>

namespace mailrace::core {
namespace {

// What stands before the text: "250 2.1.0 ". Every reply of every session needs it, so it is made
// when this is compiled.
struct Head {
  std::array<char, 16> octets{};
  size_t size = 0;
  size_t placeholder = 0;  // offset of '%' in the text; the text's size if there is none

  constexpr void add_number(unsigned value) {
    if (value >= 10) add_number(value / 10);
    octets[size++] = char('0' + value % 10);
  }
};

constexpr Head make_head(const ReplyRow& row) {
  Head head;
  head.add_number(row.code);
  head.octets[head.size++] = ' ';
  if (row.enhanced.status_class != 0) {
    for (const unsigned part :
         {row.enhanced.status_class, row.enhanced.subject, row.enhanced.detail}) {
      head.add_number(part);
      head.octets[head.size++] = '.';
    }
    head.octets[head.size - 1] = ' ';
  }
  head.placeholder = std::min(row.text.find('%'), row.text.size());
  return head;
}

constexpr std::array<Head, kReplyCount> kHeads = [] {
  std::array<Head, kReplyCount> heads;
  std::transform(std::begin(kReplies), std::end(kReplies), heads.begin(), make_head);
  return heads;
}();

// Whatever a row says fits into a line, and an argument is cut.
static_assert(std::all_of(std::begin(kReplies), std::end(kReplies), [](const ReplyRow& row) {
  return sizeof(Head::octets) + row.text.size() + 2 <= kReplyLineBytesMax;
}));

}  // namespace

// returns where the next line goes
char* ReplyBuffer::make_room(ReplyId id) noexcept {
  MAILRACE_CHECK(has_room());
  if (counts_ != nullptr) (*counts_)[size_t(id)].add();
  if (memory_ == nullptr) memory_ = reinterpret_cast<char*>(blocks_.take());
  MAILRACE_CHECK(memory_ != nullptr);
  return memory_ + end_;
}

void ReplyBuffer::add(ReplyId id, std::string_view argument) noexcept {
  const std::string_view text = reply_row(id).text;
  const Head& head = kHeads[size_t(id)];
  char* const begin = make_room(id);
  std::memcpy(begin, head.octets.data(), head.octets.size());
  // The last two octets of the line are kept for CRLF, even if the text is cut.
  TextBuilder line(begin + head.size, kReplyLineBytesMax - 2 - head.size);
  line.add(text.substr(0, head.placeholder));
  if (head.placeholder != text.size()) line.add(argument).add(text.substr(head.placeholder + 1));
  end_ += head.size + line.text().size();
  memory_[end_++] = '\r';
  memory_[end_++] = '\n';
}

void ReplyBuffer::add_lines(ReplyId id, std::string_view lines) noexcept {
  MAILRACE_CHECK(lines.size() <= kReplyBytesMax);
  std::memcpy(make_room(id), lines.data(), lines.size());
  end_ += lines.size();
}

void ReplyBuffer::consume(size_t size) noexcept {
  MAILRACE_CHECK(size <= end_ - begin_);
  begin_ += size;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (memory_ != nullptr) {
    blocks_.give(reinterpret_cast<std::byte*>(std::exchange(memory_, nullptr)));
  }
}

}  // namespace mailrace::core
