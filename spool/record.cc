// SPDX-License-Identifier: GPL-3.0-or-later
// Record headers and the small fixed bodies, octet by octet as in FORMAT.md.
#include "spool/record.h"

#include "core/base/check.h"
#include "core/base/crc32c.h"

#include <algorithm>
#include <array>

namespace mailrace::spool {
namespace {

using core::load_le;
using core::store_le;

constexpr size_t kBodyCrcAt = 4;
constexpr size_t kSequenceAt = 8;
constexpr size_t kMailIdAt = 16;
constexpr size_t kTypeAt = 24;
constexpr size_t kGenerationLowAt = 26;
constexpr size_t kBodyBytesAt = 28;
static_assert(kBodyBytesAt + 4 == core::kRecordHeaderBytes);

uint32_t header_crc(const std::byte* header, const SegmentKey& key) noexcept {
  return core::crc32c(key.seed(), {header + kBodyCrcAt, core::kRecordHeaderBytes - kBodyCrcAt});
}

bool known(uint16_t type) noexcept {
  return type >= uint16_t(RecordType::envelope) && type <= uint16_t(RecordType::index);
}

}  // namespace

SegmentKey::SegmentKey(uint64_t generation, uint64_t salt) noexcept
    : generation_(generation), salt_(salt) {
  std::array<std::byte, 16> covered;
  store_le(covered.data(), generation);
  store_le(covered.data() + 8, salt);
  seed_ = core::crc32c(0, core::Octets(covered).first(salt == 0 ? 8 : 16));
}

void encode_record(core::MutableOctets target, RecordType type, uint64_t mail_id,
                   core::Octets body) noexcept {
  MAILRACE_CHECK(target.size() >= core::kRecordHeaderBytes);
  MAILRACE_CHECK(body.size() <= core::kRecordBodyBytesMax);
  std::byte* const at = target.data();
  store_le(at + kBodyCrcAt, core::crc32c(0, body));
  store_le(at + kMailIdAt, mail_id);
  store_le(at + kTypeAt, uint16_t(type));
  store_le(at + kBodyBytesAt, uint32_t(body.size()));
}

uint64_t place_record(std::byte* target, const SegmentKey& key, uint64_t sequence) noexcept {
  store_le(target + kSequenceAt, sequence);
  store_le(target + kGenerationLowAt, key.generation_low());
  store_le(target, header_crc(target, key));
  return record_bytes(load_le<uint32_t>(target + kBodyBytesAt));
}

core::Result<RecordHeader> decode_record(core::Octets octets, const SegmentKey& key) noexcept {
  if (octets.size() < core::kRecordHeaderBytes) {
    return core::fail(core::Errc::torn_tail, "record.header");
  }
  const core::Octets header = octets.first(core::kRecordHeaderBytes);
  if (std::ranges::all_of(header, [](std::byte b) { return b == std::byte{0}; })) {
    return core::fail(core::Errc::torn_tail, "record.header");
  }
  const std::byte* const at = header.data();
  RecordHeader record;
  record.header_crc = load_le<uint32_t>(at);
  if (record.header_crc != header_crc(at, key)) {
    return core::fail(core::Errc::corrupt, "record.header_crc");
  }
  const uint16_t type = load_le<uint16_t>(at + kTypeAt);
  if (!known(type)) return core::fail(core::Errc::corrupt, "record.type");
  record.body_crc = load_le<uint32_t>(at + kBodyCrcAt);
  record.sequence = load_le<uint64_t>(at + kSequenceAt);
  record.mail_id = load_le<uint64_t>(at + kMailIdAt);
  record.type = RecordType(type);
  record.generation_low = load_le<uint16_t>(at + kGenerationLowAt);
  record.body_bytes = load_le<uint32_t>(at + kBodyBytesAt);
  if (record.body_bytes > core::kRecordBodyBytesMax) {
    return core::fail(core::Errc::corrupt, "record.body_bytes");
  }
  return record;
}

std::optional<uint64_t> stale_generation(core::Octets octets, const SegmentKey& key) noexcept {
  if (octets.size() < core::kRecordHeaderBytes || key.salt() == 0) return std::nullopt;
  constexpr uint64_t kLow = 0x10000;
  uint64_t generation =
      (key.generation() & ~(kLow - 1)) | load_le<uint16_t>(octets.data() + kGenerationLowAt);
  if (generation >= key.generation()) {
    if (generation < kLow) return std::nullopt;
    generation -= kLow;
  }
  const bool is_one = decode_record(octets, SegmentKey(generation, key.salt())).has_value();
  return is_one ? std::optional(generation) : std::nullopt;
}

bool body_matches(const RecordHeader& header, core::Octets body) noexcept {
  MAILRACE_CHECK(body.size() == header.body_bytes);
  return core::crc32c(0, body) == header.body_crc;
}

void encode_end(std::byte* target, const EndBody& end) noexcept {
  store_le(target, end.data_bytes);
  store_le(target + 8, uint64_t(end.committed_at_ns));
  store_le(target + 16, end.data_records);
  store_le(target + 20, uint16_t{end.durability});
  store_le(target + 22, end.recipients);
}

core::Result<EndBody> decode_end(core::Octets body) noexcept {
  if (body.size() != kEndBodyBytes) return core::fail(core::Errc::corrupt, "record.end");
  EndBody end;
  end.data_bytes = load_le<uint64_t>(body.data());
  end.committed_at_ns = int64_t(load_le<uint64_t>(body.data() + 8));
  end.data_records = load_le<uint32_t>(body.data() + 16);
  end.durability = uint8_t(body[20]);
  end.recipients = load_le<uint16_t>(body.data() + 22);
  return end;
}

void encode_seal(std::byte* target, const SealBody& seal) noexcept {
  store_le(target, seal.mails);
  store_le(target + 8, seal.records);
  store_le(target + 16, seal.data_bytes);
  store_le(target + 24, seal.mail_id_max);
  store_le(target + 32, seal.first_ended);
  store_le(target + 40, seal.last_ended);
  store_le(target + 48, seal.index_at);
  store_le(target + 56, seal.index_entries);
  store_le(target + 64, seal.began_at);
}

core::Result<SealBody> decode_seal(core::Octets body) noexcept {
  const bool has_summary = body.size() == kSealBodyBytes;
  if (!has_summary && body.size() != kSealBodyBytesVersion2) {
    return core::fail(core::Errc::corrupt, "record.seal");
  }
  SealBody seal;
  seal.mails = load_le<uint64_t>(body.data());
  seal.records = load_le<uint64_t>(body.data() + 8);
  if (!has_summary) return seal;
  seal.data_bytes = load_le<uint64_t>(body.data() + 16);
  seal.mail_id_max = load_le<uint64_t>(body.data() + 24);
  seal.first_ended = load_le<uint64_t>(body.data() + 32);
  seal.last_ended = load_le<uint64_t>(body.data() + 40);
  seal.index_at = load_le<uint64_t>(body.data() + 48);
  seal.index_entries = load_le<uint64_t>(body.data() + 56);
  seal.began_at = load_le<uint64_t>(body.data() + 64);
  seal.has_summary = true;
  return seal;
}

void encode_mark(std::byte* target, const MarkBody& mark) noexcept {
  store_le(target, mark.durable_bytes);
}

core::Result<MarkBody> decode_mark(core::Octets body) noexcept {
  if (body.size() < kMarkBodyBytes) return core::fail(core::Errc::corrupt, "record.mark");
  return MarkBody{load_le<uint64_t>(body.data())};
}

}  // namespace mailrace::spool
