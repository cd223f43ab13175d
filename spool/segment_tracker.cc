// SPDX-License-Identifier: GPL-3.0-or-later
// What is known of a finished segment is kept: nothing is written to it any more.
#include "spool/segment_tracker.h"

#include "core/base/limits.h"
#include "spool/mail_id_floor.h"
#include "spool/salvage.h"
#include "spool/segment.h"
#include "spool/segment_files.h"
#include "spool/spool_reader.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mailrace::spool {

SegmentTracker::SegmentTracker(core::Disk& disk, std::string spool_path, uint64_t segment_bytes,
                               std::vector<WriterWatch*> watches)
    : disk_(disk),
      path_(std::move(spool_path)),
      segment_bytes_(segment_bytes),
      watches_(std::move(watches)) {}

// --- segments ------------------------------------------------------------------------------------

WriterWatch* SegmentTracker::watch_of(uint32_t worker) {
  return worker < watches_.size() ? watches_[worker] : nullptr;
}

std::string SegmentTracker::worker_path(uint32_t worker) const {
  return path_ + "/" + worker_directory_name(worker);
}

core::Result<std::vector<RetainedSegment>> SegmentTracker::look(
    const std::function<bool(uint32_t worker)>& is_others) {
  MAILRACE_TRY(const std::vector<std::string> names, disk_.list(path_));
  std::vector<RetainedSegment> segments;
  for (const std::string& name : names) {
    const auto worker = parse_worker_directory_name(name);
    if (!worker || worker_directory_name(*worker) != name) continue;
    if (is_others && is_others(*worker)) {
      workers_.erase(*worker);
      continue;
    }
    if (const auto looked = look_at_worker(*worker, segments); !looked) {
      return tl::unexpected<core::Error>(looked.error());
    }
  }
  return segments;
}

// The newest one of which that is true; 0: of none.
uint64_t SegmentTracker::newest(uint32_t worker, const std::vector<uint64_t>& numbers,
                                bool SegmentStart::*is) {
  const auto found = std::ranges::find_if(numbers.rbegin(), numbers.rend(), [&](uint64_t number) {
    const std::string path = segment_path(path_, worker, number);
    return read_segment_start(disk_, path, number, /*salt=*/0).*is;
  });
  return found == numbers.rend() ? 0 : *found;
}

// The order matters, see SegmentWatch: first which segments are finished, then how far mails have
// come, then where the last of them may have ended. In doubt it has not begun in the first place,
// and has in the last.
core::Result<void> SegmentTracker::look_at_worker(uint32_t number,
                                                  std::vector<RetainedSegment>& segments) {
  MAILRACE_TRY(std::vector<uint64_t> numbers, list_segments(disk_, path_, number));
  const uint64_t begun = newest(number, numbers, &SegmentStart::has_begun);
  WriterWatch* const watch = watch_of(number);
  Worker& worker = workers_[number];
  worker.begun_lately = worker.begun == 0 ? 0 : size_t(begun - std::min(begun, worker.begun));
  worker.begun = begun;
  const uint64_t last_begun = watch == nullptr ? 0 : watch->last_begun();
  for (const uint64_t segment : numbers) {
    if (segment < begun) worker.segments.note_finished(segment, last_begun);
  }
  const uint64_t oldest_open = watch == nullptr ? WriterWatch::kNoMail : watch->oldest_open();
  MAILRACE_TRY(numbers, list_segments(disk_, path_, number));
  worker.segments.note_open_mails(oldest_open,
                                  newest(number, numbers, &SegmentStart::may_have_begun));
  worker.segments.keep_only(numbers);
  std::erase_if(worker.finished, [&](const auto& entry) {
    return !std::ranges::binary_search(numbers, entry.first);
  });
  for (const uint64_t segment : numbers) {
    const auto looked = look_at_segment(worker, number, segment);
    if (!looked && looked.error().sys_errno == ENOENT) continue;
    if (!looked) return tl::unexpected<core::Error>(looked.error());
    segments.push_back(*looked);
  }
  if (watch != nullptr) offer_free(number, *watch);
  return {};
}

core::Result<RetainedSegment> SegmentTracker::look_at_segment(Worker& worker,
                                                              uint32_t worker_number,
                                                              uint64_t number) {
  auto known = worker.finished.find(number);
  if (known == worker.finished.end()) {
    MAILRACE_TRY(const core::FileHandle file,
                 disk_.open(segment_path(path_, worker_number, number), false));
    const auto bytes = disk_.size(file);
    const auto modified = disk_.modified_at(file);
    disk_.close(file);
    if (!bytes) return tl::unexpected<core::Error>(bytes.error());
    if (!modified) return tl::unexpected<core::Error>(modified.error());
    RetainedSegment segment{
        .worker = worker_number, .number = number, .bytes = *bytes, .newest = *modified};
    segment.finished = worker.segments.is_finished(number);
    if (!segment.finished) return segment;
    known = worker.finished.emplace(number, segment).first;
  }
  RetainedSegment segment = known->second;
  segment.ends_by = worker.segments.ends_by(number);
  return segment;
}

// --- away with it --------------------------------------------------------------------------------

std::vector<uint64_t> SegmentTracker::free_segments(uint32_t worker) {
  std::vector<uint64_t> numbers;
  for (const std::string& name :
       disk_.list(worker_path(worker)).value_or(std::vector<std::string>{})) {
    const auto number = parse_free_file_name(name);
    if (number) numbers.push_back(*number);
  }
  return numbers;
}

size_t SegmentTracker::free_segments_wanted(uint32_t worker) {
  return std::clamp(2 * workers_[worker].begun_lately, core::kFreeSegmentsUsual,
                    core::kFreeSegmentsMax);
}

bool SegmentTracker::is_kept_aside(uint32_t worker, uint64_t number) {
  const auto names = disk_.list(worker_path(worker));
  return !names || std::ranges::any_of(*names, [number](const std::string& name) {
    return damaged_segment_number(name) == number;
  });
}

// Their writer knows most of them. Some it has forgotten: it could not open them, or it had lost
// its directory for a while. Those that it could not write a head to it has cut.
void SegmentTracker::offer_free(uint32_t worker, WriterWatch& watch) {
  for (const uint64_t number : free_segments(worker)) {
    const std::string path = worker_path(worker) + "/" + free_file_name(number);
    const auto file = disk_.open(path, /*writable=*/false);
    if (!file) continue;
    const bool fits = disk_.size(*file).value_or(0) == segment_bytes_;
    disk_.close(*file);
    if (fits) {
      watch.offer(number);
    } else {
      (void)disk_.remove(path);  // or the next time
    }
  }
}

// What made it go may be a record that no sync has covered yet: without power, nothing might be
// left that knows its ids. Of directories without a worker see tools/serve.
core::Result<void> SegmentTracker::raise_mail_id_floor(uint32_t worker) {
  const WriterWatch* const watch = watch_of(worker);
  if (watch == nullptr) return {};
  uint64_t& floor = workers_[worker].mail_id_floor;
  const uint64_t last_begun = watch->last_begun();
  if (last_begun == floor) return {};
  auto done = write_mail_id_floor(disk_, path_, worker, last_begun);
  if (done) floor = last_begun;
  return done;
}

core::Result<bool> SegmentTracker::take_away(const RetainedSegment& segment) {
  if (const auto raised = raise_mail_id_floor(segment.worker); !raised) {
    return tl::unexpected<core::Error>(raised.error());
  }
  const std::string path = segment_path(path_, segment.worker, segment.number);
  WriterWatch* const watch = watch_of(segment.worker);
  // Files of other lengths were cut, or made with another --segment-size. One that a repair was
  // about to replace may have a second name, to be studied.
  const bool fits = watch != nullptr && segment.bytes == segment_bytes_ &&
                    !is_kept_aside(segment.worker, segment.number);
  const size_t wanted = free_segments_wanted(segment.worker);
  if (fits && free_segments(segment.worker).size() < wanted) {
    const std::string free_path =
        worker_path(segment.worker) + "/" + free_file_name(segment.number);
    if (const auto renamed = disk_.rename(path, free_path); !renamed) {
      return tl::unexpected<core::Error>(renamed.error());
    }
    if (watch->offer(segment.number)) return true;
    if (const auto removed = disk_.remove(free_path); !removed) {
      return tl::unexpected<core::Error>(removed.error());
    }
    return false;
  }
  if (const auto removed = disk_.remove(path); !removed) {
    return tl::unexpected<core::Error>(removed.error());
  }
  return false;
}

}  // namespace mailrace::spool
