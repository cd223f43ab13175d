// SPDX-License-Identifier: GPL-3.0-or-later
// What the cursor says is acknowledged was made stable by the target before; see commit(), the one
// place where that order is kept.
#include "tools/spool/hand_off.h"

#include "core/base/limits.h"
#include "net/system_clock.h"
#include "spool/salvage.h"
#include "tools/lib/exit_codes.h"
#include "tools/spool/output.h"
#include "tools/spool/walk.h"

#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace mailrace::tools {
namespace {

using std::chrono::milliseconds;

// A batch shares the syncs of the directory and of the cursor, and most of the journal's work.
constexpr milliseconds kBatchTime{200};
constexpr milliseconds kPauseMin{5};
constexpr milliseconds kPauseMax{100};
// What an operator says holds for all mails that are handed off later than this.
constexpr milliseconds kOperationsTime{200};
// What could not be read is looked at again one by one: at most once a second, and at most a
// hundredth of the time, because a whole segment may have to be read for it.
constexpr milliseconds kUnreadTime{1000};
constexpr int kUnreadShare = 100;

std::string error_text(const core::Error& error) {
  const std::string where = error.where;
  return error.sys_errno != 0 ? where + ": " + std::strerror(error.sys_errno) : where;
}

}  // namespace

HandOff::HandOff(HandOffOptions options, HandOffTarget& target, std::function<bool()> should_stop)
    : options_(std::move(options)),
      target_(target),
      should_stop_(std::move(should_stop)),
      tail_disk_(options_.spool),
      file_(disk_, options_.spool, options_.consumer),
      operations_(disk_, options_.spool),
      reader_(std::in_place, tail_disk_, options_.spool),
      follower_(tail_disk_, options_.spool, file_.cursor(),
                [] { std::this_thread::sleep_for(kPauseMin); }) {}

bool HandOff::fail(const std::string& what) {
  complain(what);
  failed_ = true;
  return false;
}

int HandOff::run() {
  if (!open()) return kExitUsage;
  if (!options_.follow) follower_.judge_tails();
  return work() && commit() && !failed_ ? kExitOk : kExitFailure;
}

// Where nothing is handed off yet, so that mistakes of an operator change nothing.
bool HandOff::open() {
  const auto made = disk_.make_directory(spool::consumers_path(options_.spool));
  if (!made) return fail(spool::consumers_path(options_.spool) + ": " + error_text(made.error()));
  const std::string path = spool::cursor_path(options_.spool, options_.consumer);
  const int error = lock_.acquire(path + ".lock", FileLock::Kind::try_exclusive);
  if (error == EWOULDBLOCK) {
    return fail("consumer " + options_.consumer + " is in use by another process");
  }
  if (error != 0) return fail(path + ".lock: " + std::strerror(error));
  if (auto complaint = std::visit([](auto& target) { return target.prepare(); }, target_)) {
    return fail(*complaint);
  }
  if (!refresh_operations()) return false;
  const auto opened = file_.open();
  if (opened) return true;
  if (opened.error().code == core::Errc::busy) {
    return fail("there are " + std::to_string(core::kConsumersMax) +
                " consumers already, see mailrace spool forget");
  }
  return fail(path + ": " + error_text(opened.error()));
}

bool HandOff::work() {
  if (!resume_pending()) return false;
  while (!should_stop_() && !at_end_) {
    if (!follow_one()) return false;
    const auto now = Clock::now();
    const bool is_due = !batch_.empty() && now - batch_began_ >= kBatchTime;
    if ((is_due || is_full()) && !commit()) return false;
    if (now - operations_read_ >= kOperationsTime && !refresh_operations()) return false;
    if (!unread_.empty() && now >= look_again_at_ && !look_again()) return false;
  }
  return true;
}

// What the target has not synced: it has a file open for each.
bool HandOff::is_full() const {
  return unsynced_mails_ >= core::kHandOffMailsMax || unsynced_bytes_ >= core::kHandOffBytesMax;
}

bool HandOff::follow_one() {
  const auto step = follower_.next();
  if (!step) return fail(options_.spool + ": " + error_text(step.error()));
  switch (*step) {
    case spool::SpoolFollower::Step::mail:
      pause_ = {};
      return take(follower_.mail(), follower_.place());
    case spool::SpoolFollower::Step::damage:
      note_unread(follower_.place(), finding_line(follower_.finding()));
      dirty_ = true;
      return true;
    case spool::SpoolFollower::Step::notice:
      complain(finding_line(follower_.finding()));
      dirty_ = true;
      failed_ = true;  // the exit status says so; the work goes on
      return true;
    case spool::SpoolFollower::Step::full:
      if (!batch_.empty()) return commit();
      if (options_.follow) return rest();
      return fail(std::to_string(core::kCursorPendingMax) +
                  " mails are held or damaged; no more are handed off");
    case spool::SpoolFollower::Step::idle:
      return rest();
  }
  return true;
}

// Nothing to do for now.
bool HandOff::rest() {
  if (!commit()) return false;
  std::visit([](auto& target) { target.note_caught_up(); }, target_);
  if (!options_.follow) {
    at_end_ = true;
    return true;
  }
  tail_disk_.look_for_server();
  pause_ = std::clamp(2 * pause_, kPauseMin, kPauseMax);
  // Interrupted by a signal, unlike sleep_for().
  const timespec time{0, std::chrono::nanoseconds(pause_).count()};
  ::nanosleep(&time, nullptr);
  return true;
}

// --- mails ---------------------------------------------------------------------------------------

bool HandOff::refresh_operations() {
  operations_read_ = Clock::now();
  const auto read = operations_.refresh();
  if (!read) return fail(operations_.path() + ": " + error_text(read.error()));
  if (operations_.damages() > 0) {
    return fail(operations_.path() + ": damaged; which mails are held or deleted is not known");
  }
  const auto held = held_;
  for (const auto& place : held) {
    const auto found = file_.cursor().pending().find(place);
    if (found == file_.cursor().pending().end()) continue;
    const spool::MailMark mark = operations_.of(found->second.mail_id);
    if (mark.held && !mark.deleted) continue;
    if (!revisit(spool::PendingMail(found->second))) return false;
    if (is_full() && !commit()) return false;
  }
  return true;
}

bool HandOff::resume_pending() {
  const auto pending = file_.cursor().pending();
  for (const auto& [place, mail] : pending) {
    if (should_stop_()) return true;
    if (!revisit(mail)) return false;
    if (is_full() && !commit()) return false;
  }
  return true;
}

// What could not be read may have healed, or was repaired.
bool HandOff::look_again() {
  const auto began = Clock::now();
  auto next = unread_.upper_bound(looked_at_);
  if (next == unread_.end()) next = unread_.begin();
  looked_at_ = *next;
  const auto found = file_.cursor().pending().find(looked_at_);
  if (found == file_.cursor().pending().end()) {
    unread_.erase(next);
    return true;
  }
  if (!revisit(spool::PendingMail(found->second))) return false;
  if (unread_.contains(looked_at_)) {
    const auto now = Clock::now();
    look_again_at_ = now + std::max<Clock::duration>(kUnreadTime, kUnreadShare * (now - began));
  }
  return !is_full() || commit();
}

// A mail that is pending, and not in the batch.
bool HandOff::revisit(const spool::PendingMail& mail) {
  const spool::MailMark mark = operations_.of(mail.mail_id);
  const spool::Cursor::Place place{mail.worker, mail.end};
  held_.erase(place);
  if (mark.deleted) {
    acknowledge(mail);
    return true;
  }
  if (mark.held) {
    held_.insert(place);
    unread_.erase(place);
    return true;
  }
  if (mail.mail_id != 0) {
    if (const auto found = spool::find_mail(disk_, options_.spool, mail)) {
      return deliver(*found, mail);
    }
  }
  if (mail.mail_id == 0) {
    if (const auto healed = spool::healed_mails(disk_, options_.spool, mail)) {
      return deliver_healed(*healed, mail);
    }
  }
  const bool removed = is_removed(mail);
  if (removed || spool::was_left_out(disk_, options_.spool, mail)) {
    // Somebody took a segment away, or repaired it, or a write was undone that had failed or that a
    // power cut took: it is no more for us to keep.
    const char* const what = removed ? ": a segment of it is gone" : ": not in its segment now";
    if (mail.mail_id != 0) complain(queue_id(mail.mail_id) + what);
    acknowledge(mail);
  } else if (mail.mail_id != 0) {
    note_unread(mail, queue_id(mail.mail_id) + ": cannot be read; it stays pending");
  } else {
    unread_.insert(place);  // it was told when it was passed
  }
  return true;
}

// Whether a segment that is known to have records of the mail is not there any more.
bool HandOff::is_removed(const spool::PendingMail& mail) {
  const auto numbers = spool::list_segments(disk_, options_.spool, mail.worker);
  if (!numbers) return false;
  const auto is_there = [&](uint64_t number) {
    return std::ranges::binary_search(*numbers, number);
  };
  return !is_there(mail.end.segment) || (mail.first_segment != 0 && !is_there(mail.first_segment));
}

bool HandOff::take(const spool::StoredMail& mail, const spool::PendingMail& place) {
  dirty_ = true;
  const spool::MailMark mark = operations_.of(mail.mail_id);
  if (mark.deleted) {
    acknowledge(place);
  } else if (mark.held) {
    held_.insert({place.worker, place.end});
  } else {
    return deliver(mail, place);
  }
  return true;
}

bool HandOff::deliver(const spool::StoredMail& mail, const spool::PendingMail& place) {
  bool is_there = false;
  if (!put(mail, place, is_there)) return false;
  if (is_there) note_there(place);
  return true;
}

// Mails that nobody could read when the place was passed. The place is pending until all of them
// are with the target. If one is held, or cannot be read, all of them are looked at again at the
// next start only: each time they come once more.
bool HandOff::deliver_healed(const std::vector<spool::PendingMail>& mails,
                             const spool::PendingMail& place) {
  bool all = true;
  for (const spool::PendingMail& mail : mails) {
    const spool::MailMark mark = operations_.of(mail.mail_id);
    if (mark.deleted) continue;
    bool is_there = false;
    if (!mark.held) {
      auto found = spool::find_mail(disk_, options_.spool, mail);
      // Its envelope may be a long one, of which a part is here only.
      if (!found)
        found = spool::find_mail(disk_, options_.spool, {mail.worker, mail.mail_id, 0, mail.end});
      if (found && !put(*found, place, is_there)) return false;
    }
    all = all && is_there;
    if (is_full() && !sync_target()) return false;
  }
  if (all) note_there(place);
  unread_.erase({place.worker, place.end});
  return true;
}

// Writes a mail to the target. is_there   false: it cannot be read
// returns   false: the target is not well
bool HandOff::put(const spool::StoredMail& mail, const spool::PendingMail& place, bool& is_there) {
  if (batch_.empty()) batch_began_ = Clock::now();
  core::Result<void> read;
  const Complaint complaint = copy(mail, read);
  if (complaint) return fail(*complaint);
  is_there = read.has_value();
  if (!is_there) {
    note_unread(place, queue_id(mail.mail_id) + ": cannot be read: " + error_text(read.error()));
    // The segment may be another file when it can be read.
    reader_.emplace(tail_disk_, options_.spool);
    return true;
  }
  ++unsynced_mails_;
  unsynced_bytes_ += mail.data_bytes;
  return true;
}

// returns   what is wrong with the target; `read`: with the spool
Complaint HandOff::copy(const spool::StoredMail& mail, core::Result<void>& read) {
  return std::visit(
      [&](auto& target) -> Complaint {
        Complaint failed = target.begin(mail);
        if (!failed) {
          read = reader_->read_data(mail, [&](core::Octets octets) -> core::Result<void> {
            failed = target.add(octets);
            if (failed) return core::fail(core::Errc::io, "hand_off.add");
            return {};
          });
        }
        if (!failed && read) failed = target.end();
        if (failed || !read) target.abandon();
        return failed;
      },
      target_);
}

void HandOff::note_there(const spool::PendingMail& place) {
  batch_.push_back(place);
  unread_.erase({place.worker, place.end});
}

// The exit status says so; the work goes on.
void HandOff::note_unread(const spool::PendingMail& place, const std::string& what) {
  failed_ = true;
  if (unread_.empty()) look_again_at_ = Clock::now() + kUnreadTime;
  if (unread_.insert({place.worker, place.end}).second) complain(what);
}

void HandOff::acknowledge(const spool::PendingMail& place) {
  unread_.erase({place.worker, place.end});
  file_.cursor().acknowledge(place.worker, place.end);
  dirty_ = true;
}

bool HandOff::sync_target() {
  const auto complaint = std::visit([](auto& target) { return target.sync(); }, target_);
  if (complaint) return fail(*complaint);
  unsynced_mails_ = 0;
  unsynced_bytes_ = 0;
  return true;
}

// First the mails are stable, then the cursor says so. In between a crash makes them come twice.
bool HandOff::commit() {
  if (unsynced_mails_ > 0 && !sync_target()) return false;
  for (const spool::PendingMail& place : batch_) acknowledge(place);
  batch_.clear();
  if (!dirty_ && !has_moved()) return true;
  follower_.note_read_from();
  const auto saved = file_.save(net::SystemClock().wall_now());
  if (!saved) {
    return fail(spool::cursor_path(options_.spool, options_.consumer) + ": " +
                error_text(saved.error()));
  }
  dirty_ = false;
  saved_ = file_.cursor().workers();
  return true;
}

// Without any mail: a segment was left behind, which retention waits for.
bool HandOff::has_moved() const {
  for (const auto& [worker, state] : file_.cursor().workers()) {
    const auto saved = saved_.find(worker);
    if (saved == saved_.end() || saved->second.position != state.position) return true;
  }
  return false;
}

}  // namespace mailrace::tools
