// SPDX-License-Identifier: GPL-3.0-or-later
// The index of a segment: where the mails end that end in it. Gathered while the segment is
// written, written before its seal.
#pragma once

#include "core/base/limits.h"
#include "core/port/file_io.h"
#include "spool/chunk.h"
#include "spool/record.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace mailrace::spool {

/// One mail that ends in a segment. source: spool/FORMAT.md, "Index"
struct IndexEntry {
  uint64_t mail_id = 0;
  uint64_t end_offset = 0;     // of its end record, in octets from the start of the file
  uint64_t first_segment = 0;  // number of the segment with its first record
};
inline constexpr size_t kIndexEntryBytes = 24;
void encode_index_entry(std::byte* target, const IndexEntry& entry) noexcept;
IndexEntry decode_index_entry(const std::byte* source) noexcept;

/// Index records that a segment has at most, and the octets that they take up.
inline constexpr size_t kIndexRecordsMax =
    (core::kIndexEntriesMax + core::kIndexRecordEntries - 1) / core::kIndexRecordEntries;
static_assert(core::kIndexRecordEntries * kIndexEntryBytes <= core::kRecordBodyBytesMax);
constexpr uint64_t index_bytes(uint64_t mails) noexcept {
  const uint64_t entries = mails < core::kIndexEntriesMax ? mails : core::kIndexEntriesMax;
  const uint64_t records = (entries + core::kIndexRecordEntries - 1) / core::kIndexRecordEntries;
  return entries * kIndexEntryBytes + records * core::kRecordHeaderBytes;
}

/// The index and the seal of the segment that a worker writes. Its memory is fixed at construction:
/// kIndexEntriesMax entries; further mails are only counted, and the seal shows that they are. It
/// is used for the next segment when all writes to this one have ended.
class SegmentIndex {
 public:
  SegmentIndex();

  /// Forgets everything: the segment `number` is written next.
  void begin(uint64_t number) noexcept;

  /// A chunk was given the place `offset` in the segment's file.
  void note(const Chunk& chunk, uint64_t offset) noexcept;

  /// Number of the segment with the first record of the chunk's mail, which begins or was noted.
  uint64_t first_segment(const Chunk& chunk) const noexcept {
    return first_segments_[chunk.mail_slot];
  }
  /// Mails that end in the segment.
  uint64_t mails() const noexcept { return seal_.mails; }
  /// Octets that the next index record will take up; 0: there is none.
  uint64_t next_bytes() const noexcept;
  /// The next index record, header and body; borrowed until begin().
  /// Requires: next_bytes() > 0.
  std::array<iovec, 2> next_record(const SegmentKey& key, uint64_t sequence,
                                   uint64_t offset) noexcept;

  /// The seal, behind the last of the index records.
  /// records    that stand before it
  /// began_at   where the write begins that it is in
  SealBody seal(uint64_t records, uint64_t began_at) const noexcept;

 private:
  using Header = std::array<std::byte, core::kRecordHeaderBytes>;

  uint64_t number_ = 0;
  SealBody seal_;
  size_t placed_ = 0;                     // entries in records that were taken
  std::unique_ptr<std::byte[]> entries_;  // kIndexEntriesMax
  std::array<Header, kIndexRecordsMax> headers_{};
  std::vector<uint64_t> first_segments_;  // by mail slot, of mails that have begun
};

}  // namespace mailrace::spool
