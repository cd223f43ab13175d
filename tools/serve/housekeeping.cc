// SPDX-License-Identifier: GPL-3.0-or-later
// Between the look at the operations log and the removal, nobody can hold a mail: that needs the
// same lock. A consumer that registers meanwhile finds what is left, as if it had come later.
#include "tools/serve/housekeeping.h"

#include "net/system_clock.h"
#include "spool/consumers.h"
#include "spool/segment.h"
#include "spool/segment_files.h"
#include "spool/spool_reader.h"
#include "tools/lib/file_lock.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);

}  // namespace

Housekeeping::Housekeeping(HousekeepingOptions options, std::vector<spool::WriterWatch*> watches,
                           Log& log)
    : options_(std::move(options)),
      watches_(std::move(watches)),
      log_(log),
      operations_(disk_, options_.spool) {}

void Housekeeping::start() {
  thread_ = std::thread([this] { run(); });
}

void Housekeeping::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_asked_.notify_all();
  thread_.join();
}

void Housekeeping::run() {
  std::unique_lock lock(mutex_);
  while (!stop_asked_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void Housekeeping::complain(const std::string& file, const core::Error& error) {
  const std::string what = error.sys_errno != 0
                               ? std::string(error.where) + ": " + std::strerror(error.sys_errno)
                               : error.where;
  if (std::exchange(complained_, file + what) == complained_) return;
  log_.line(LogLevel::warning, "housekeeping", {{"file", file}, {"what", what}});
}

size_t Housekeeping::look() {
  const auto consumers = read_consumers();
  if (!consumers) return 0;
  const bool ruled = options_.rules.retain_for || options_.rules.retain_bytes;
  if (consumers->empty() && !ruled) return 0;
  FileLock lock;
  const std::string lock_path = options_.spool + "/operations.lock";
  if (lock.acquire(lock_path, FileLock::Kind::try_exclusive) != 0) return 0;
  if (!read_operations()) return 0;
  const auto segments = look_at_segments();
  if (!segments) {
    complain(options_.spool, segments.error());
    return 0;
  }
  size_t taken = 0;
  for (const size_t i : spool::recyclable_segments(*segments, *consumers, operations_,
                                                   options_.rules, net::SystemClock().wall_now())) {
    const spool::RetainedSegment& segment = (*segments)[i];
    const std::string file = spool::segment_path(options_.spool, segment.worker, segment.number);
    const auto reused = take_away(segment);
    if (!reused) {
      complain(file, reused.error());
      break;
    }
    ++taken;
    log_.line(LogLevel::info, "segment_taken_away",
              {{"file", file}, {"octets", segment.bytes}, {"reused", uint64_t{*reused}}});
  }
  return taken;
}

// --- what stands in the way ----------------------------------------------------------------------

std::optional<std::vector<spool::Cursor>> Housekeeping::read_consumers() {
  const auto names = spool::list_consumers(disk_, options_.spool);
  if (!names) {
    complain(spool::consumers_path(options_.spool), names.error());
    return std::nullopt;
  }
  std::vector<spool::Cursor> consumers;
  for (const std::string& name : *names) {
    const std::string path = spool::cursor_path(options_.spool, name);
    auto slot = spool::read_cursor(disk_, path);
    if (!slot) {
      if (slot.error().sys_errno == ENOENT) continue;  // forgotten since
      complain(path, slot.error());
      return std::nullopt;
    }
    consumers.push_back(std::move(slot->cursor));
  }
  return consumers;
}

bool Housekeeping::read_operations() {
  if (const auto read = operations_.refresh(); !read) {
    complain(operations_.path(), read.error());
    return false;
  }
  if (operations_.damages() == 0) return true;
  complain(operations_.path(),
           {core::Errc::corrupt, 0, "damaged: which mails are held is unknown"});
  return false;
}

// --- segments ------------------------------------------------------------------------------------

spool::WriterWatch* Housekeeping::watch_of(uint32_t worker) {
  return worker < watches_.size() ? watches_[worker] : nullptr;
}

core::Result<std::vector<spool::RetainedSegment>> Housekeeping::look_at_segments() {
  MAILRACE_TRY(const std::vector<std::string> names, disk_.list(options_.spool));
  std::vector<spool::RetainedSegment> segments;
  for (const std::string& name : names) {
    const auto worker = spool::parse_worker_directory_name(name);
    if (!worker || spool::worker_directory_name(*worker) != name) continue;
    if (const auto looked = look_at_worker(*worker, segments); !looked) {
      return tl::unexpected<core::Error>(looked.error());
    }
  }
  return segments;
}

// The newest one that has a record; 0: none has. A segment before it is finished.
uint64_t Housekeeping::newest_begun(uint32_t worker, const std::vector<uint64_t>& numbers) {
  const auto begun = std::ranges::find_if(numbers.rbegin(), numbers.rend(), [&](uint64_t number) {
    const std::string path = spool::segment_path(options_.spool, worker, number);
    return spool::read_segment_start(disk_, path, number, /*salt=*/0).has_begun;
  });
  return begun == numbers.rend() ? 0 : *begun;
}

// The order matters, see SegmentWatch: first which segments are finished, then how far mails have
// come, then where the last of them may have ended.
core::Result<void> Housekeeping::look_at_worker(uint32_t number,
                                                std::vector<spool::RetainedSegment>& segments) {
  MAILRACE_TRY(std::vector<uint64_t> numbers, spool::list_segments(disk_, options_.spool, number));
  const uint64_t newest = newest_begun(number, numbers);
  const spool::WriterWatch* const watch = watch_of(number);
  Worker& worker = workers_[number];
  const uint64_t last_begun = watch == nullptr ? 0 : watch->last_begun();
  for (const uint64_t segment : numbers) {
    if (segment < newest) worker.segments.note_finished(segment, last_begun);
  }
  const uint64_t oldest_open =
      watch == nullptr ? spool::WriterWatch::kNoMail : watch->oldest_open();
  MAILRACE_TRY(numbers, spool::list_segments(disk_, options_.spool, number));
  worker.segments.note_open_mails(oldest_open, newest_begun(number, numbers));
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
  return {};
}

core::Result<spool::RetainedSegment> Housekeeping::look_at_segment(Worker& worker,
                                                                   uint32_t worker_number,
                                                                   uint64_t number) {
  auto known = worker.finished.find(number);
  if (known == worker.finished.end()) {
    MAILRACE_TRY(const core::FileHandle file,
                 disk_.open(spool::segment_path(options_.spool, worker_number, number), false));
    const auto bytes = disk_.size(file);
    const auto modified = disk_.modified_at(file);
    disk_.close(file);
    if (!bytes) return tl::unexpected<core::Error>(bytes.error());
    if (!modified) return tl::unexpected<core::Error>(modified.error());
    spool::RetainedSegment segment{
        .worker = worker_number, .number = number, .bytes = *bytes, .newest = *modified};
    segment.finished = worker.segments.is_finished(number);
    if (!segment.finished) return segment;
    known = worker.finished.emplace(number, segment).first;
  }
  spool::RetainedSegment segment = known->second;
  segment.ends_by = worker.segments.ends_by(number);
  return segment;
}

// --- away with it --------------------------------------------------------------------------------

// Files of other lengths were cut, or made with another --segment-size.
bool Housekeeping::has_room_for_free(uint32_t worker) {
  const auto names = disk_.list(options_.spool + "/" + spool::worker_directory_name(worker));
  if (!names) return false;
  const auto count = std::ranges::count_if(*names, [](const std::string& name) {
    return spool::parse_free_file_name(name).has_value();
  });
  return size_t(count) < core::kFreeSegmentsMax;
}

// returns   whether it is there to be used again
core::Result<bool> Housekeeping::take_away(const spool::RetainedSegment& segment) {
  const std::string path = spool::segment_path(options_.spool, segment.worker, segment.number);
  spool::WriterWatch* const watch = watch_of(segment.worker);
  const bool fits = watch != nullptr && segment.bytes == options_.segment_bytes;
  if (fits && has_room_for_free(segment.worker)) {
    const std::string free_path = options_.spool + "/" +
                                  spool::worker_directory_name(segment.worker) + "/" +
                                  spool::free_file_name(segment.number);
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

}  // namespace mailrace::tools
