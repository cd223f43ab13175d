// SPDX-License-Identifier: GPL-3.0-or-later
// Any octets as a segment: what is read lies within the file, in order, and is read again the same;
// every mail's data is there; recovery keeps each of these mails.
//
// The input is what stands behind the head of the segment. Behind `FIX!` at its start, sequences
// and checksums are made right first, so that the fuzzer gets past them.
#include "core/base/check.h"
#include "core/base/crc32c.h"
#include "core/base/limits.h"
#include "spool/recovery.h"
#include "spool/segment.h"
#include "spool/spool_reader.h"
#include "tests/support/memory_disk.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace {
namespace {

constexpr uint64_t kGeneration = 1;
constexpr std::string_view kFix = "FIX!";

// Gives every record that can be followed by its lengths the right sequence and checksums.
void fix_checksums(std::vector<std::byte>& octets) {
  uint64_t sequence = 0;
  for (size_t at = spool::kSegmentHeadBytes; at + core::kRecordHeaderBytes <= octets.size();) {
    std::byte* const header = octets.data() + at;
    const auto body_bytes = core::load_le<uint32_t>(header + 28);
    const size_t left = octets.size() - at - core::kRecordHeaderBytes;
    if (body_bytes > left) break;
    const core::Octets body(header + core::kRecordHeaderBytes, body_bytes);
    core::store_le(header + 4, core::crc32c(0, body));
    at += size_t(spool::place_record(header, spool::SegmentKey(kGeneration), sequence++));
  }
}

std::vector<std::byte> make_segment(core::Octets input) {
  std::vector<std::byte> octets(spool::kSegmentHeadBytes);
  spool::encode_segment_head(octets, {.generation = kGeneration, .capacity = 1 << 20});
  const bool fix = core::as_text(input).starts_with(kFix);
  if (fix) input = input.subspan(kFix.size());
  octets.insert(octets.end(), input.begin(), input.end());
  if (fix) fix_checksums(octets);
  return octets;
}

void check_records(tests::MemoryDisk& disk, const std::string& path) {
  const size_t file_bytes = disk.files[path].size();
  const auto file = disk.open(path, false);
  spool::SegmentReader reader(disk, *file, {.generation = kGeneration});
  uint64_t end = spool::kSegmentHeadBytes;
  for (;;) {
    const auto step = reader.next();
    if (step == spool::SegmentReader::Step::end) break;
    if (step == spool::SegmentReader::Step::damage) {
      MAILRACE_CHECK(reader.damage().offset <= file_bytes);
      continue;
    }
    const spool::Record& record = reader.record();
    MAILRACE_CHECK(record.offset >= end);
    MAILRACE_CHECK(record.offset % core::kRecordAlignment == 0);
    end = record.offset + core::kRecordHeaderBytes + record.body.size();
    MAILRACE_CHECK(end <= file_bytes);
    const auto* stored = disk.files[path].data() + record.offset + core::kRecordHeaderBytes;
    MAILRACE_CHECK(record.body.empty() ||
                   std::memcmp(stored, record.body.data(), record.body.size()) == 0);
  }
  disk.close(*file);
}

void check_segment(core::Octets input) {
  tests::MemoryDisk disk;
  const std::string path = spool::segment_path("/spool", 0, kGeneration);
  disk.directories.insert("/spool/worker-0000");
  disk.files[path] = make_segment(input);
  check_records(disk, path);

  uint64_t mails = 0;
  spool::SpoolReader reader(disk, "/spool");
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) {
    ++mails;
    uint64_t bytes = 0;
    const auto read = reader.read_data(mail, [&](core::Octets octets) -> core::Result<void> {
      bytes += octets.size();
      return {};
    });
    MAILRACE_CHECK(read.has_value());
    MAILRACE_CHECK(bytes == mail.data_bytes);
    MAILRACE_CHECK(bytes == mail.end.data_bytes);
    MAILRACE_CHECK(!mail.envelope.recipients.empty());
    return true;
  };
  MAILRACE_CHECK(reader.walk(visit).has_value());

  const auto first = spool::recover(disk, "/spool");
  MAILRACE_CHECK(first->workers[0].mails == mails);
  const auto second = spool::recover(disk, "/spool");
  MAILRACE_CHECK(second->workers[0].mails == mails);
  MAILRACE_CHECK(second->tails_cut == 0);
}

}  // namespace
}  // namespace mailrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mailrace::check_segment(std::as_bytes(std::span(data, size)));
  return 0;
}
