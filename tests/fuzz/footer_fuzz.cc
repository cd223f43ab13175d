// SPDX-License-Identifier: GPL-3.0-or-later
// Any octets as the end of a segment: a footer that is read lies within the file, does not survive
// a change of what it stands on, and names nothing outside; recovery believes it and changes
// nothing; what the index finds is a mail of that id, whole.
//
// The input is what stands behind the head of the segment. Behind `FIX!` at its start, sequences
// and checksums of the records, and the places in a seal that the fuzzer cannot guess, are made
// right first. The octet behind that chooses what is changed afterwards.
#include "core/base/check.h"
#include "core/base/crc32c.h"
#include "core/base/limits.h"
#include "spool/follower.h"
#include "spool/footer.h"
#include "spool/recovery.h"
#include "tests/support/memory_disk.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace {
namespace {

constexpr uint64_t kGeneration = 3;
constexpr uint64_t kSalt = 0x0123456789abcdef;
constexpr std::string_view kFix = "FIX!";

std::string path() { return spool::segment_path("/spool", 0, kGeneration); }

// A seal says where its write began, and the mark there says the same.
void fix_places(std::byte* mark, uint64_t mark_at, std::byte* seal, uint64_t records) {
  core::store_le(seal + core::kRecordHeaderBytes + 8, records);
  if (mark == nullptr) return;
  core::store_le(seal + core::kRecordHeaderBytes + 64, mark_at);
  core::store_le(mark + core::kRecordHeaderBytes, mark_at);
}

// Gives every record that can be followed by its lengths the right sequence and checksums.
void fix(std::vector<std::byte>& octets) {
  const spool::SegmentKey key(kGeneration, kSalt);
  std::byte* mark = nullptr;
  uint64_t mark_at = 0;
  uint64_t sequence = 0;
  const auto seal_record = [&](std::byte* header, uint64_t at_sequence) {
    const auto bytes = core::load_le<uint32_t>(header + 28);
    const core::Octets body(header + core::kRecordHeaderBytes, bytes);
    core::store_le(header + 4, core::crc32c(0, body));
    return spool::place_record(header, key, at_sequence);
  };
  for (size_t at = spool::kSegmentHeadBytes; at + core::kRecordHeaderBytes <= octets.size();) {
    std::byte* const header = octets.data() + at;
    const auto body_bytes = core::load_le<uint32_t>(header + 28);
    const auto type = core::load_le<uint16_t>(header + 24);
    if (body_bytes > octets.size() - at - core::kRecordHeaderBytes) break;
    const bool is_seal = type == uint16_t(spool::RecordType::seal);
    if (is_seal && body_bytes == spool::kSealBodyBytes) {
      fix_places(mark, mark_at, header, sequence);
      if (mark != nullptr) seal_record(mark, sequence - 1);
    }
    const bool is_mark = type == uint16_t(spool::RecordType::mark) && body_bytes >= 8;
    mark = is_mark ? header : nullptr;
    mark_at = at;
    at += size_t(seal_record(header, sequence++));
  }
}

std::vector<std::byte> make_segment(core::Octets input, bool fixed) {
  std::vector<std::byte> octets(spool::kSegmentHeadBytes);
  spool::encode_segment_head(
      octets, {.generation = kGeneration, .capacity = 1 << 20, .salt = kSalt, .mail_id_floor = 7});
  octets.insert(octets.end(), input.begin(), input.end());
  if (fixed) fix(octets);
  return octets;
}

std::optional<spool::Footer> footer_of(tests::MemoryDisk& disk) {
  const auto file = disk.open(path(), /*writable=*/false);
  const auto footer = spool::read_footer(disk, *file, kGeneration);
  disk.close(*file);
  return footer;
}

void check_bounds(const spool::Footer& footer, uint64_t file_bytes) {
  const spool::SealBody& seal = footer.seal;
  MAILRACE_CHECK(footer.end <= file_bytes && file_bytes - footer.end < core::kBlockBytes);
  MAILRACE_CHECK(footer.seal_at + spool::kSealRecordBytes == footer.end);
  MAILRACE_CHECK(seal.began_at >= spool::kSegmentHeadBytes && seal.began_at < footer.seal_at);
  MAILRACE_CHECK(seal.index_at < seal.began_at);
  MAILRACE_CHECK(seal.index_entries <= seal.mails && seal.mails <= seal.records);
  MAILRACE_CHECK(seal.first_ended <= seal.last_ended);
  MAILRACE_CHECK(footer.mail_id_max() >= 7 && footer.mail_id_max() >= seal.last_ended);
}

// Whatever it is that changed, if the footer stands on it, the footer is gone.
void check_change(tests::MemoryDisk& disk, const spool::Footer& footer, uint8_t choice) {
  std::vector<std::byte>& octets = disk.files[path()];
  const auto before = octets;
  const uint64_t at = footer.seal.began_at + choice % (footer.end - footer.seal.began_at);
  octets[at] ^= std::byte{0x21};
  MAILRACE_CHECK(!footer_of(disk));
  octets = before;
  octets[choice % 60] ^= std::byte{0x21};
  MAILRACE_CHECK(!footer_of(disk));
  octets = before;
}

uint64_t check_index(tests::MemoryDisk& disk, const spool::Footer& footer) {
  uint64_t entries = 0;
  uint64_t last = 0;
  const auto file = disk.open(path(), /*writable=*/false);
  const bool read = spool::read_index(disk, *file, footer, [&](const spool::IndexEntry& entry) {
    ++entries;
    last = entry.mail_id;
    return true;
  });
  disk.close(*file);
  MAILRACE_CHECK(entries <= footer.seal.index_entries);
  MAILRACE_CHECK(!read || entries == footer.seal.index_entries);
  return last;
}

void check_footer(core::Octets input) {
  const bool fixed = core::as_text(input).starts_with(kFix) && input.size() > kFix.size();
  const auto choice = fixed ? uint8_t(input[kFix.size()]) : uint8_t{0};
  tests::MemoryDisk disk;
  disk.directories.insert("/spool/worker-0000");
  disk.files[path()] = make_segment(fixed ? input.subspan(kFix.size() + 1) : input, fixed);
  const auto footer = footer_of(disk);
  if (!footer) {
    MAILRACE_CHECK(!spool::find_in_index(disk, "/spool", 0, 1));
    return;
  }
  check_bounds(*footer, disk.files[path()].size());
  const uint64_t last = check_index(disk, *footer);
  if (const auto place = spool::find_in_index(disk, "/spool", 0, last)) {
    MAILRACE_CHECK(place->mail_id == last && place->end.segment == kGeneration);
    const auto mail = spool::find_mail(disk, "/spool", *place);
    MAILRACE_CHECK(!mail || mail->mail_id == last);
  }
  const auto before = disk.files;
  const auto recovery = spool::recover(disk, "/spool");
  MAILRACE_CHECK(recovery->segments_read == 0 && disk.files == before);
  MAILRACE_CHECK(recovery->workers[0].mails == footer->seal.mails);
  MAILRACE_CHECK(recovery->workers[0].last_mail_id == footer->mail_id_max());
  check_change(disk, *footer, choice);
  MAILRACE_CHECK(disk.open_count == 0);
}

}  // namespace
}  // namespace mailrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mailrace::check_footer(std::as_bytes(std::span(data, size)));
  return 0;
}
