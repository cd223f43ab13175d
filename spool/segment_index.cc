// SPDX-License-Identifier: GPL-3.0-or-later
// Entries are encoded as they come, so that an index record is written from where it was gathered.
#include "spool/segment_index.h"

#include "core/base/check.h"

#include <algorithm>

namespace mailrace::spool {

using core::load_le;
using core::store_le;

void encode_index_entry(std::byte* target, const IndexEntry& entry) noexcept {
  store_le(target, entry.mail_id);
  store_le(target + 8, entry.end_offset);
  store_le(target + 16, entry.first_segment);
}

IndexEntry decode_index_entry(const std::byte* source) noexcept {
  return {load_le<uint64_t>(source), load_le<uint64_t>(source + 8), load_le<uint64_t>(source + 16)};
}

SegmentIndex::SegmentIndex()
    : entries_(
          std::make_unique_for_overwrite<std::byte[]>(core::kIndexEntriesMax * kIndexEntryBytes)),
      first_segments_(core::kOpenMailsMax) {}

void SegmentIndex::begin(uint64_t number) noexcept {
  number_ = number;
  seal_ = {};
  placed_ = 0;
}

void SegmentIndex::note(const Chunk& chunk, uint64_t offset) noexcept {
  MAILRACE_CHECK(chunk.mail_slot < first_segments_.size());
  uint64_t& first_segment = first_segments_[chunk.mail_slot];
  if (chunk.begins_mail) first_segment = number_;
  seal_.mail_id_max = std::max(seal_.mail_id_max, chunk.mail_id);
  if (!chunk.ends_mail) return;
  if (seal_.index_entries < core::kIndexEntriesMax) {
    encode_index_entry(&entries_[seal_.index_entries * kIndexEntryBytes],
                       {chunk.mail_id, offset + chunk.bytes - kEndRecordBytes, first_segment});
    ++seal_.index_entries;
  }
  seal_.first_ended = seal_.mails == 0 ? chunk.mail_id : std::min(seal_.first_ended, chunk.mail_id);
  seal_.last_ended = std::max(seal_.last_ended, chunk.mail_id);
  seal_.data_bytes += chunk.mail_data_bytes;
  ++seal_.mails;
}

uint64_t SegmentIndex::next_bytes() const noexcept {
  const size_t left = seal_.index_entries - placed_;
  if (left == 0) return 0;
  return record_bytes(std::min(left, core::kIndexRecordEntries) * kIndexEntryBytes);
}

std::array<iovec, 2> SegmentIndex::next_record(const SegmentKey& key, uint64_t sequence,
                                               uint64_t offset) noexcept {
  const size_t entries = std::min(seal_.index_entries - placed_, core::kIndexRecordEntries);
  MAILRACE_CHECK(entries > 0);
  if (placed_ == 0) seal_.index_at = offset;
  const core::MutableOctets body(&entries_[placed_ * kIndexEntryBytes], entries * kIndexEntryBytes);
  Header& header = headers_[placed_ / core::kIndexRecordEntries];
  encode_record(header, RecordType::index, 0, body);
  place_record(header.data(), key, sequence);
  placed_ += entries;
  return {iovec{header.data(), header.size()}, iovec{body.data(), body.size()}};
}

SealBody SegmentIndex::seal(uint64_t records, uint64_t began_at) const noexcept {
  MAILRACE_CHECK(placed_ == seal_.index_entries);
  SealBody seal = seal_;
  seal.has_summary = true;
  seal.records = records;
  seal.began_at = began_at;
  return seal;
}

}  // namespace mailrace::spool
