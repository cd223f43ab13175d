// SPDX-License-Identifier: GPL-3.0-or-later
// The cursor's state, and its octets as in FORMAT.md. Nothing that is read is trusted before the
// checksum, and nothing behind it that the state could not have come to.
#include "spool/cursor.h"

#include "core/base/check.h"
#include "core/base/crc32c.h"
#include "core/base/limits.h"
#include "spool/record.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mailrace::spool {
namespace {

using core::load_le;
using core::store_le;

constexpr std::string_view kMagic = "MRCURSOR";
constexpr uint32_t kVersion = 1;
constexpr size_t kCrcAt = 60;

// An end record, or whatever stands in its place, is not shorter than this.
constexpr LogPosition behind(LogPosition end) noexcept {
  return {end.segment, end.offset + core::kRecordAlignment};
}

uint32_t slot_crc(core::Octets octets) noexcept {
  const uint32_t head = core::crc32c(0, octets.first(kCrcAt));
  return core::crc32c(head, octets.subspan(core::kCursorHeadBytes));
}

}  // namespace

// --- state ---------------------------------------------------------------------------------------

bool Cursor::has_room() const noexcept { return pending_.size() < core::kCursorPendingMax; }

void Cursor::hand_out(const PendingMail& mail) {
  MAILRACE_CHECK(has_room());
  MAILRACE_CHECK(mail.end >= worker(mail.worker).position);
  pending_[{mail.worker, mail.end}] = mail;
  advance(mail.worker, behind(mail.end));
}

bool Cursor::acknowledge(uint32_t worker, LogPosition end) {
  return pending_.erase({worker, end}) > 0;
}

void Cursor::advance(uint32_t worker, LogPosition position) {
  const auto found = workers_.find(worker);
  if (found == workers_.end()) {
    if (workers_.size() < core::kWorkersMax) workers_[worker] = {position, 0};
  } else if (found->second.position < position) {
    found->second.position = position;
  }
}

void Cursor::set_read_from(uint32_t worker, uint64_t segment) {
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return;
  found->second.read_from = std::min(segment, found->second.position.segment);
}

WorkerCursor Cursor::worker(uint32_t worker) const {
  const auto found = workers_.find(worker);
  return found == workers_.end() ? WorkerCursor{} : found->second;
}

std::optional<uint64_t> Cursor::first_pending_segment(uint32_t worker) const {
  std::optional<uint64_t> first;
  for (auto at = pending_.lower_bound({worker, {}}); at != pending_.end(); ++at) {
    const PendingMail& mail = at->second;
    if (mail.worker != worker) break;
    first = std::min(first.value_or(mail.first_segment), mail.first_segment);
  }
  return first;
}

// --- octets --------------------------------------------------------------------------------------

std::vector<std::byte> CursorSlot::encode() const {
  const auto& workers = cursor.workers_;
  const auto& pending = cursor.pending_;
  std::vector<std::byte> octets(core::kCursorHeadBytes + workers.size() * core::kCursorWorkerBytes +
                                pending.size() * core::kCursorPendingBytes);
  MAILRACE_CHECK(octets.size() <= core::kCursorSlotBytes);
  std::byte* at = octets.data();
  std::memcpy(at, kMagic.data(), kMagic.size());
  store_le(at + 8, kVersion);
  store_le(at + 12, uint32_t(octets.size()));
  store_le(at + 16, sequence);
  store_le(at + 24, uint64_t(saved_at.ns));
  store_le(at + 32, uint32_t(workers.size()));
  store_le(at + 36, uint32_t(pending.size()));
  at += core::kCursorHeadBytes;
  for (const auto& [number, worker] : workers) {
    store_le(at, number);
    store_le(at + 8, worker.position.segment);
    store_le(at + 16, worker.position.offset);
    store_le(at + 24, worker.read_from);
    at += core::kCursorWorkerBytes;
  }
  for (const auto& [place, mail] : pending) {
    store_le(at, mail.worker);
    store_le(at + 8, mail.mail_id);
    store_le(at + 16, mail.first_segment);
    store_le(at + 24, mail.end.segment);
    store_le(at + 32, mail.end.offset);
    at += core::kCursorPendingBytes;
  }
  store_le(octets.data() + kCrcAt, slot_crc(octets));
  return octets;
}

std::optional<size_t> CursorSlot::encoded_bytes(core::Octets head) noexcept {
  const bool known = head.size() >= core::kCursorHeadBytes &&
                     core::as_text(head.first(kMagic.size())) == kMagic;
  if (!known) return std::nullopt;
  return load_le<uint32_t>(head.data() + 12);
}

core::Result<CursorSlot> CursorSlot::decode(core::Octets octets) {
  const bool zeros = std::ranges::all_of(octets, [](std::byte b) { return b == std::byte{0}; });
  if (zeros || octets.size() < core::kCursorHeadBytes) {
    return core::fail(core::Errc::torn_tail, "cursor.slot");
  }
  const std::byte* at = octets.data();
  if (core::as_text(octets.first(kMagic.size())) != kMagic) {
    return core::fail(core::Errc::corrupt, "cursor.magic");
  }
  const uint64_t bytes = load_le<uint32_t>(at + 12);
  const uint64_t workers = load_le<uint32_t>(at + 32);
  const uint64_t pending = load_le<uint32_t>(at + 36);
  const bool counted = workers <= core::kWorkersMax && pending <= core::kCursorPendingMax &&
                       bytes == core::kCursorHeadBytes + workers * core::kCursorWorkerBytes +
                                    pending * core::kCursorPendingBytes;
  if (load_le<uint32_t>(at + 8) != kVersion) {
    return core::fail(core::Errc::unsupported, "cursor.version");
  }
  if (!counted || bytes > octets.size()) return core::fail(core::Errc::corrupt, "cursor.bytes");
  if (load_le<uint32_t>(at + kCrcAt) != slot_crc(octets.first(bytes))) {
    return core::fail(core::Errc::corrupt, "cursor.crc");
  }
  CursorSlot slot;
  slot.sequence = load_le<uint64_t>(at + 16);
  slot.saved_at.ns = int64_t(load_le<uint64_t>(at + 24));
  at += core::kCursorHeadBytes;
  for (uint64_t i = 0; i < workers; ++i, at += core::kCursorWorkerBytes) {
    const WorkerCursor worker{{load_le<uint64_t>(at + 8), load_le<uint64_t>(at + 16)},
                              load_le<uint64_t>(at + 24)};
    const auto number = load_le<uint32_t>(at);
    const bool ordered =
        slot.cursor.workers_.empty() || slot.cursor.workers_.rbegin()->first < number;
    if (!ordered || number >= core::kWorkersMax || worker.read_from > worker.position.segment) {
      return core::fail(core::Errc::corrupt, "cursor.worker");
    }
    slot.cursor.workers_[number] = worker;
  }
  for (uint64_t i = 0; i < pending; ++i, at += core::kCursorPendingBytes) {
    const PendingMail mail{load_le<uint32_t>(at),
                           load_le<uint64_t>(at + 8),
                           load_le<uint64_t>(at + 16),
                           {load_le<uint64_t>(at + 24), load_le<uint64_t>(at + 32)}};
    const Cursor::Place place{mail.worker, mail.end};
    const bool ordered =
        slot.cursor.pending_.empty() || slot.cursor.pending_.rbegin()->first < place;
    if (!ordered || mail.first_segment > mail.end.segment ||
        mail.end >= slot.cursor.worker(mail.worker).position) {
      return core::fail(core::Errc::corrupt, "cursor.pending");
    }
    slot.cursor.pending_[place] = mail;
  }
  return slot;
}

}  // namespace mailrace::spool
