// SPDX-License-Identifier: GPL-3.0-or-later
// Two ranges of one file that lie close together count as one: mail is read record by record.
#include "tools/lib/read_trimmer.h"

#include "core/base/bytes.h"
#include "core/base/limits.h"

#include <algorithm>

namespace mailrace::tools {
namespace {

constexpr uint64_t kStepBytes = core::kCachedBytesMax / 4;
constexpr uint64_t kKeptBytes = core::kCachedBytesMax - kStepBytes;

}  // namespace

std::optional<ReadTrimmer::Range> ReadTrimmer::ahead(uint64_t offset, uint64_t bytes) noexcept {
  if (bytes < core::kReaderBufferBytes) return std::nullopt;
  read_ahead_ = true;
  return Range{offset + bytes, core::kReadAheadBytes};
}

std::optional<ReadTrimmer::Range> ReadTrimmer::note(uint64_t offset, uint64_t bytes) noexcept {
  if (bytes == 0) return std::nullopt;
  const uint64_t from = offset - offset % core::kBlockBytes;
  const uint64_t to = core::align_up(offset + bytes, core::kBlockBytes);
  if (from > end_ + core::kCachedBytesMax) {
    const auto left = rest();
    begin_ = from;
    end_ = to;
    trimmed_ = false;
    read_ahead_ = false;
    return left;
  }
  begin_ = end_ == 0 ? from : std::min(begin_, from);
  end_ = std::max(end_, to);
  if (to < begin_ + core::kCachedBytesMax) return std::nullopt;
  // The kernel drops what it keeps together (large folios) only as a whole: once more, a step back.
  const uint64_t again = std::min(begin_, kStepBytes);
  const Range range{begin_ - again, to - kKeptBytes - (begin_ - again)};
  begin_ = to - kKeptBytes;
  trimmed_ = true;
  return range;
}

std::optional<ReadTrimmer::Range> ReadTrimmer::rest() const noexcept {
  if (end_ == 0) return std::nullopt;
  const uint64_t again = trimmed_ ? std::min(begin_, kStepBytes) : 0;
  const uint64_t end = end_ + (read_ahead_ ? core::kReadAheadBytes : 0);
  return Range{begin_ - again, end - (begin_ - again)};
}

}  // namespace mailrace::tools
