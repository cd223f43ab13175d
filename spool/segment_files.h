// SPDX-License-Identifier: GPL-3.0-or-later
// The segment files of a worker: which there are, and whether anything stands in one.
#pragma once

#include "core/base/result.h"
#include "core/port/disk.h"
#include "spool/segment.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {

/// Numbers of the segments of a worker, sorted.
/// fails   io: the directory cannot be listed
core::Result<std::vector<uint64_t>> list_segments(core::Disk& disk, const std::string& spool_path,
                                                  uint32_t worker);

/// A number that no segment of the worker has, in use or free, and that is above all of theirs.
/// fails   io: the directory cannot be listed
core::Result<uint64_t> next_segment_number(core::Disk& disk, const std::string& spool_path,
                                           uint32_t worker);

/// The spool's salt, that any head in the worker's directory tells, for segments whose own head is
/// damaged. returns   0: no head checks
uint64_t find_salt(core::Disk& disk, const std::string& spool_path, uint32_t worker);

/// The head of a segment and the header of its first record, if they check.
struct SegmentStart {
  std::optional<SegmentHead> head;
  /// Has a record: from then on nothing is written to the segments before it.
  bool has_begun = false;
  /// Has one, or nobody can tell: it cannot be read, or what stands there is neither a record nor
  /// what a new file or an earlier generation has in its place.
  bool may_have_begun = false;
  bool is_missing = false;

  bool has_other_head(uint64_t number) const { return head && head->generation != number; }
};
/// salt   of the spool, for a segment whose head does not check; 0: not known
SegmentStart read_segment_start(core::Disk& disk, const std::string& path, uint64_t number,
                                uint64_t salt);

/// As SegmentStart::has_begun, for a segment whose head had this salt: that is not read again.
/// returns  nothing: what stands there tells nothing without the head
std::optional<bool> has_first_record(core::Disk& disk, const std::string& path, uint64_t number,
                                     uint64_t salt);

}  // namespace mailrace::spool
