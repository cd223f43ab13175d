// SPDX-License-Identifier: GPL-3.0-or-later
// The thread that takes segments away that nobody needs any more.
#pragma once

#include "core/base/result.h"
#include "spool/cursor.h"
#include "spool/observed_writer.h"
#include "spool/operations.h"
#include "spool/retention.h"
#include "spool/segment_tracker.h"
#include "tools/lib/log.h"
#include "tools/lib/posix_disk.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace mailrace::tools {

struct HousekeepingOptions {
  std::string spool;
  uint64_t segment_bytes = 0;  // length of the segments that the workers make
  spool::RetentionRules rules = {};
  /// What the thread does besides; may be empty. returns   whether the spool is ours, and the one
  /// that it was at the last look; if not, nothing is taken away by this one
  std::function<bool()> before_look = {};
  /// Whether another process writes for this worker: its segments are left alone. May be empty.
  std::function<bool(uint32_t worker)> is_others = {};
};

/// Looks at the spool once a second, or more often, see LookPace: consumers' cursors, the
/// operations log, segments. Waits for the disk as long as it takes; a worker never waits for it,
/// see WriterWatch. What cannot be read is logged once, and nothing is taken away until it can be.
class Housekeeping {
 public:
  /// watches   of the workers, by number; outlive this
  Housekeeping(HousekeepingOptions options, std::vector<spool::WriterWatch*> watches, Log& log);
  Housekeeping(const Housekeeping&) = delete;
  Housekeeping& operator=(const Housekeeping&) = delete;
  ~Housekeeping() { stop(); }

  /// After so many looks in a row that somebody kept from the operations log, the log says so.
  static constexpr uint32_t kLooksLockedOut = 60;

  void start();
  void stop();

  /// One look, as the thread takes it.
  /// returns   how many segments were taken away
  size_t look();

 private:
  void run();
  std::optional<std::vector<spool::Cursor>> read_consumers();
  bool read_operations();
  void complain(const std::string& file, const core::Error& error);

  HousekeepingOptions options_;
  Log& log_;
  PosixDisk disk_;
  spool::Operations operations_;
  spool::SegmentTracker segments_;
  uint32_t looks_locked_out_ = 0;
  std::string complained_;  // what was logged last, so that it is not logged every second

  std::mutex mutex_;
  std::condition_variable stop_asked_;
  bool stopping_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace mailrace::tools
