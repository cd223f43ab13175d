// SPDX-License-Identifier: GPL-3.0-or-later
// A consumer: hands mails off as they come in, and remembers how far it is.
#pragma once

#include "spool/consumers.h"
#include "spool/follower.h"
#include "spool/operations.h"
#include "spool/spool_reader.h"
#include "tools/lib/file_lock.h"
#include "tools/lib/posix_disk.h"
#include "tools/lib/tail_disk.h"
#include "tools/spool/hand_off_target.h"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tools {

struct HandOffOptions {
  std::string spool;
  std::string consumer;
  bool follow = false;  // wait for more at the end, until should_stop
};

/// Hands off everything that the consumer has not acknowledged, in batches: first the target makes
/// a batch stable, then the mails are acknowledged, then the cursor is saved. Held mails are handed
/// out and stay pending until they are released; deleted ones are acknowledged unseen. What cannot
/// be read stays pending and is looked at again. Each mail is handed off at least once, and again
/// only if a crash comes between target and cursor.
class HandOff {
 public:
  /// target        outlives this
  /// should_stop   asked between two mails; true ends the work in good order
  HandOff(HandOffOptions options, HandOffTarget& target, std::function<bool()> should_stop);

  /// returns   the exit status; what went wrong is on stderr
  int run();

 private:
  using Clock = std::chrono::steady_clock;

  bool open();
  bool work();
  bool follow_one();
  bool refresh_operations();
  bool resume_pending();
  bool revisit(const spool::PendingMail& mail);
  bool look_again();
  bool deliver_healed(const std::vector<spool::PendingMail>& mails,
                      const spool::PendingMail& place);
  bool put(const spool::StoredMail& mail, const spool::PendingMail& place, bool& is_there);
  bool take(const spool::StoredMail& mail, const spool::PendingMail& place);
  bool deliver(const spool::StoredMail& mail, const spool::PendingMail& place);
  Complaint copy(const spool::StoredMail& mail, core::Result<void>& read);
  bool is_full() const;
  bool sync_target();
  bool commit();
  bool has_moved() const;
  bool rest();
  bool is_removed(const spool::PendingMail& mail);
  bool fail(const std::string& what);
  void note_there(const spool::PendingMail& place);
  void note_unread(const spool::PendingMail& place, const std::string& what);
  void acknowledge(const spool::PendingMail& place);

  HandOffOptions options_;
  HandOffTarget& target_;
  std::function<bool()> should_stop_;
  PosixDisk disk_;      // tells what is on the disk
  TailDisk tail_disk_;  // for what comes in
  FileLock lock_;
  spool::CursorFile file_;
  spool::Operations operations_;
  std::optional<spool::SpoolReader> reader_;
  spool::SpoolFollower follower_;

  std::vector<spool::PendingMail> batch_;  // handed off, and not acknowledged yet
  uint64_t unsynced_mails_ = 0;            // with the target, and not stable yet
  uint64_t unsynced_bytes_ = 0;
  Clock::time_point batch_began_;
  std::set<spool::Cursor::Place> held_;    // pending until they are released
  std::set<spool::Cursor::Place> unread_;  // pending, stderr knows, and to be looked at again
  spool::Cursor::Place looked_at_;         // the last one of these
  Clock::time_point look_again_at_;
  Clock::time_point operations_read_;
  std::chrono::milliseconds pause_{0};  // the last one; grows while nothing comes
  bool dirty_ = false;                  // the cursor is ahead of its file
  std::map<uint32_t, spool::WorkerCursor> saved_;
  bool at_end_ = false;
  bool failed_ = false;
};

}  // namespace mailrace::tools
