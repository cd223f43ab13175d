// SPDX-License-Identifier: GPL-3.0-or-later
// The record: what a segment is made of.
#pragma once

#include "core/base/bytes.h"
#include "core/base/limits.h"
#include "core/base/result.h"
#include "core/smtp/envelope.h"

#include <cstdint>
#include <optional>

namespace mailrace::spool {

/// On disk: a number is never reused.
enum class RecordType : uint16_t { envelope = 1, data = 2, end = 3, seal = 4, mark = 5, index = 6 };

/// One record header, little-endian, on an 8-octet boundary.
///
///    0                   4                   8
///   +-------------------+-------------------+
///   | header_crc        | body_crc          |   0
///   +-------------------+-------------------+
///   | sequence                              |   8
///   +---------------------------------------+
///   | mail_id                               |  16
///   +---------+---------+-------------------+
///   | type    | gen_low | body_bytes        |  24
///   +---------+---------+-------------------+
///   | body, then zeros up to the next multiple of 8
struct RecordHeader {
  uint32_t header_crc = 0;  // CRC-32C of generation, salt and octets 4..31
  uint32_t body_crc = 0;    // CRC-32C of body_bytes octets
  uint64_t sequence = 0;    // 0 for the first record of a segment, +1 for each
  uint64_t mail_id = 0;     // unique in the spool; the queue id in the 250 reply
  RecordType type = RecordType::data;
  uint16_t generation_low = 0;  // 16 low bits of the generation
  uint32_t body_bytes = 0;      // <= kRecordBodyBytesMax
};

/// What a segment's records are sealed with. The generation tells them from what an earlier tenant
/// of the same blocks left; the salt, which no sender knows, from what a sender put into his mail.
class SegmentKey {
 public:
  /// generation   the segment's number
  /// salt         of the spool; 0: format version 1, which has none
  explicit SegmentKey(uint64_t generation, uint64_t salt = 0) noexcept;

  uint64_t generation() const noexcept { return generation_; }
  uint64_t salt() const noexcept { return salt_; }
  /// What the checksum of a header begins with.
  uint32_t seed() const noexcept { return seed_; }
  /// What stands in the header; 0 in version 1.
  uint16_t generation_low() const noexcept { return salt_ == 0 ? 0 : uint16_t(generation_); }

 private:
  uint64_t generation_;
  uint64_t salt_;
  uint32_t seed_;
};

/// Octets that a record with such a body takes up, padding included.
constexpr uint64_t record_bytes(uint64_t body_bytes) noexcept {
  return core::align_up(core::kRecordHeaderBytes + body_bytes, core::kRecordAlignment);
}

/// Writes all of the header but sequence and header_crc, which place_record() adds once the
/// record's place in a segment is known.
///
/// target   >= kRecordHeaderBytes, with the body right behind
/// body     what body_crc is taken of
void encode_record(core::MutableOctets target, RecordType type, uint64_t mail_id,
                   core::Octets body) noexcept;

/// Completes a header that encode_record() wrote. returns octets of the whole record
uint64_t place_record(std::byte* target, const SegmentKey& key, uint64_t sequence) noexcept;

/// Reads and checks the header at the start of `octets`.
///
/// octets       from a record boundary on; at least 32 unless the file ends
/// key          of the segment
/// returns      the header; header_crc and body_bytes are checked, the body is not
/// fails        torn_tail: zeros or fewer than 32 octets; corrupt: checksum, type or length
/// source       spool/FORMAT.md, "Record"
core::Result<RecordHeader> decode_record(core::Octets octets, const SegmentKey& key) noexcept;

/// The generation of a header that an earlier tenant of the segment left, if there is one at the
/// start of `octets` and fewer than 65536 generations have passed.
/// source   spool/FORMAT.md, "Record"
std::optional<uint64_t> stale_generation(core::Octets octets, const SegmentKey& key) noexcept;

/// Whether body_crc matches. Requires: body.size() == header.body_bytes.
bool body_matches(const RecordHeader& header, core::Octets body) noexcept;

/// The body of an end record.
struct EndBody {
  uint64_t data_bytes = 0;
  int64_t committed_at_ns = 0;
  uint32_t data_records = 0;
  uint8_t durability = 0;   // core::Durability as a number
  uint16_t recipients = 0;  // forward-paths in the envelope
};
inline constexpr size_t kEndBodyBytes = 24;
void encode_end(std::byte* target, const EndBody& end) noexcept;
core::Result<EndBody> decode_end(core::Octets body) noexcept;

/// The body of a seal record.
struct SealBody {
  uint64_t mails = 0;    // end records in the segment
  uint64_t records = 0;  // before the seal
  // Since version 3, without which it is not has_summary:
  uint64_t data_bytes = 0;     // of the mails that end in the segment
  uint64_t mail_id_max = 0;    // of its records
  uint64_t first_ended = 0;    // least ...
  uint64_t last_ended = 0;     // ... and greatest id of the mails that end in it; 0: none does
  uint64_t index_at = 0;       // offset of the first index record; 0: there is none
  uint64_t index_entries = 0;  // less than `mails`: these are the first ones
  uint64_t began_at = 0;       // where the write begins that the seal is in, with a mark
  bool has_summary = false;
};
inline constexpr size_t kSealBodyBytes = 72;
inline constexpr size_t kSealBodyBytesVersion2 = 16;
/// target   kSealBodyBytes; all of it is written
void encode_seal(std::byte* target, const SealBody& seal) noexcept;
/// body     of either length
core::Result<SealBody> decode_seal(core::Octets body) noexcept;

/// The body of a mark record, which ends each write; zeros behind it fill the write's last block.
struct MarkBody {
  uint64_t durable_bytes = 0;  // before this offset in the file all had landed when the write began
};
inline constexpr size_t kMarkBodyBytes = 8;
void encode_mark(std::byte* target, const MarkBody& mark) noexcept;
core::Result<MarkBody> decode_mark(core::Octets body) noexcept;

/// The most that stands behind the chunks of a write: its mark, up to the end of a block.
inline constexpr size_t kTailBytesMax = record_bytes(kMarkBodyBytes) + core::kBlockBytes;
/// Where index records and the seal come behind it, the mark may go on up to where the seal ends
/// with the file.
inline constexpr size_t kLongTailBytesMax = kTailBytesMax + core::kSealedRestBytesMax;
static_assert(record_bytes(kMarkBodyBytes) + record_bytes(kSealBodyBytes) <= core::kBlockBytes);

using core::Durability;

}  // namespace mailrace::spool
