// SPDX-License-Identifier: GPL-3.0-or-later
// A segment without a seal is finished when a later one has a record. What was written to it before
// that is visible then, so it is read to its end once more: no mail seems to miss a part, and none
// is passed over.
//
// Segments go away behind a reader, and their files may be used again under another name while it
// still has them open. So before anything is taken for damage, the file is looked up by its name: a
// name that is gone, or a head with another generation, means that the segment is gone.
#include "spool/follower.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mailrace::spool {
// --- one worker ----------------------------------------------------------------------------------

WorkerFollower::WorkerFollower(core::Disk& disk, std::string spool_path, uint32_t worker,
                               const WorkerCursor& start, bool damage_known,
                               const WaitALittle& wait)
    : disk_(disk),
      path_(std::move(spool_path)),
      worker_(worker),
      start_(start),
      wait_(wait),
      damaged_segment_(damage_known ? start.position.segment : 0),
      mails_(worker) {}

WorkerFollower::~WorkerFollower() {
  if (file_.is_open()) disk_.close(file_);
}

uint64_t WorkerFollower::read_from() const {
  return std::min(mails_.oldest_open_segment().value_or(number_), number_);
}

WorkerFollower::Step WorkerFollower::next() {
  mail_.reset();
  for (;;) {
    std::optional<Step> step;
    if (!reader_) {
      step = open_next();
    } else if (!reader_->at_record() && !last_look_ && !judging_) {
      step = take_end();  // whatever stands there, a write to it may be under way
    } else {
      switch (reader_->next()) {
        case SegmentReader::Step::record:
          settles_ = 0;
          step = take_record();
          break;
        case SegmentReader::Step::damage:
          step = take_damage();
          break;
        case SegmentReader::Step::end:
          step = take_end();
          break;
      }
    }
    if (step) return *step;
  }
}

// returns  nothing: go on
std::optional<WorkerFollower::Step> WorkerFollower::take_record() {
  const MailReader::Event event = mails_.add(number_, reader_->record());
  if (event == MailReader::Event::mail) {
    const StoredMail& mail = mails_.mail();
    place_ = {worker_, mail.mail_id, mail.first_segment, {mail.end_segment, mail.end_offset}};
    if (passed(place_.end)) return std::nullopt;
    return Step::mail;
  }
  if (event != MailReader::Event::damaged) return std::nullopt;
  const MailReader::Problem& problem = mails_.problem();
  place_ = {worker_, problem.mail_id, problem.first_segment, {problem.segment, problem.offset}};
  if (passed(place_.end)) return std::nullopt;
  if (const auto found = find_early_records(problem)) return found;
  finding_ = {FindingKind::damaged_mail, path_of(problem.segment), problem.offset, problem.what,
              problem.mail_id};
  return Step::damage;
}

// With too many mails without an end, the reader gave up this one's first records; they are there.
std::optional<WorkerFollower::Step> WorkerFollower::find_early_records(
    const MailReader::Problem& problem) {
  if (problem.first_segment != 0) return std::nullopt;
  auto found = find_mail(disk_, path_, place_);
  if (!found) return std::nullopt;
  mail_ = std::move(*found);
  place_.first_segment = mail_->first_segment;
  return Step::mail;
}

std::optional<WorkerFollower::Step> WorkerFollower::take_damage() {
  const Damage& damage = reader_->damage();
  if (is_gone(number_)) {
    mails_.note_gap();
    leave_segment();
    return std::nullopt;
  }
  if (damage.records_lost) mails_.note_damage();
  const LogPosition at = begin_of(damage);
  if (passed(at)) return std::nullopt;
  finding_ = {FindingKind::corruption, path_of(number_), damage.offset, damage.what, 0};
  // One place is enough to keep the segment.
  if (!damage.records_lost || damaged_segment_ == number_) return Step::notice;
  damaged_segment_ = number_;
  place_ = {worker_, 0, number_, at};
  return Step::damage;
}

// Octets can go bad on both sides of the position: then mails that end behind it may be lost as
// well. Not so directly behind it, which is where a place that was handed out stands.
LogPosition WorkerFollower::begin_of(const Damage& damage) const {
  const LogPosition at{number_, damage.offset};
  const LogPosition end{number_,
                        damage.resumed_at != 0 ? damage.resumed_at : disk_.size(file_).value_or(0)};
  const bool goes_on = LogPosition{number_, damage.offset + 1} < start_.position;
  return damage.records_lost && goes_on && start_.position < end ? start_.position : at;
}

std::optional<WorkerFollower::Step> WorkerFollower::take_end() {
  if (reader_->outcome().end == SegmentEnd::sealed) {
    leave_segment();
    return std::nullopt;
  }
  if (last_look_) {
    auto damage = judge_end();
    leave_segment();
    return damage;
  }
  const std::vector<uint64_t> later = later_segments();
  // Who reads once cannot wait for a record in a later segment whose first one does not check.
  const bool is_over = judging_ && !later.empty() &&
                       was_cut(reader_->outcome(), disk_.size(file_).value_or(UINT64_MAX));
  last_look_ = is_over || any_has_begun(later);
  if (!last_look_) return Step::idle;
  reader_->note_finished();
  return std::nullopt;
}

// A server that goes on in another segment has cut this one behind its last record, or the recovery
// before it has: what stands there is no half of a write, but may have been whole mails.
std::optional<WorkerFollower::Step> WorkerFollower::judge_end() {
  const SegmentOutcome& outcome = reader_->outcome();
  const uint64_t file_bytes = disk_.size(file_).value_or(0);
  const bool is_blank = outcome.end == SegmentEnd::open_tail || outcome.records == 0;
  const bool is_judged =
      outcome.end == SegmentEnd::damaged_tail || (is_blank && !was_cut(outcome, file_bytes));
  if (is_judged || file_bytes <= outcome.valid_bytes || is_gone(number_)) return std::nullopt;
  mails_.note_damage();
  const LogPosition at{number_, outcome.valid_bytes};
  if (passed(at)) return std::nullopt;
  finding_ = {FindingKind::corruption, path_of(number_), at.offset, "segment.tail", 0};
  if (std::exchange(damaged_segment_, number_) == number_) return Step::notice;
  place_ = {worker_, 0, number_, at};
  return Step::damage;
}

// --- segments ------------------------------------------------------------------------------------

std::vector<uint64_t> WorkerFollower::later_segments() {
  auto numbers = list_segments(disk_, path_, worker_).value_or(std::vector<uint64_t>{});
  const uint64_t first = std::max(number_ + 1, start_.read_from);
  numbers.erase(numbers.begin(), std::ranges::lower_bound(numbers, first));
  return numbers;
}

SegmentStart WorkerFollower::start_of(uint64_t number) {
  SegmentStart start = read_segment_start(disk_, path_of(number), number, salt_);
  if (!start.head && !start.is_missing && salt_ == 0) {
    salt_ = find_salt(disk_, path_, worker_);
    if (salt_ != 0) start = read_segment_start(disk_, path_of(number), number, salt_);
  }
  if (start.head && start.head->salt != 0) salt_ = start.head->salt;
  return start;
}

// Asked again and again of a segment that was made ahead: its head is read once.
bool WorkerFollower::has_begun(uint64_t number) {
  const auto known = salts_.find(number);
  if (known != salts_.end()) {
    const auto has = has_first_record(disk_, path_of(number), number, known->second);
    if (has) return *has;
  }
  const SegmentStart start = start_of(number);
  if (start.head) salts_[number] = start.head->salt;
  return start.has_begun;
}

bool WorkerFollower::any_has_begun(const std::vector<uint64_t>& numbers) {
  return std::ranges::any_of(numbers, [this](uint64_t number) { return has_begun(number); });
}

bool WorkerFollower::is_gone(uint64_t number) {
  const SegmentStart start = start_of(number);
  return start.is_missing || (start.has_other_head(number) && !start.has_begun);
}

// The next segment, but none that a server has only made ready: recovery may remove it. Who reads
// once opens that, too: its first record may be all that is damaged.
std::optional<WorkerFollower::Step> WorkerFollower::open_next() {
  const std::vector<uint64_t> later = later_segments();
  if (later.empty() || !(judging_ || any_has_begun(later))) return Step::idle;
  const uint64_t expected = number_ == 0 ? std::max(start_.read_from, uint64_t{1}) : number_ + 1;
  if (later.front() != expected) mails_.note_gap();
  return open_segment(later.front());
}

std::optional<WorkerFollower::Step> WorkerFollower::open_segment(uint64_t number) {
  if (is_gone(number)) {
    mails_.note_gap();
    number_ = number;
    return std::nullopt;
  }
  const auto file = disk_.open(path_of(number), /*writable=*/false);
  if (!file) {
    // Somebody must help; until then it is neither read nor passed over.
    if (refused_segment_ == number) return Step::idle;
    refused_segment_ = number;
    finding_ = {FindingKind::unreadable, path_of(number), 0, file.error().where, 0};
    return Step::notice;
  }
  file_ = *file;
  number_ = number;
  salts_.erase(salts_.begin(), salts_.upper_bound(number));
  last_look_ = false;
  settles_ = 0;
  ReaderOptions options{.generation = number, .salt = salt_, .unfinished = true};
  options.settle = [this] {
    if (!wait_ || ++settles_ > core::kFollowerSettlesMax) return false;
    wait_();
    return true;
  };
  reader_ = std::make_unique<SegmentReader>(disk_, file_, std::move(options));
  if (passed(position())) return std::nullopt;
  return Step::segment;
}

void WorkerFollower::leave_segment() {
  reader_.reset();
  disk_.close(std::exchange(file_, {}));
}

// --- all workers ---------------------------------------------------------------------------------

SpoolFollower::SpoolFollower(core::Disk& disk, std::string spool_path, Cursor& cursor,
                             WaitALittle wait)
    : disk_(disk), path_(std::move(spool_path)), cursor_(cursor), wait_(std::move(wait)) {}

// Whether a place of the segment that does not check was handed out.
bool SpoolFollower::is_place_pending(uint32_t worker, uint64_t segment) const {
  const auto& pending = cursor_.pending();
  return std::any_of(pending.lower_bound({worker, {segment, 0}}),
                     pending.lower_bound({worker, {segment + 1, 0}}),
                     [](const auto& entry) { return entry.second.mail_id == 0; });
}

core::Result<void> SpoolFollower::find_workers() {
  MAILRACE_TRY(const std::vector<std::string> names, disk_.list(path_));
  for (const std::string& name : names) {
    const auto worker = parse_worker_directory_name(name);
    if (!worker || *worker >= core::kWorkersMax || worker_directory_name(*worker) != name) continue;
    const bool known = std::ranges::any_of(
        workers_, [&](const auto& other) { return other->worker() == *worker; });
    if (known) continue;
    const WorkerCursor start = cursor_.worker(*worker);
    workers_.push_back(std::make_unique<WorkerFollower>(
        disk_, path_, *worker, start, is_place_pending(*worker, start.position.segment), wait_));
    if (judging_) workers_.back()->judge_tail();
  }
  return {};
}

core::Result<SpoolFollower::Step> SpoolFollower::next() {
  if (!cursor_.has_room()) return Step::full;
  if (found_here_ >= core::kFollowerMailsPerTurn) next_turn();
  for (size_t idle = 0; idle <= workers_.size();) {
    if (idle == workers_.size()) {
      if (const auto found = find_workers(); !found) {
        return tl::unexpected<core::Error>(found.error());
      }
      if (idle == workers_.size()) break;
      turn_ = idle;  // the first that is new
      found_here_ = 0;
    }
    WorkerFollower& follower = *workers_[turn_];
    switch (follower.next()) {
      case WorkerFollower::Step::mail:
        cursor_.hand_out(follower.place());
        found_here_ += 1;
        return Step::mail;
      case WorkerFollower::Step::damage:
        cursor_.hand_out(follower.place());
        return Step::damage;
      case WorkerFollower::Step::notice:
        return Step::notice;
      case WorkerFollower::Step::segment:
        cursor_.advance(follower.worker(), follower.position());
        idle = 0;
        break;
      case WorkerFollower::Step::idle:
        ++idle;
        next_turn();
        break;
    }
  }
  return Step::idle;
}

// Not after each mail: who reads the data has one file open at a time.
void SpoolFollower::next_turn() {
  turn_ = (turn_ + 1) % workers_.size();
  found_here_ = 0;
}

void SpoolFollower::judge_tails() {
  judging_ = true;
  for (const auto& follower : workers_) follower->judge_tail();
}

void SpoolFollower::note_read_from() {
  for (const auto& follower : workers_) {
    cursor_.set_read_from(follower->worker(), follower->read_from());
  }
}

// --- one mail ------------------------------------------------------------------------------------

core::Result<StoredMail> find_mail(core::Disk& disk, const std::string& spool_path,
                                   const PendingMail& mail) {
  MAILRACE_TRY(const std::vector<uint64_t> numbers, list_segments(disk, spool_path, mail.worker));
  MailReader mails(mail.worker);
  const uint64_t salt = find_salt(disk, spool_path, mail.worker);
  for (const uint64_t number : numbers) {
    if (number < mail.first_segment || number > mail.end.segment) continue;
    MAILRACE_TRY(const core::FileHandle file,
                 disk.open(segment_path(spool_path, mail.worker, number), /*writable=*/false));
    // Not as one that is written to: it was handed out, so it had landed, whatever is before it.
    SegmentReader reader(disk, file, {.generation = number, .salt = salt});
    std::optional<StoredMail> found;
    for (auto step = reader.next(); step != SegmentReader::Step::end && !found;
         step = reader.next()) {
      if (step != SegmentReader::Step::record) continue;
      const Record& record = reader.record();
      if (number == mail.end.segment && record.offset > mail.end.offset) break;
      if (record.header.mail_id != mail.mail_id) continue;
      if (mails.add(number, record) == MailReader::Event::mail) found = mails.mail();
    }
    disk.close(file);
    if (found) return std::move(*found);
  }
  return core::fail(core::Errc::corrupt, "mail.gone");
}

}  // namespace mailrace::spool
