// SPDX-License-Identifier: GPL-3.0-or-later
// Positions, and spans between them.
#include "tools/load/outgoing.h"

#include <algorithm>

namespace mailrace::tools {

void LoadOutgoing::begin(size_t head_bytes, core::Octets body, bool cut) noexcept {
  body_ = body;
  head_bytes_ = head_bytes;
  end_ = head_bytes + body.size();
  if (cut) end_ /= 2;
  is_cut_ = cut;
  chunk_end_ = handed_ = taken_ = 0;
}

void LoadOutgoing::begin_whole() noexcept {
  command_.clear();
  command_taken_ = 0;
  chunk_end_ = end_;
}

// A message that is cut announces a chunk that never comes to its end.
void LoadOutgoing::begin_chunk(uint64_t chunk_bytes) noexcept {
  const size_t whole = head_bytes_ + body_.size();
  const size_t announced = size_t(std::min<uint64_t>(chunk_bytes, whole - chunk_end_));
  const bool is_last = chunk_end_ + announced == whole;
  command_ = "BDAT " + std::to_string(announced) + (is_last ? " LAST\r\n" : "\r\n");
  command_taken_ = 0;
  chunk_end_ = std::min(chunk_end_ + announced, end_);
}

LoadOutgoing::Pieces LoadOutgoing::hand_over(size_t most) noexcept {
  const size_t begin = taken_;
  const size_t end = begin + std::min(chunk_end_ - begin, most);
  const size_t head_end = std::min(end, head_bytes_);
  const size_t body_begin = std::max(begin, head_bytes_);
  Pieces pieces;
  pieces.command = core::as_octets(command_).subspan(command_taken_);
  if (begin < head_end) pieces.head = core::as_octets({head_ + begin, head_end - begin});
  if (body_begin < end) pieces.body = body_.subspan(body_begin - head_bytes_, end - body_begin);
  handed_ = end;
  return pieces;
}

void LoadOutgoing::take(size_t octets) noexcept {
  const size_t of_command = std::min(octets, command_.size() - command_taken_);
  command_taken_ += of_command;
  taken_ += octets - of_command;
}

}  // namespace mailrace::tools
