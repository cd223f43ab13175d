// SPDX-License-Identifier: GPL-3.0-or-later
// The segments of a spool as retention sees them, looked at again and again while workers write;
// and away with one that nobody needs.
#pragma once

#include "core/base/result.h"
#include "core/port/disk.h"
#include "spool/observed_writer.h"
#include "spool/retention.h"
#include "spool/segment_files.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mailrace::spool {

/// Belongs to one thread; workers never wait for it, see WriterWatch.
class SegmentTracker {
 public:
  /// disk            outlives this
  /// segment_bytes   length of the segments that the workers make; others are not used again
  /// watches         of the workers, by number; outlive this
  SegmentTracker(core::Disk& disk, std::string spool_path, uint64_t segment_bytes,
                 std::vector<WriterWatch*> watches);

  /// All segments, for recyclable_segments(), but for those of workers that another process writes
  /// for. Of these nothing is known: without a watch a mail that is still open looks as if it had
  /// ended. So what was seen of them before does not count any more either.
  /// is_others   asked before a worker's segments are looked at; may be empty
  /// fails   io: a directory cannot be listed, or a segment not be opened
  core::Result<std::vector<RetainedSegment>> look(
      const std::function<bool(uint32_t worker)>& is_others = {});

  /// Another spool may be there now: nothing that was seen before counts any more.
  void forget() { workers_.clear(); }

  /// Takes a segment away: gives its file to its worker to be used again, if there is one that may
  /// soon want it and it has the right length, or removes it. Before that the worker's mail-id
  /// floor is stable.
  /// returns   whether it is there to be used again
  core::Result<bool> take_away(const RetainedSegment& segment);

 private:
  struct Worker {
    SegmentWatch segments;
    std::map<uint64_t, RetainedSegment> finished;  // does not change any more
    uint64_t begun = 0;                            // the newest segment with records
    size_t begun_lately = 0;                       // segments, from the look before to the last one
    uint64_t mail_id_floor = 0;                    // that its file says; 0: not known
  };

  core::Result<void> look_at_worker(uint32_t worker, std::vector<RetainedSegment>& segments);
  core::Result<RetainedSegment> look_at_segment(Worker& worker, uint32_t worker_number,
                                                uint64_t number);
  uint64_t newest(uint32_t worker, const std::vector<uint64_t>& numbers, bool SegmentStart::*is);
  core::Result<void> raise_mail_id_floor(uint32_t worker);
  WriterWatch* watch_of(uint32_t worker);
  std::string worker_path(uint32_t worker) const;
  std::vector<uint64_t> free_segments(uint32_t worker);
  size_t free_segments_wanted(uint32_t worker);
  void offer_free(uint32_t worker, WriterWatch& watch);
  bool is_kept_aside(uint32_t worker, uint64_t number);

  core::Disk& disk_;
  std::string path_;
  uint64_t segment_bytes_;
  std::vector<WriterWatch*> watches_;
  std::map<uint32_t, Worker> workers_;
};

}  // namespace mailrace::spool
