// SPDX-License-Identifier: GPL-3.0-or-later
// Two seqlocks. The segments have a version that is odd while they are changed, and no reader takes
// what he read across a change. The octets have no version, for a reader of many would never be
// done: before any are written over, `begun` says so, and who has copied some looks at it behind.
// Every word is an atomic, so that what is thrown away in the end may be read all the same: stored
// behind what announces it (release), and loaded before what is looked at behind it (acquire).
#include "spool/shared_tail.h"

#include "core/base/check.h"
#include "spool/segment.h"

#include <algorithm>
#include <cstring>

namespace mailrace::spool {
namespace {

constexpr size_t kWordBytes = sizeof(uint64_t);

size_t index_of(uint64_t position) noexcept {
  return size_t(position % core::kSharedTailBytes / kWordBytes);
}

}  // namespace

// --- writer --------------------------------------------------------------------------------------

std::optional<uint64_t> TailWriter::put(core::Octets octets) noexcept {
  if (!wanted_.load(std::memory_order_relaxed)) return std::nullopt;
  adding_.store(true);
  begin_anew_if_forgotten();
  std::optional<uint64_t> position;
  if (wanted_.load()) {
    MAILRACE_CHECK(octets.size() <= core::kSharedTailBytes);
    position = end_;
    tail_.begun.store(end_ + octets.size(), std::memory_order_relaxed);
    copy(octets);
  }
  adding_.store(false);
  return position;
}

// What nobody read when it was put is a hole. Who begins to read behind it finds what comes then.
void TailWriter::add(uint64_t number, uint64_t offset, uint64_t bytes,
                     std::optional<uint64_t> position) noexcept {
  if (!position && number_ == 0) return;
  MAILRACE_CHECK(offset % kWordBytes == 0);
  adding_.store(true);
  begin_anew_if_forgotten();
  if (wanted_.load() && position && *position >= kept_from_) {
    note(number, offset, bytes, *position);
  } else if (number_ != 0) {
    withdraw();
  }
  adding_.store(false);
}

void TailWriter::begin_anew_if_forgotten() noexcept {
  if (!forgotten_.exchange(false)) return;
  number_ = 0;
  kept_from_ = end_;
}

void TailWriter::copy(core::Octets octets) noexcept {
  MAILRACE_CHECK(octets.size() % kWordBytes == 0);
  for (size_t at = 0; at < octets.size(); at += kWordBytes) {
    uint64_t word = 0;
    std::memcpy(&word, octets.data() + at, kWordBytes);
    tail_.words[index_of(end_ + at)].store(word, std::memory_order_release);
  }
  end_ += octets.size();
}

void TailWriter::note(uint64_t number, uint64_t offset, uint64_t bytes,
                      uint64_t position) noexcept {
  const bool goes_on = number == number_ && offset == next_ && position == next_at_;
  if (!goes_on) ++segments_;
  number_ = number;
  next_ = offset + bytes;
  next_at_ = position + bytes;
  const uint64_t version = tail_.version.load(std::memory_order_relaxed);
  tail_.version.store(version + 1, std::memory_order_relaxed);
  SharedTail::Segment& segment = tail_.segments[segments_ % core::kSharedTailSegments];
  if (!goes_on) {
    segment.number.store(number, std::memory_order_release);
    segment.base.store(position - offset, std::memory_order_release);
    segment.begin.store(offset, std::memory_order_release);
  }
  segment.end.store(next_, std::memory_order_release);
  tail_.version.store(version + 2, std::memory_order_release);
}

void TailWriter::withdraw() noexcept {
  number_ = 0;
  const uint64_t version = tail_.version.load(std::memory_order_relaxed);
  tail_.version.store(version + 1, std::memory_order_relaxed);
  for (SharedTail::Segment& segment : tail_.segments) {
    segment.number.store(0, std::memory_order_release);
  }
  tail_.version.store(version + 2, std::memory_order_release);
}

// --- reader --------------------------------------------------------------------------------------

std::optional<TailReader::Extent> TailReader::find(uint64_t number) const noexcept {
  for (int looks = 0; looks < core::kSharedTailLooksMax; ++looks) {
    const uint64_t version = tail_.version.load(std::memory_order_acquire);
    if (version % 2 != 0) continue;
    const auto extent = look(number);
    if (tail_.version.load(std::memory_order_relaxed) == version) return extent;
  }
  return std::nullopt;
}

std::optional<TailReader::Extent> TailReader::look(uint64_t number) const noexcept {
  uint64_t newest = 0;
  std::optional<Extent> found;
  for (const SharedTail::Segment& segment : tail_.segments) {
    const uint64_t its = segment.number.load(std::memory_order_acquire);
    newest = std::max(newest, its);
    if (its != number) continue;
    const Extent extent{segment.base.load(std::memory_order_acquire),
                        segment.begin.load(std::memory_order_acquire),
                        segment.end.load(std::memory_order_acquire)};
    // After a pause of the writer a segment may be here twice; what is between them is on the disk.
    if (!found || extent.end > found->end) found = extent;
  }
  if (found && found->begin <= found->end) return found;
  // Made ahead, or begun by a write that is not here yet: nothing has landed but its head.
  if (newest != 0 && number > newest) return Extent{0, kSegmentHeadBytes, kSegmentHeadBytes};
  return std::nullopt;
}

bool TailReader::copy(const Extent& extent, uint64_t offset,
                      core::MutableOctets target) const noexcept {
  const uint64_t position = extent.base + offset;
  for (size_t filled = 0; filled < target.size();) {
    const uint64_t at = position + filled;
    const size_t skip = size_t(at % kWordBytes);
    const size_t bytes = std::min(kWordBytes - skip, target.size() - filled);
    const uint64_t word = tail_.words[index_of(at)].load(std::memory_order_acquire);
    std::memcpy(target.data() + filled, reinterpret_cast<const std::byte*>(&word) + skip, bytes);
    filled += bytes;
  }
  return tail_.begun.load(std::memory_order_relaxed) - position <= core::kSharedTailBytes;
}

}  // namespace mailrace::spool
