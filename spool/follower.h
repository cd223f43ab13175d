// SPDX-License-Identifier: GPL-3.0-or-later
// Follows a spool for one consumer, whether a server writes to it or not: accepted mails in the
// order of their end records, each once, from the consumer's cursor on.
#pragma once

#include "core/port/disk.h"
#include "spool/cursor.h"
#include "spool/mail_reader.h"
#include "spool/reader.h"
#include "spool/segment_files.h"
#include "spool/spool_reader.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {

/// Waits for a moment; a write that is under way may have landed afterwards.
using WaitALittle = std::function<void()>;

/// The log of one worker, segment after segment. A segment is left when nothing is written to it
/// any more, which a record in a later one shows.
class WorkerFollower {
 public:
  enum class Step : uint8_t {
    mail,     // mail() ended
    damage,   // finding() does not check; mails may be lost
    notice,   // finding() does not check, no record is lost
    segment,  // reading goes on in another segment: position()
    idle,     // nothing more for now; may be called again
  };

  /// start          mails that end below its position are passed over
  /// damage_known   a place in the segment of that position was handed out for its damage
  WorkerFollower(core::Disk& disk, std::string spool_path, uint32_t worker,
                 const WorkerCursor& start, bool damage_known, const WaitALittle& wait);
  WorkerFollower(const WorkerFollower&) = delete;
  WorkerFollower& operator=(const WorkerFollower&) = delete;
  ~WorkerFollower();

  Step next();

  /// From now on a record that does not check is taken for damage even in the segment that is
  /// written to, instead of waited for: for a spool that is read once.
  void judge_tail() noexcept { judging_ = true; }

  uint32_t worker() const noexcept { return worker_; }
  /// Valid after Step::mail, until the next call.
  const StoredMail& mail() const noexcept { return mail_ ? *mail_ : mails_.mail(); }
  /// Valid after Step::damage and Step::notice.
  const Finding& finding() const noexcept { return finding_; }
  /// What is to be handed out after Step::mail and Step::damage.
  const PendingMail& place() const noexcept { return place_; }
  /// After Step::segment: nothing ends in front of it any more.
  LogPosition position() const noexcept { return {number_, kSegmentHeadBytes}; }
  /// See WorkerCursor::read_from, for the position behind all that was handed out.
  uint64_t read_from() const;

 private:
  std::optional<Step> open_next();
  std::optional<Step> open_segment(uint64_t number);
  void leave_segment();
  SegmentStart start_of(uint64_t number);
  bool is_gone(uint64_t number);
  bool has_begun(uint64_t number);
  bool any_has_begun(const std::vector<uint64_t>& numbers);
  std::vector<uint64_t> later_segments();
  std::optional<Step> take_record();
  std::optional<Step> take_damage();
  LogPosition begin_of(const Damage& damage) const;
  std::optional<Step> take_end();
  std::optional<Step> judge_end();
  std::optional<Step> find_early_records(const MailReader::Problem& problem);
  std::string path_of(uint64_t number) const { return segment_path(path_, worker_, number); }
  bool passed(LogPosition end) const { return end < start_.position; }

  core::Disk& disk_;
  std::string path_;
  uint32_t worker_;
  WorkerCursor start_;
  const WaitALittle& wait_;

  uint64_t number_ = 0;  // of the segment that is read, or was read last; 0: none yet
  core::FileHandle file_;
  std::unique_ptr<SegmentReader> reader_;  // none between two segments
  uint64_t salt_ = 0;                      // of the spool, as far as it is known
  std::map<uint64_t, uint64_t> salts_;     // of later segments, by number, as their heads say
  int settles_ = 0;                        // since something was found the last time
  bool judging_ = false;
  bool last_look_ = false;        // the segment is read once more, to its very end
  uint64_t damaged_segment_ = 0;  // that was handed out for its damage
  uint64_t refused_segment_ = 0;  // that could not be opened, and was reported
  MailReader mails_;
  std::optional<StoredMail> mail_;  // found by find_mail()
  Finding finding_;
  PendingMail place_;
};

/// All workers, in turns. What it returns is handed out in the cursor, and stays pending until
/// Cursor::acknowledge().
class SpoolFollower {
 public:
  enum class Step : uint8_t {
    mail,    // mail() ended
    damage,  // finding() does not check: its place is pending in the cursor, so that nobody removes
             // the segment
    notice,  // finding() does not check, no record is lost
    idle,    // nothing more for now
    full,    // the cursor has no room
  };

  /// disk, cursor   must outlive this
  SpoolFollower(core::Disk& disk, std::string spool_path, Cursor& cursor, WaitALittle wait);

  /// fails   io: the spool directory cannot be listed
  core::Result<Step> next();

  /// Valid after Step::mail, until the next call.
  const StoredMail& mail() const { return workers_[turn_]->mail(); }
  /// Valid after Step::damage and Step::notice.
  const Finding& finding() const { return workers_[turn_]->finding(); }
  /// What was handed out last.
  const PendingMail& place() const { return workers_[turn_]->place(); }

  /// See WorkerFollower::judge_tail().
  void judge_tails();

  /// To be called before the cursor is saved: notes where reading must begin.
  void note_read_from();

 private:
  bool is_place_pending(uint32_t worker, uint64_t segment) const;
  core::Result<void> find_workers();
  void next_turn();

  core::Disk& disk_;
  std::string path_;
  Cursor& cursor_;
  WaitALittle wait_;
  bool judging_ = false;
  std::vector<std::unique_ptr<WorkerFollower>> workers_;
  size_t turn_ = 0;          // whose step it was
  uint32_t found_here_ = 0;  // mails in this turn
};

/// Reads a pending mail again, from its own segments only.
/// fails   corrupt: it is not there, or not whole; io
core::Result<StoredMail> find_mail(core::Disk& disk, const std::string& spool_path,
                                   const PendingMail& mail);

}  // namespace mailrace::spool
