// SPDX-License-Identifier: GPL-3.0-or-later
// Before a server starts: what is in the spool, and away with what a crash left unfinished.
#pragma once

#include "core/base/result.h"
#include "core/port/disk.h"
#include "spool/spool_reader.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mailrace::spool {

/// A segment that waits to be used again.
struct FreeSegment {
  uint64_t number = 0;
  uint64_t bytes = 0;  // of the file
};

/// What the writer of one worker must know.
struct WorkerRecovery {
  uint32_t worker = 0;
  uint64_t next_segment = 1;  // no file in the directory has, or had, this number or a greater one
  uint64_t last_mail_id = 0;  // the greatest that was read, accepted or not, or mail_id_floor
  uint64_t mail_id_floor = 0;  // what the file of that name says
  uint64_t salt = 0;          // of its segments; 0: none has one
  std::vector<FreeSegment> free_segments = {};
  uint64_t mails = 0;   // accepted; with a footer, as many as it says
  uint64_t octets = 0;  // of mail data in them
};

struct Recovery {
  std::vector<WorkerRecovery> workers;  // those that have a directory, sorted
  std::vector<Finding> findings;        // the first kFindingsMax
  uint64_t findings_count = 0;          // all
  uint64_t tails_cut = 0;
  uint64_t octets_cut = 0;  // allocated octets that were given back included
  uint64_t segments_removed = 0;
  uint64_t segments_kept = 0;  // had no records, and wait to be used again
  uint64_t segments_read = 0;  // from end to end, because they have no footer that checks
};

/// Reads the footers of sealed segments and all of the others: those that a crash left, and old
/// ones. Cuts tails that a crash left in the newest segments, removes those without any record, or
/// makes them NUMBER.free if they have their full length. Octets that do not check but have whole
/// records behind them stay as they are and are reported, where segments are read; no damage stops
/// it. Requires: no server writes to the spool.
///
/// disk         where files can be opened for writing
/// spool_path   exists; may be empty
/// fails        io: the spool directory cannot be listed
core::Result<Recovery> recover(core::Disk& disk, const std::string& spool_path);

/// The same for one worker, who must have a directory. For several at a time, each with a disk of
/// its own; add_recovery() makes one of them all.
core::Result<Recovery> recover_worker(core::Disk& disk, const std::string& spool_path,
                                      uint32_t worker);
void add_recovery(Recovery& all, Recovery&& other);

}  // namespace mailrace::spool
