// SPDX-License-Identifier: GPL-3.0-or-later
// Segment heads and names, octet by octet as in FORMAT.md.
#include "spool/segment.h"

#include "core/base/check.h"
#include "core/base/crc32c.h"

#include <algorithm>
#include <charconv>

namespace mailrace::spool {
namespace {

using core::load_le;
using core::store_le;

constexpr std::string_view kMagic = "MAILRACE";
constexpr size_t kHeadCrcAt = 60;
constexpr size_t kMoreAt = 64;  // since version 2
constexpr size_t kHeadUsedBytes = 72;

constexpr std::string_view kWorkerPrefix = "worker-";
constexpr size_t kWorkerDigits = 4;
constexpr std::string_view kSegmentSuffix = ".segment";
constexpr std::string_view kFreeSuffix = ".free";
constexpr size_t kSegmentDigits = 16;
static_assert(kSegmentDigits + kSegmentSuffix.size() == kSegmentNameBytes);
static_assert(kFreeSuffix.size() <= kSegmentSuffix.size());

// Of all fields but itself; those that version 2 added stand behind it.
uint32_t head_crc(core::Octets octets, uint32_t version) noexcept {
  const uint32_t crc = core::crc32c(0, octets.first(kHeadCrcAt));
  return version == 1 ? crc : core::crc32c(crc, octets.subspan(kMoreAt, kHeadUsedBytes - kMoreAt));
}

void append_padded(std::string& target, uint64_t value, int base, size_t width) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, base).ptr;
  const auto size = size_t(end - digits);
  if (size < width) target.append(width - size, '0');
  target.append(digits, size);
}

std::optional<uint64_t> parse_digits(std::string_view text, int base) noexcept {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint64_t> parse_number(std::string_view name, std::string_view suffix) noexcept {
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  if (name.size() != kSegmentDigits) return std::nullopt;
  return parse_digits(name, 16);
}

}  // namespace

void encode_segment_head(core::MutableOctets target, const SegmentHead& head) noexcept {
  MAILRACE_CHECK(target.size() == kSegmentHeadBytes);
  std::ranges::fill(target, std::byte{0});
  std::byte* const at = target.data();
  std::memcpy(at, kMagic.data(), kMagic.size());
  const uint32_t version = head.salt == 0 ? 1 : head.version;
  store_le(at + 8, version);
  store_le(at + 12, uint32_t(kSegmentHeadBytes));
  store_le(at + 16, head.generation);
  store_le(at + 24, head.worker);
  store_le(at + 32, uint64_t(head.created_at_ns));
  store_le(at + 40, head.capacity);
  store_le(at + 48, head.salt);
  if (version > 1) store_le(at + kMoreAt, head.mail_id_floor);
  store_le(at + kHeadCrcAt, head_crc(target, version));
}

core::Result<SegmentHead> decode_segment_head(core::Octets octets) noexcept {
  const bool zeros = std::ranges::all_of(octets.first(std::min(octets.size(), kHeadUsedBytes)),
                                         [](std::byte b) { return b == std::byte{0}; });
  if (zeros || octets.size() < kHeadUsedBytes) {
    return core::fail(core::Errc::torn_tail, "segment.head");
  }
  const std::byte* const at = octets.data();
  if (core::as_text(octets.first(kMagic.size())) != kMagic) {
    return core::fail(core::Errc::corrupt, "segment.magic");
  }
  const uint32_t version = load_le<uint32_t>(at + 8);
  if (load_le<uint32_t>(at + kHeadCrcAt) != head_crc(octets, version)) {
    return core::fail(core::Errc::corrupt, "segment.head_crc");
  }
  const bool ours = version >= 1 && version <= kSegmentVersion;
  if (!ours || load_le<uint32_t>(at + 12) != kSegmentHeadBytes)
    return core::fail(core::Errc::unsupported, "segment.version");
  SegmentHead head;
  head.version = version;
  head.generation = load_le<uint64_t>(at + 16);
  head.worker = load_le<uint32_t>(at + 24);
  head.created_at_ns = int64_t(load_le<uint64_t>(at + 32));
  head.capacity = load_le<uint64_t>(at + 40);
  head.salt = version == 1 ? 0 : load_le<uint64_t>(at + 48);
  head.mail_id_floor = version == 1 ? 0 : load_le<uint64_t>(at + kMoreAt);
  return head;
}

std::string worker_directory_name(uint32_t worker) {
  std::string name(kWorkerPrefix);
  append_padded(name, worker, 10, kWorkerDigits);
  return name;
}

std::optional<uint32_t> parse_worker_directory_name(std::string_view name) noexcept {
  if (!name.starts_with(kWorkerPrefix)) return std::nullopt;
  name.remove_prefix(kWorkerPrefix.size());
  if (name.size() != kWorkerDigits) return std::nullopt;
  const auto number = parse_digits(name, 10);
  if (!number) return std::nullopt;
  return uint32_t(*number);
}

void append_segment_file_name(std::string& target, uint64_t number) {
  append_padded(target, number, 16, kSegmentDigits);
  target.append(kSegmentSuffix);
}

std::string segment_file_name(uint64_t number) {
  std::string name;
  append_segment_file_name(name, number);
  return name;
}

std::optional<uint64_t> parse_segment_file_name(std::string_view name) noexcept {
  return parse_number(name, kSegmentSuffix);
}

void append_free_file_name(std::string& target, uint64_t number) {
  append_padded(target, number, 16, kSegmentDigits);
  target.append(kFreeSuffix);
}

std::string free_file_name(uint64_t number) {
  std::string name;
  append_free_file_name(name, number);
  return name;
}

std::optional<uint64_t> parse_free_file_name(std::string_view name) noexcept {
  return parse_number(name, kFreeSuffix);
}

}  // namespace mailrace::spool
