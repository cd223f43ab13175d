// SPDX-License-Identifier: GPL-3.0-or-later
// Only whole pages can be dropped, and of pages that the kernel keeps together (large folios) only
// those that lie in the range as a whole. So each piece begins a step before where the last one
// ended, and in the end the whole file is dropped.
#include "spool/cache_trimmer.h"

#include "core/base/bytes.h"
#include "core/base/check.h"

#include <algorithm>

namespace mailrace::spool {
namespace {

constexpr uint64_t kStepBytes = core::kCachedBytesMax / 4;
constexpr uint64_t kKeptBytes = core::kCachedBytesMax - kStepBytes;
constexpr uint64_t kDropBytesMax = 1u << 30;
static_assert(kStepBytes % core::kBlockBytes == 0);
static_assert(kStepBytes >= core::kWriteBytesMax);  // a folio is not larger than its write

}  // namespace

CacheTrimmer::CacheTrimmer(core::FileIo& files, bool write_back)
    : files_(files), cached_(files.is_cached()), write_back_(write_back) {
  op_ = {&CacheTrimmer::on_dropped, this};
}

CacheTrimmer::File* CacheTrimmer::find(core::FileHandle file) noexcept {
  const auto end = file_table_.begin() + std::ptrdiff_t(count_);
  const auto found = std::find_if(file_table_.begin(), end, [file](const File& known) {
    return known.handle.index == file.index;
  });
  return found == end ? nullptr : &*found;
}

void CacheTrimmer::advance(core::FileHandle handle, uint64_t offset) noexcept {
  if (!cached_) return;
  File* file = find(handle);
  if (file == nullptr) {
    MAILRACE_CHECK(has_room());
    file = &file_table_[count_++];
    *file = {.handle = handle};
  }
  MAILRACE_CHECK(!file->closed);
  MAILRACE_CHECK(offset >= file->end);
  file->end = offset;
  go_on();
}

void CacheTrimmer::close(core::FileHandle handle) noexcept {
  File* const file = find(handle);
  if (file == nullptr) return files_.close(handle);
  file->closed = true;
  go_on();
}

void CacheTrimmer::finish() noexcept {
  finishing_ = true;
  go_on();
}

// Starts the next drop if one is due. Only ever of the oldest file: the others have their turn when
// it is closed, which the end of its last write is soon followed by.
void CacheTrimmer::go_on() noexcept {
  if (dropping_ || count_ == 0) return;
  uint64_t total = 0;
  for (size_t i = 0; i < count_; ++i) total += file_table_[i].bytes();
  File& oldest = file_table_.front();
  const uint64_t excess = total >= core::kCachedBytesMax ? total - kKeptBytes : 0;
  const bool due = excess > 0 && oldest.bytes() <= excess;
  if (oldest.closed && (due || finishing_ || !has_room())) {
    closing_oldest_ = true;
    return drop(oldest.handle, 0, 0);
  }
  const uint64_t wanted = std::min({excess, oldest.bytes(), kDropBytesMax});
  const uint64_t bytes = wanted - wanted % core::kBlockBytes;
  if (bytes == 0) return;
  const uint64_t from = oldest.begin - std::min(oldest.begin, kStepBytes);
  oldest.begin += bytes;
  drop(oldest.handle, from, oldest.begin - from);
}

void CacheTrimmer::drop(core::FileHandle file, uint64_t offset, uint64_t bytes) noexcept {
  dropping_ = true;
  files_.drop_cached(op_, file, offset, bytes, write_back_);
}

void CacheTrimmer::on_dropped(core::FileOp& op, int) {
  CacheTrimmer& trimmer = *static_cast<CacheTrimmer*>(op.context);
  trimmer.dropping_ = false;
  if (trimmer.closing_oldest_) trimmer.close_oldest();
  trimmer.go_on();
}

void CacheTrimmer::close_oldest() noexcept {
  closing_oldest_ = false;
  files_.close(file_table_.front().handle);
  std::move(file_table_.begin() + 1, file_table_.begin() + std::ptrdiff_t(count_),
            file_table_.begin());
  --count_;
}

}  // namespace mailrace::spool
