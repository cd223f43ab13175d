// SPDX-License-Identifier: GPL-3.0-or-later
// Between the look at the operations log and the removal, nobody can hold a mail: that needs the
// same lock. A consumer that registers meanwhile finds what is left, as if it had come later.
#include "tools/serve/housekeeping.h"

#include "net/system_clock.h"
#include "spool/consumers.h"
#include "spool/spool_reader.h"
#include "tools/lib/file_lock.h"
#include "tools/serve/look_pace.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace mailrace::tools {

Housekeeping::Housekeeping(HousekeepingOptions options, std::vector<spool::WriterWatch*> watches,
                           Log& log)
    : options_(std::move(options)),
      log_(log),
      operations_(disk_, options_.spool),
      segments_(disk_, options_.spool, options_.segment_bytes, std::move(watches)) {}

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
  LookPace pace;
  while (!stop_asked_.wait_for(lock, pace.interval(), [this] { return stopping_; })) {
    lock.unlock();
    const bool is_ours = !options_.before_look || options_.before_look();
    if (!is_ours) segments_.forget();
    pace.note_look(is_ours ? look() : 0);
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
  const int error = lock.acquire(lock_path, FileLock::Kind::try_exclusive);
  if (error != 0 && error != EWOULDBLOCK) complain(lock_path, {core::Errc::io, error, "open"});
  looks_locked_out_ = error == EWOULDBLOCK ? looks_locked_out_ + 1 : 0;
  // Somebody holds, releases or deletes a mail, which takes no time unless he has stopped.
  if (looks_locked_out_ == kLooksLockedOut) {
    complain(lock_path, {core::Errc::busy, 0, "in use for long: no segment is taken away"});
  }
  if (error != 0) return 0;
  if (!read_operations()) return 0;
  const auto segments = segments_.look(options_.is_others);
  if (!segments) {
    complain(options_.spool, segments.error());
    return 0;
  }
  size_t taken = 0;
  for (const size_t i : spool::recyclable_segments(*segments, *consumers, operations_,
                                                   options_.rules, net::SystemClock().wall_now())) {
    const spool::RetainedSegment& segment = (*segments)[i];
    const std::string file = spool::segment_path(options_.spool, segment.worker, segment.number);
    const auto reused = segments_.take_away(segment);
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

}  // namespace mailrace::tools
