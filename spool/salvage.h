// SPDX-License-Identifier: GPL-3.0-or-later
// What can be read of damaged segments, put into whole ones that take their places.
#pragma once

#include "core/base/result.h"
#include "core/port/disk.h"
#include "spool/cursor.h"
#include "spool/spool_reader.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::spool {

/// A segment that is to be replaced.
struct DamagedSegment {
  uint64_t number = 0;
  std::string file;
  uint64_t salt = 0;           // that its records check with
  int64_t created_at_ns = 0;   // 0: its head does not check
  uint64_t mail_id_floor = 0;  // no mail id up to this one may be given out again
  bool unfinished = false;     // see ReaderOptions::unfinished
};

/// What is to be done in the directory of one worker.
struct WorkerSalvage {
  uint32_t worker = 0;
  std::vector<DamagedSegment> segments;  // in the order of their numbers
  std::vector<uint64_t> lost;            // ids of mails that are not whole any more, sorted
  /// What must be moved away before anything is done here: segments that cannot be opened, or of
  /// which nothing can be read, may have records of mails that would be taken for lost.
  std::vector<Finding> in_the_way;
};

/// Reads one worker's segments and tells what there is to do. Two kinds are replaced: those with
/// octets that do not check, and those in which a mail ends that is not whole any more.
///
/// visit    is told findings and progress, and is asked for patience; nothing else of it is used
/// fails    io: the spool directory cannot be listed
core::Result<WorkerSalvage> plan_salvage(core::Disk& disk, const std::string& spool_path,
                                         uint32_t worker, const SpoolVisit& visit);

/// What became of one segment.
struct SalvageOutcome {
  uint64_t records = 0;          // kept
  uint64_t mails = 0;            // end records among them
  uint64_t places = 0;           // where something was left out
  uint64_t octets_left_out = 0;  // in these, what stands behind the last kept record included
  std::string kept_as;           // the damaged file's new name, without the directory
};

/// Makes a new file with all records of the segment but those that do not check and those of lost
/// mails, checks it, and gives it the segment's name; the damaged file keeps its octets under the
/// name NUMBER.damaged, or NUMBER.damaged.2 and so on if there is one already. Whatever a crash
/// leaves, one of the two has the segment's name, and each can be read; it may be done once more.
///
/// Records keep their offsets, and so does every mail: cursors of consumers, held mails and mails
/// that go on in other segments need not know. What is left out is filled with marks.
///
/// measure   only tells what would be kept, and writes nothing
/// fails     io, no_space; corrupt: what was written does not read as it should, or the places
///           cannot be kept. The segment is then what it was.
/// Requires: no server writes to the spool.
core::Result<SalvageOutcome> salvage_segment(core::Disk& disk, const std::string& spool_path,
                                             const WorkerSalvage& plan,
                                             const DamagedSegment& segment, bool measure);

/// Whether the segment that a pending mail ends in checks as a whole, is written to no more, and
/// has no end record in that place: salvage_segment() left the mail out, or the server or recovery
/// cut the segment in front of it. Of a place that did not check: whether it does now, repaired.
bool was_left_out(core::Disk& disk, const std::string& spool_path, const PendingMail& mail);

/// Of a place that did not check, if its segment does now although nobody repaired it, because a
/// block can be read again: the mails that end there or behind it. Some of them may have been
/// handed out before, for nobody knows how far the damage went.
/// returns   nothing: it does not check, or was repaired
std::optional<std::vector<PendingMail>> healed_mails(core::Disk& disk,
                                                     const std::string& spool_path,
                                                     const PendingMail& place);

/// The number of the damaged segment that salvage_segment() kept under a name; nothing: it did not.
std::optional<uint64_t> damaged_segment_number(std::string_view name) noexcept;

}  // namespace mailrace::spool
