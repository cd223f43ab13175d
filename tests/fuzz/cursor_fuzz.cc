// SPDX-License-Identifier: GPL-3.0-or-later
// Any octets as a cursor file, as a slot of one, and as an operations log.
//
// The first octet says which. A slot that is read writes and reads again the same, and its state
// can go on: positions only grow, pending mails can be acknowledged. A file that opens takes an
// update, and reads as that update. A log that is read takes a record, and reads with it; no record
// but a torn last one disappears.
//
// Behind `FIX!` checksums are made right first, so that the fuzzer gets past them.
#include "core/base/check.h"
#include "core/base/crc32c.h"
#include "core/base/limits.h"
#include "spool/consumers.h"
#include "spool/cursor.h"
#include "spool/operations.h"
#include "tests/support/memory_disk.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mailrace {
namespace {

constexpr std::string_view kFix = "FIX!";
constexpr size_t kOperationsHeadBytes = 64;

std::vector<std::byte> take(core::Octets& input, bool& fix) {
  fix = core::as_text(input).starts_with(kFix);
  if (fix) input = input.subspan(kFix.size());
  return {input.begin(), input.end()};
}

void fix_slot(core::MutableOctets slot) {
  if (slot.size() < core::kCursorHeadBytes) return;
  const uint64_t bytes = core::kCursorHeadBytes +
                         core::load_le<uint32_t>(&slot[32]) * core::kCursorWorkerBytes +
                         core::load_le<uint32_t>(&slot[36]) * core::kCursorPendingBytes;
  if (bytes > slot.size()) return;
  core::store_le(&slot[12], uint32_t(bytes));
  const uint32_t head = core::crc32c(0, slot.first(60));
  const core::Octets rest = core::Octets(slot).first(bytes).subspan(core::kCursorHeadBytes);
  core::store_le(&slot[60], core::crc32c(head, rest));
}

void go_on(spool::Cursor cursor) {
  const auto workers = cursor.workers();
  const auto pending = cursor.pending();
  for (const auto& [number, worker] : workers) {
    cursor.advance(number, {0, 0});
    MAILRACE_CHECK(cursor.worker(number) == worker);
    MAILRACE_CHECK(worker.read_from <= worker.position.segment);
    const auto first = cursor.first_pending_segment(number);
    MAILRACE_CHECK(!first || *first <= worker.position.segment);
  }
  for (const auto& [place, mail] : pending) {
    MAILRACE_CHECK(mail.end < cursor.worker(mail.worker).position);
    MAILRACE_CHECK(cursor.acknowledge(mail.worker, mail.end));
  }
  MAILRACE_CHECK(cursor.pending().empty());
  MAILRACE_CHECK(cursor.has_room());
}

void check_slot(core::Octets input) {
  bool fix = false;
  auto octets = take(input, fix);
  if (fix) fix_slot(octets);
  const auto slot = spool::CursorSlot::decode(octets);
  if (!slot) return;
  const auto written = slot->encode();
  MAILRACE_CHECK(written.size() <= octets.size());
  const auto again = spool::CursorSlot::decode(written);
  MAILRACE_CHECK(again.has_value());
  MAILRACE_CHECK(again->sequence == slot->sequence && again->saved_at == slot->saved_at);
  MAILRACE_CHECK(again->cursor == slot->cursor);
  go_on(slot->cursor);
}

// The input is the beginning of both slots, the second half of it the second one's.
void check_file(core::Octets input) {
  tests::MemoryDisk disk;
  const std::string path = spool::cursor_path("/spool", "c");
  bool fix = false;
  const auto octets = take(input, fix);
  const size_t half = octets.size() / 2;
  auto& file = disk.files[path];
  file = {octets.begin(), octets.begin() + ptrdiff_t(half)};
  file.resize(std::min<size_t>(half, core::kCursorSlotBytes));
  if (fix) fix_slot(file);
  if (octets.size() > half) {
    file.resize(core::kCursorSlotBytes);
    std::vector<std::byte> second(octets.begin() + ptrdiff_t(half), octets.end());
    if (fix) fix_slot(second);
    file.insert(file.end(), second.begin(), second.end());
  }
  const auto before = spool::read_cursor(disk, path);
  spool::CursorFile cursor(disk, "/spool", "c");
  const auto opened = cursor.open();
  MAILRACE_CHECK(opened.has_value() == before.has_value());
  if (!opened) return;
  MAILRACE_CHECK(cursor.cursor() == before->cursor);
  if (before->sequence == UINT64_MAX) return;  // no writer of ours comes to this
  cursor.cursor().advance(0, {UINT64_MAX, 0});
  MAILRACE_CHECK(cursor.save({1}).has_value());
  MAILRACE_CHECK(spool::read_cursor(disk, path)->cursor == cursor.cursor());
}

void fix_log(std::vector<std::byte>& octets) {
  if (octets.size() < kOperationsHeadBytes) return;
  core::store_le(&octets[60], core::crc32c(0, core::Octets(octets).first(60)));
  uint64_t sequence = 0;
  for (size_t at = kOperationsHeadBytes; at + spool::kOperationBytes <= octets.size();
       at += spool::kOperationBytes) {
    core::store_le(&octets[at + 8], sequence++);
    const auto covered = core::Octets(octets).subspan(at + 4, spool::kOperationBytes - 4);
    core::store_le(&octets[at], core::crc32c(0, covered));
  }
}

void check_log(core::Octets input) {
  tests::MemoryDisk disk;
  bool fix = false;
  auto octets = take(input, fix);
  if (fix) fix_log(octets);
  disk.files["/spool/operations.log"] = octets;
  spool::Operations log(disk, "/spool");
  const bool read = log.refresh().has_value();
  const auto marks = log.marks().size();
  const uint64_t damages = log.damages();
  const bool appended =
      log.append({spool::OperationKind::hold, 1, 0x1234567, {2}, 3, 4}).has_value();
  MAILRACE_CHECK(appended == read);
  if (!read) {
    MAILRACE_CHECK(disk.files["/spool/operations.log"] == octets);
    return;
  }
  spool::Operations again(disk, "/spool");
  MAILRACE_CHECK(again.refresh().has_value());
  MAILRACE_CHECK(again.of(0x1234567).held);
  MAILRACE_CHECK(again.marks().size() >= marks && again.marks().size() <= marks + 1);
  MAILRACE_CHECK(again.damages() == damages);
}

}  // namespace
}  // namespace mailrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const mailrace::core::Octets input = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 3) {
    case 0:
      mailrace::check_slot(input);
      break;
    case 1:
      mailrace::check_file(input);
      break;
    default:
      mailrace::check_log(input);
      break;
  }
  return 0;
}
