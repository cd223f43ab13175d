// SPDX-License-Identifier: GPL-3.0-or-later
// Line by line; of a line only its beginning is kept, whatever its length.
#include "tools/load/reply_parser.h"

#include "core/base/limits.h"
#include "core/base/text.h"

#include <algorithm>
#include <cstring>

namespace mailrace::tools {
namespace {

constexpr std::string_view kPipelining = "PIPELINING";
constexpr std::string_view kChunking = "CHUNKING";

// The code at the start of a line; 0 if there is none.
uint32_t parse_code(std::string_view line) noexcept {
  if (line.size() < 3 || line[0] < '2' || line[0] > '5') return 0;
  if (!core::is_digit(line[1]) || !core::is_digit(line[2])) return 0;
  return uint32_t(line[0] - '0') * 100 + uint32_t(line[1] - '0') * 10 + uint32_t(line[2] - '0');
}

}  // namespace

size_t ReplyParser::line_kept() const noexcept {
  return std::min<size_t>(line_bytes_, line_.size());
}

void ReplyParser::reset() noexcept {
  line_bytes_ = 0;
  line_count_ = 0;
  ended_ = false;
}

ReplyParser::Taken ReplyParser::take(core::Octets input) noexcept {
  size_t at = 0;
  while (at < input.size()) {
    if (ended_) {
      line_bytes_ = 0;
      ended_ = false;
    }
    const void* const feed = std::memchr(input.data() + at, '\n', input.size() - at);
    const size_t end =
        feed == nullptr ? input.size() : size_t(static_cast<const std::byte*>(feed) - input.data());
    const size_t fits = std::min(end - at, line_.size() - line_kept());
    std::memcpy(line_.data() + line_kept(), input.data() + at, fits);
    if (end - at > core::kRemoteReplyLineBytesMax - line_bytes_) {
      return {ParsedReply::malformed, end};
    }
    line_bytes_ += uint32_t(end - at);
    if (feed == nullptr) break;
    at = end + 1;
    const ParsedReply outcome = end_line();
    if (outcome != ParsedReply::incomplete) return {outcome, at};
  }
  return {ParsedReply::incomplete, input.size()};
}

ParsedReply ReplyParser::end_line() noexcept {
  ended_ = true;
  if (line_bytes_ > 0 && line_bytes_ <= line_.size() && line_[line_bytes_ - 1] == '\r') {
    --line_bytes_;
  }
  const std::string_view line = last_line();
  const uint32_t code = parse_code(line);
  const bool first = line_count_ == 0;
  if (code == 0 || (!first && code != code_)) return ParsedReply::malformed;
  const char separator = line.size() > 3 ? line[3] : ' ';
  if (separator != ' ' && separator != '-') return ParsedReply::malformed;
  code_ = code;
  if (first) {
    offers_pipelining_ = offers_chunking_ = false;
  } else {
    const std::string_view keyword = line.substr(std::min<size_t>(line.size(), 4));
    if (core::equal_ignoring_case(keyword, kPipelining)) offers_pipelining_ = true;
    if (core::equal_ignoring_case(keyword, kChunking)) offers_chunking_ = true;
  }
  if (separator == ' ') {
    line_count_ = 0;
    return ParsedReply::complete;
  }
  return ++line_count_ < core::kRemoteReplyLinesMax ? ParsedReply::incomplete
                                                    : ParsedReply::malformed;
}

}  // namespace mailrace::tools
