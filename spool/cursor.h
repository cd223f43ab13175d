// SPDX-License-Identifier: GPL-3.0-or-later
// Which mails a consumer has acknowledged: a position in each worker's log, and the exceptions
// below it.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/time.h"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace mailrace::spool {

/// A place in the log of one worker; segments are in the order of their numbers.
struct LogPosition {
  uint64_t segment = 0;  // number; 0: before all
  uint64_t offset = 0;   // octets from the start of the file

  auto operator<=>(const LogPosition&) const = default;
};

/// How far a consumer is with one worker.
struct WorkerCursor {
  /// Every mail whose end record begins below it was handed out. Never moves back.
  LogPosition position;
  /// Number of the segment that reading must begin with, so that mails which end at or behind
  /// `position` are whole; never above position.segment.
  uint64_t read_from = 0;

  bool operator==(const WorkerCursor&) const = default;
};

/// A mail below the position that is not acknowledged: in flight, held, or not whole.
struct PendingMail {
  uint32_t worker = 0;
  uint64_t mail_id = 0;        // 0: no mail, but a place that does not check
  uint64_t first_segment = 0;  // with the mail's first record; 0: not known
  LogPosition end;             // of its end record

  bool operator==(const PendingMail&) const = default;
};

/// The state of one consumer, in memory. A mail is handed out once, in the order of the log;
/// acknowledgements come in any order. What is handed out and not acknowledged is pending; a
/// consumer that starts again is given exactly that, and everything from the positions on.
class Cursor {
 public:
  /// Whether something can be handed out: fewer than kCursorPendingMax are pending.
  bool has_room() const noexcept;

  /// Notes that a mail, or a place that does not check, was handed out: the position of its worker
  /// moves behind it. Requires: has_room(), mail.end at or behind the position.
  void hand_out(const PendingMail& mail);

  /// The mail that ends there needs no further attention. returns  whether it was pending
  bool acknowledge(uint32_t worker, LogPosition end);

  /// Nothing ends between the position and here any more. A position below the present one, and
  /// one for more than kWorkersMax workers, changes nothing.
  void advance(uint32_t worker, LogPosition position);

  /// See WorkerCursor::read_from; what lies above the position counts as the position's segment.
  void set_read_from(uint32_t worker, uint64_t segment);

  /// The state of a worker; of one that nothing was handed out from: before all.
  WorkerCursor worker(uint32_t worker) const;
  const std::map<uint32_t, WorkerCursor>& workers() const noexcept { return workers_; }

  /// Pending mails, by worker and end.
  using Place = std::pair<uint32_t, LogPosition>;
  const std::map<Place, PendingMail>& pending() const noexcept { return pending_; }
  bool is_pending(uint32_t worker, LogPosition end) const {
    return pending_.contains({worker, end});
  }

  /// The lowest segment of the worker with a pending mail, if there is any.
  std::optional<uint64_t> first_pending_segment(uint32_t worker) const;

  bool operator==(const Cursor&) const = default;

 private:
  friend struct CursorSlot;
  std::map<uint32_t, WorkerCursor> workers_;
  std::map<Place, PendingMail> pending_;
};

/// One saved state, as it stands in a slot of a cursor file.
struct CursorSlot {
  uint64_t sequence = 0;  // of two slots the greater one holds
  core::WallTime saved_at;
  Cursor cursor;

  /// Octets of the slot. source: spool/FORMAT.md, "Cursor"
  std::vector<std::byte> encode() const;

  /// How long the slot is, as it says itself; nothing that may be trusted before decode().
  /// head      its first octets
  /// returns   nothing: it is no slot, or there are fewer than kCursorHeadBytes
  static std::optional<size_t> encoded_bytes(core::Octets head) noexcept;

  /// octets   the slot, or as much of it as the file has
  /// fails    torn_tail: too short, or zeros; corrupt: what no writer of ours wrote, or only in
  ///          part; unsupported: a format version that is not ours
  static core::Result<CursorSlot> decode(core::Octets octets);
};

}  // namespace mailrace::spool
