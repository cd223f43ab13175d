// SPDX-License-Identifier: GPL-3.0-or-later
// Everything here comes from a disk: no offset is used before it was compared with the file's
// length, and nothing is believed without its checksum.
#include "spool/footer.h"

#include "core/base/limits.h"
#include "spool/segment_files.h"
#include "spool/spool_reader.h"

#include <algorithm>

namespace mailrace::spool {
namespace {

constexpr size_t kHeadReadBytes = 512;  // what a head has in it, and more
constexpr uint32_t kFooterVersion = 3;  // of the format, the first with footers

/// The last octets of a file.
struct Tail {
  std::vector<std::byte> octets;
  uint64_t offset = 0;

  bool holds(uint64_t at, uint64_t bytes) const {
    return at >= offset && at - offset <= octets.size() && bytes <= octets.size() - (at - offset);
  }
  core::Octets at(uint64_t from) const {
    return core::Octets(octets).subspan(size_t(from - offset));
  }
};

std::optional<SegmentHead> read_head(core::Disk& disk, core::FileHandle file) {
  std::vector<std::byte> octets(kHeadReadBytes);
  octets.resize(disk.read(file, 0, octets).value_or(0));
  const auto head = decode_segment_head(octets);
  return head ? std::optional(*head) : std::nullopt;
}

Tail read_tail(core::Disk& disk, core::FileHandle file, uint64_t file_bytes) {
  Tail tail;
  const uint64_t last_block = file_bytes - file_bytes % core::kBlockBytes;
  tail.offset = last_block < core::kBlockBytes ? 0 : last_block - core::kBlockBytes;
  tail.octets.resize(size_t(file_bytes - tail.offset));
  tail.octets.resize(disk.read(file, tail.offset, tail.octets).value_or(0));
  return tail;
}

// A whole record of this type at `at`.
std::optional<RecordHeader> whole_record(core::Octets octets, RecordType type,
                                         const SegmentKey& key) {
  const auto header = decode_record(octets, key);
  if (!header || header->type != type) return std::nullopt;
  const core::Octets behind = octets.subspan(core::kRecordHeaderBytes);
  if (behind.size() < header->body_bytes) return std::nullopt;
  if (!body_matches(*header, behind.first(header->body_bytes))) return std::nullopt;
  return *header;
}

bool is_consistent(const Footer& footer) {
  const SealBody& seal = footer.seal;
  const bool has_index = seal.index_entries > 0;
  const bool index_fits = has_index ? seal.index_at >= kSegmentHeadBytes &&
                                          seal.index_at < seal.began_at &&
                                          seal.index_entries <= seal.mails
                                    : seal.index_at == 0;
  const bool ids_fit =
      seal.mails == 0 ? seal.first_ended == 0 && seal.last_ended == 0
                      : seal.first_ended <= seal.last_ended && seal.last_ended <= seal.mail_id_max;
  return index_fits && ids_fit && seal.mails <= seal.records;
}

// The seal that ends at `end`, and the mark before it that its write began with. The mark says what
// had landed before: everything.
std::optional<Footer> footer_at(const Tail& tail, uint64_t end, const SegmentHead& head) {
  const SegmentKey key(head.generation, head.salt);
  if (end < kSealRecordBytes || !tail.holds(end - kSealRecordBytes, kSealRecordBytes)) {
    return std::nullopt;
  }
  Footer footer{head, {}, end - kSealRecordBytes, end};
  const core::Octets octets = tail.at(footer.seal_at).first(kSealRecordBytes);
  const auto header = whole_record(octets, RecordType::seal, key);
  if (!header) return std::nullopt;
  const auto seal = decode_seal(octets.subspan(core::kRecordHeaderBytes).first(header->body_bytes));
  if (!seal || !seal->has_summary || seal->records != header->sequence) return std::nullopt;
  footer.seal = *seal;
  const uint64_t began_at = seal->began_at;
  const uint64_t mark_bytes = footer.seal_at - began_at;
  if (began_at < kSegmentHeadBytes || began_at >= footer.seal_at) return std::nullopt;
  if (!tail.holds(began_at, mark_bytes)) return std::nullopt;
  const core::Octets mark_octets = tail.at(began_at).first(size_t(mark_bytes));
  const auto mark_header = whole_record(mark_octets, RecordType::mark, key);
  if (!mark_header || record_bytes(mark_header->body_bytes) != mark_bytes) return std::nullopt;
  const auto mark =
      decode_mark(mark_octets.subspan(core::kRecordHeaderBytes).first(mark_header->body_bytes));
  if (!mark || mark->durable_bytes != began_at) return std::nullopt;
  if (mark_header->sequence + 1 != header->sequence) return std::nullopt;
  return is_consistent(footer) ? std::optional(footer) : std::nullopt;
}

}  // namespace

std::optional<Footer> read_footer(core::Disk& disk, core::FileHandle file, uint64_t number) {
  const auto file_bytes = disk.size(file);
  if (!file_bytes || *file_bytes < kSegmentHeadBytes) return std::nullopt;
  const auto head = read_head(disk, file);
  // Without a salt a sender could have made all this up.
  if (!head || head->generation != number || head->salt == 0) return std::nullopt;
  if (head->version < kFooterVersion) return std::nullopt;
  const Tail tail = read_tail(disk, file, *file_bytes);
  const uint64_t end = *file_bytes - *file_bytes % core::kRecordAlignment;
  const auto footer = footer_at(tail, end, *head);
  if (footer) return footer;
  // Direct writes end with a block, and a file may have any length.
  const uint64_t block_end = *file_bytes - *file_bytes % core::kBlockBytes;
  return block_end == end ? std::nullopt : footer_at(tail, block_end, *head);
}

bool read_index(core::Disk& disk, core::FileHandle file, const Footer& footer,
                const std::function<bool(const IndexEntry&)>& entry) {
  const SegmentKey key(footer.head.generation, footer.head.salt);
  std::vector<std::byte> octets;
  uint64_t at = footer.seal.index_at;
  for (uint64_t left = footer.seal.index_entries; left > 0;) {
    octets.resize(core::kRecordHeaderBytes);
    octets.resize(disk.read(file, at, octets).value_or(0));
    const auto header = decode_record(octets, key);
    if (!header) return false;
    const uint64_t bytes = record_bytes(header->body_bytes);
    if (bytes > footer.seal_at - at) return false;
    if (header->type == RecordType::mark) {  // the index goes on in the next write
      at += bytes;
      continue;
    }
    const uint64_t entries = header->body_bytes / kIndexEntryBytes;
    const bool is_index = header->type == RecordType::index && entries > 0 && entries <= left &&
                          header->body_bytes % kIndexEntryBytes == 0;
    if (!is_index) return false;
    octets.resize(header->body_bytes);
    octets.resize(disk.read(file, at + core::kRecordHeaderBytes, octets).value_or(0));
    if (octets.size() != header->body_bytes || !body_matches(*header, octets)) return false;
    for (uint64_t i = 0; i < entries; ++i) {
      if (!entry(decode_index_entry(&octets[i * kIndexEntryBytes]))) return true;
    }
    left -= entries;
    at += bytes;
  }
  return true;
}

std::optional<PendingMail> find_in_index(core::Disk& disk, const std::string& spool_path,
                                         uint32_t worker, uint64_t mail_id) {
  std::optional<PendingMail> found;
  for (const uint64_t number :
       list_segments(disk, spool_path, worker).value_or(std::vector<uint64_t>{})) {
    const auto file = disk.open(segment_path(spool_path, worker, number), /*writable=*/false);
    if (!file) continue;
    const auto footer = read_footer(disk, *file, number);
    if (footer && footer->seal.first_ended <= mail_id && mail_id <= footer->seal.last_ended) {
      read_index(disk, *file, *footer, [&](const IndexEntry& entry) {
        if (entry.mail_id != mail_id) return true;
        found = {worker, mail_id, entry.first_segment, {number, entry.end_offset}};
        return false;
      });
    }
    disk.close(*file);
    if (found) break;
  }
  return found;
}

// --- the footer and the records ------------------------------------------------------------------

void FooterCheck::add(const RecordHeader& header, uint64_t offset, core::Octets body) {
  last_record_at_ = offset;
  counted_.mail_id_max = std::max(counted_.mail_id_max, header.mail_id);
  if (header.type == RecordType::index) return add_index(offset, body);
  if (header.type != RecordType::end) return;
  const auto end = decode_end(body);
  if (end) counted_.data_bytes += end->data_bytes;
  const uint64_t least = counted_.mails == 0 ? header.mail_id : counted_.first_ended;
  counted_.first_ended = std::min(least, header.mail_id);
  counted_.last_ended = std::max(counted_.last_ended, header.mail_id);
  ++counted_.mails;
  if (ends_.size() < core::kIndexEntriesMax) ends_.emplace_back(header.mail_id, offset);
}

void FooterCheck::add_index(uint64_t offset, core::Octets body) {
  if (counted_.index_at == 0) counted_.index_at = offset;
  if (body.empty() || body.size() % kIndexEntryBytes != 0) bad_index_ = "index.body_bytes";
  for (size_t at = 0; at + kIndexEntryBytes <= body.size(); at += kIndexEntryBytes) {
    const IndexEntry entry = decode_index_entry(&body[at]);
    const uint64_t i = counted_.index_entries++;
    if (i >= counted_.mails) bad_index_ = "index.entries";
    if (i >= ends_.size()) continue;
    if (ends_[i] != std::pair(entry.mail_id, entry.end_offset)) bad_index_ = "index.entry";
  }
}

const char* FooterCheck::problem_with(const SealBody& seal) const {
  if (seal.mails != counted_.mails) return "record.seal";
  if (!seal.has_summary) return nullptr;
  if (bad_index_ != nullptr) return bad_index_;
  const bool right =
      seal.data_bytes == counted_.data_bytes && seal.mail_id_max == counted_.mail_id_max &&
      seal.first_ended == counted_.first_ended && seal.last_ended == counted_.last_ended &&
      seal.index_at == counted_.index_at && seal.index_entries == counted_.index_entries &&
      seal.began_at == last_record_at_;
  return right ? nullptr : "seal.summary";
}

}  // namespace mailrace::spool
