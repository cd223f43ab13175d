// SPDX-License-Identifier: GPL-3.0-or-later
// Which segments nobody needs any more. Pure: what is on the disk, and what time it is, is said.
#pragma once

#include "core/base/time.h"
#include "spool/cursor.h"
#include "spool/operations.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace mailrace::spool {

/// Finds out when all mails that have records in a segment have come to their end, without reading
/// them: a mail that began after nothing was written to a segment any more has nothing in it, and
/// one that began before has ended when no older one is open.
class SegmentWatch {
 public:
  /// Nothing is written to the segment any more. To be called once for each.
  /// last_begun   greatest mail id given out, read after that was known; 0 for what an earlier
  ///              server left: no mail of it can go on
  void note_finished(uint64_t number, uint64_t last_begun);
  bool is_finished(uint64_t number) const { return segments_.contains(number); }

  /// oldest_open       least id of the mails that may still get records
  /// highest_segment   number of the newest segment with a record, looked up after oldest_open was
  ///                   read
  void note_open_mails(uint64_t oldest_open, uint64_t highest_segment);

  /// No mail that has records in the segment ends in a segment above this one; nothing: not known.
  std::optional<uint64_t> ends_by(uint64_t number) const;

  /// Forgets segments that are gone. numbers   sorted: all that are there
  void keep_only(std::span<const uint64_t> numbers);

 private:
  struct Watched {
    uint64_t last_begun = 0;
    std::optional<uint64_t> ends_by;
  };
  std::map<uint64_t, Watched> segments_;
};

/// A segment as retention sees it.
struct RetainedSegment {
  uint32_t worker = 0;
  uint64_t number = 0;
  uint64_t bytes = 0;                    // of the file
  bool finished = false;                 // a later segment of the worker has a record
  core::WallTime newest = {};            // no mail in it was accepted later
  std::optional<uint64_t> ends_by = {};  // see SegmentWatch::ends_by()
};

/// For a spool without consumers; with neither, nothing is ever removed.
struct RetentionRules {
  std::optional<core::Duration> retain_for;
  std::optional<uint64_t> retain_bytes;  // of all segments together
};

/// The segments that nobody needs any more.
///
/// With consumers: those whose mails were all acknowledged by each of them; the rules do not count.
/// Without: those whose mails are all older than retain_for, and the oldest ones while there are
/// more than retain_bytes. In either case never one that is not finished, nor one that may have
/// records of a mail that goes on or is held.
///
/// segments    all of the spool, by worker, then number
/// consumers   all that are registered
/// marks       what operators said
/// returns     indices into `segments`, in order
std::vector<size_t> recyclable_segments(std::span<const RetainedSegment> segments,
                                        std::span<const Cursor> consumers, const Operations& marks,
                                        const RetentionRules& rules, core::WallTime now);

}  // namespace mailrace::spool
