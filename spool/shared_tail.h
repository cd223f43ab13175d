// SPDX-License-Identifier: GPL-3.0-or-later
// The newest octets of a worker's log in memory that other processes can map: a consumer that is
// close behind the writer finds them there, and need not ask the disk.
#pragma once

#include "core/base/bytes.h"
#include "core/base/limits.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace mailrace::spool {

/// What the memory holds. One writes, any number read, in other processes too. The octets are a
/// ring: the one at offset `o` of a segment is at position `base + o` of it, modulo its length.
struct SharedTail {
  static constexpr size_t kWords = core::kSharedTailBytes / sizeof(uint64_t);
  struct Segment {
    std::atomic<uint64_t> number;  // 0: none
    std::atomic<uint64_t> base;    // position of its offset 0; may have wrapped
    std::atomic<uint64_t> begin;   // offset of the first octet of it that was ever here
    std::atomic<uint64_t> end;     // behind the last one
  };
  std::atomic<uint64_t> version;  // of the segments; odd while they are changed
  std::atomic<uint64_t> begun;    // end of what is in the ring, or on its way there
  std::array<Segment, core::kSharedTailSegments> segments;
  alignas(core::kBlockBytes) std::array<std::atomic<uint64_t>, kWords> words;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(sizeof(SharedTail) == core::kBlockBytes + core::kSharedTailBytes);

/// The worker's side. Costs nothing as long as nobody reads.
class TailWriter {
 public:
  /// tail   zeros at first; outlives this
  explicit TailWriter(SharedTail& tail) : tail_(tail) {}

  /// Any thread: whether somebody reads. At first nobody does.
  void set_wanted(bool wanted) noexcept { wanted_.store(wanted); }

  /// Another thread, while nobody reads: whether the memory may be turned into zeros now. If so,
  /// the worker will begin anew when somebody reads again.
  bool forget() noexcept {
    if (wanted_.load() || adding_.load()) return false;
    forgotten_.store(true);
    return true;
  }

  /// Takes a copy of octets that are about to be written, behind those put before; nobody sees it
  /// before add().
  /// octets   a multiple of kRecordAlignment; what was put and is not added yet has room in the
  ///          memory
  /// returns  its position, for add(); nothing: nobody reads
  std::optional<uint64_t> put(core::Octets octets) noexcept;

  /// Octets of segment `number`, from `offset` on, that have landed with all before them. In the
  /// order in which they were put; segments in the order of their numbers.
  /// position   as put() returned it for them
  void add(uint64_t number, uint64_t offset, uint64_t bytes,
           std::optional<uint64_t> position) noexcept;

  /// Nobody is to rely on what is there any more: files are gone, or nothing was added for a while.
  void withdraw() noexcept;

 private:
  void begin_anew_if_forgotten() noexcept;
  void copy(core::Octets octets) noexcept;
  void note(uint64_t number, uint64_t offset, uint64_t bytes, uint64_t position) noexcept;

  SharedTail& tail_;
  // In one order for both threads: who is not seen adding sees that nobody reads.
  std::atomic<bool> wanted_{false};
  std::atomic<bool> adding_{false};
  std::atomic<bool> forgotten_{false};
  uint64_t end_ = 0;        // position behind the last octet that was put
  uint64_t kept_from_ = 0;  // position: what was put before is zeros now
  uint64_t number_ = 0;     // of the newest segment; 0: nothing is there
  uint64_t next_ = 0;       // offset in it behind the last octet
  uint64_t next_at_ = 0;    // position of that
  uint64_t segments_ = 0;   // begun so far
};

/// The other side. Trusts nothing that it finds: whatever is there, it reads inside the memory and
/// comes to an end.
class TailReader {
 public:
  /// What is known of a segment. All that has landed lies below `end`: what is from `begin` on is
  /// here, if it was not written over meanwhile, and what is below it on the disk.
  struct Extent {
    uint64_t base = 0;
    uint64_t begin = 0;
    uint64_t end = 0;  // offsets in the segment
  };

  /// tail   outlives this
  explicit TailReader(const SharedTail& tail) : tail_(tail) {}

  /// returns  nothing: the disk knows better
  std::optional<Extent> find(uint64_t number) const noexcept;

  /// Requires: begin <= offset, offset + target.size() <= end.
  /// returns  false: they were written over; `target` holds anything
  bool copy(const Extent& extent, uint64_t offset, core::MutableOctets target) const noexcept;

 private:
  std::optional<Extent> look(uint64_t number) const noexcept;

  const SharedTail& tail_;
};

}  // namespace mailrace::spool
