// SPDX-License-Identifier: GPL-3.0-or-later
// A server writes to a segment when all writes to the one before have ended, and has been cut where
// they failed; and a mail may begin in one and end in the next. So a segment without a seal is read
// once more after a later one was seen to have records: what the server wrote before those is then
// visible, and no mail seems to miss a part. In a segment that was left like that nothing is under
// way, and what does not check is damage.
#include "spool/spool_reader.h"

#include "core/base/crc32c.h"
#include "core/base/limits.h"
#include "spool/segment_files.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mailrace::spool {
namespace {

std::string worker_path(const std::string& spool_path, uint32_t worker) {
  return spool_path + "/" + worker_directory_name(worker);
}

// Names that only look like ours, as with upper-case digits, are somebody else's files.
std::vector<uint64_t> segment_numbers(const std::vector<std::string>& names) {
  std::vector<uint64_t> numbers;
  for (const std::string& name : names) {
    const auto number = parse_segment_file_name(name);
    if (number && segment_file_name(*number) == name) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

}  // namespace

struct SpoolReader::WorkerWalk {
  uint32_t worker;
  const SpoolVisit& visit;
  std::string directory;
  std::vector<uint64_t> numbers;
  MailReader mails;
  uint64_t salt = 0;    // of the spool, as far as it is known
  size_t begun = 0;     // how many segments there are up to the last one that has a record
  bool gone = false;    // the segment is, since it was opened
  bool passed = false;  // a segment was not read, but for its footer
  bool open = false;    // the segment before was not left: neither sealed nor cut

  std::string path(uint64_t number) const { return directory + "/" + segment_file_name(number); }
  // Whether it is one of those that may be unfinished: the last one with a record, a few before it,
  // and all behind it, which are in the making, or could not be made.
  bool is_new(size_t index) const { return index + core::kUnfinishedSegmentsMax >= begun; }
  void find(FindingKind kind, std::string file, uint64_t offset, const char* what,
            uint64_t mail_id = 0) const {
    if (visit.finding) visit.finding({kind, std::move(file), offset, what, mail_id});
  }
};

std::string segment_path(const std::string& spool_path, uint32_t worker, uint64_t number) {
  return worker_path(spool_path, worker) + "/" + segment_file_name(number);
}

SpoolReader::SpoolReader(core::Disk& disk, std::string spool_path)
    : disk_(disk), path_(std::move(spool_path)) {}

SpoolReader::~SpoolReader() {
  if (data_file_.is_open()) disk_.close(data_file_);
}

core::Result<std::vector<uint32_t>> SpoolReader::workers() {
  MAILRACE_TRY(const std::vector<std::string> names, disk_.list(path_));
  std::vector<uint32_t> workers;
  for (const std::string& name : names) {
    const auto worker = parse_worker_directory_name(name);
    if (worker && worker_directory_name(*worker) == name) workers.push_back(*worker);
  }
  std::ranges::sort(workers);
  return workers;
}

core::Result<void> SpoolReader::walk(const SpoolVisit& visit) {
  MAILRACE_TRY(const std::vector<uint32_t> all, workers());
  for (const uint32_t worker : all) {
    if (visit.only_worker && *visit.only_worker != worker) continue;
    if (!walk_worker(worker, visit)) break;
  }
  return {};
}

// returns  false: the visitor has seen enough
bool SpoolReader::walk_worker(uint32_t worker, const SpoolVisit& visit) {
  WorkerWalk walk{worker, visit, worker_path(path_, worker), {}, MailReader(worker)};
  const auto names = disk_.list(walk.directory);
  if (!names) {
    walk.find(FindingKind::unreadable, walk.directory, 0, names.error().where);
    if (visit.unlisted) visit.unlisted(names.error());
  } else {
    walk.numbers = segment_numbers(*names);
  }
  walk.salt = find_salt(disk_, path_, worker);
  walk.begun = walk.numbers.size();
  while (walk.begun > 0 && !has_begun(walk, walk.numbers[walk.begun - 1])) --walk.begun;
  for (size_t i = 0; i < walk.numbers.size(); ++i) {
    if (!walk_segment(walk, i)) return false;
  }
  if (visit.worker) visit.worker(worker, walk.mails.unaccepted());
  return true;
}

bool SpoolReader::walk_segment(WorkerWalk& walk, size_t index) {
  const uint64_t number = walk.numbers[index];
  // Before anything of it is read: what is read afterwards was complete then.
  bool finished = !walk.is_new(index) || is_followed(walk, index);
  if (number != (index == 0 ? 1 : walk.numbers[index - 1] + 1)) walk.mails.note_gap();
  SegmentSummary segment{.worker = walk.worker, .number = number, .file = walk.path(number)};
  const auto file = disk_.open(segment.file, /*writable=*/false);
  if (!file) {
    // Gone since it was listed: whoever removes segments knows why.
    if (file.error().sys_errno == ENOENT) {
      walk.mails.note_gap();
      return true;
    }
    walk.mails.note_damage();
    walk.find(FindingKind::unreadable, segment.file, 0, file.error().where);
    segment.outcome.end = SegmentEnd::damaged_tail;
    if (walk.visit.segment) walk.visit.segment(segment);
    return true;
  }
  segment.read = true;
  if (walk.visit.by_footer && pass_by_footer(walk, *file, segment)) return true;
  SegmentReader reader(disk_, *file,
                       {.generation = number,
                        .salt = walk.salt,
                        .search_zeros_max = walk.visit.search_zeros_max,
                        .settle = walk.is_new(index) ? walk.visit.settle : nullptr,
                        .unfinished = !finished,
                        .unwritten = walk.visit.by_footer && walk.open});
  bool go_on = drain(walk, reader, segment);
  // A server has gone on to the next one meanwhile.
  if (go_on && !finished && reader.outcome().end != SegmentEnd::sealed &&
      is_followed(walk, index)) {
    finished = true;
    reader.note_finished();
    go_on = drain(walk, reader, segment);
  }
  segment.outcome = reader.outcome();
  segment.file_bytes = disk_.size(*file).value_or(0);
  disk_.close(*file);
  if (finished) judge_tail(walk, index, segment);
  if (std::exchange(walk.gone, false)) {
    walk.mails.note_gap();
    return go_on;
  }
  walk.open = segment.outcome.end != SegmentEnd::sealed && segment.outcome.capacity > 0 &&
              segment.file_bytes >= segment.outcome.capacity;
  if (walk.visit.segment) walk.visit.segment(segment);
  return go_on;
}

bool SpoolReader::pass_by_footer(WorkerWalk& walk, core::FileHandle file, SegmentSummary& segment) {
  segment.footer = read_footer(disk_, file, segment.number);
  if (!segment.footer) return false;
  const Footer& footer = *segment.footer;
  segment.file_bytes = disk_.size(file).value_or(0);
  segment.outcome = {.end = SegmentEnd::sealed,
                     .valid_bytes = footer.end,
                     .records = footer.seal.records + 1,
                     .mails = footer.seal.mails,
                     .mail_id_max = footer.mail_id_max(),
                     .created_at_ns = footer.head.created_at_ns,
                     .salt = footer.head.salt};
  disk_.close(file);
  walk.passed = true;
  walk.open = false;
  walk.mails.note_gap();
  if (walk.visit.segment) walk.visit.segment(segment);
  return true;
}

// Whether a later segment has a record.
bool SpoolReader::is_followed(const WorkerWalk& walk, size_t index) {
  return std::any_of(walk.numbers.begin() + std::ptrdiff_t(index) + 1, walk.numbers.end(),
                     [&](uint64_t number) { return has_begun(walk, number); });
}

// Whether the segment has a record; if not, none of its mails can miss a part.
bool SpoolReader::has_begun(const WorkerWalk& walk, uint64_t number) {
  return read_segment_start(disk_, walk.path(number), number, walk.salt).has_begun;
}

// Whether somebody took the segment away since it was opened. Its file may be in use again, under
// another name, and what is read of it is of no segment then.
bool SpoolReader::is_gone(const WorkerWalk& walk, uint64_t number) {
  return read_segment_start(disk_, walk.path(number), number, walk.salt).is_missing;
}

// Everything from where the reader stands to the present end of the segment.
bool SpoolReader::drain(WorkerWalk& walk, SegmentReader& reader, const SegmentSummary& segment) {
  uint64_t walked = reader.outcome().valid_bytes;
  for (;;) {
    const SegmentReader::Step step = reader.next();
    const uint64_t valid = reader.outcome().valid_bytes;
    if (walk.visit.progress && valid > walked) walk.visit.progress(valid - walked);
    walked = std::max(walked, valid);
    switch (step) {
      case SegmentReader::Step::end:
        return true;
      case SegmentReader::Step::damage:
        if (is_gone(walk, segment.number)) {
          walk.gone = true;
          return true;
        }
        // Where a mail may have begun in a segment that was not read, nothing is missing for sure.
        if (reader.damage().records_lost && !walk.passed) walk.mails.note_damage();
        walk.find(FindingKind::corruption, segment.file, reader.damage().offset,
                  reader.damage().what);
        break;
      case SegmentReader::Step::record:
        if (!report(walk, walk.mails.add(segment.number, reader.record()))) return false;
        break;
    }
  }
}

bool SpoolReader::report(WorkerWalk& walk, MailReader::Event event) {
  const MailReader::Problem& problem = walk.mails.problem();
  switch (event) {
    case MailReader::Event::none:
      return true;
    case MailReader::Event::mail:
      return !walk.visit.mail || walk.visit.mail(walk.mails.mail());
    case MailReader::Event::damaged:
      walk.find(FindingKind::damaged_mail, walk.path(problem.segment), problem.offset, problem.what,
                problem.mail_id);
      return true;
    case MailReader::Event::cut_off:
      if (walk.passed && walk.visit.cut_off) walk.visit.cut_off(walk.mails.mail().end);
      return true;
    case MailReader::Event::dropped:
      walk.find(FindingKind::dropped_mail, walk.path(problem.segment), problem.offset, problem.what,
                problem.mail_id);
      return true;
  }
  return true;
}

// Of a finished segment. Zeros may be what was never cut off a file that somebody put in its place,
// so they are a finding only where nothing new is near.
void SpoolReader::judge_tail(WorkerWalk& walk, size_t index, SegmentSummary& segment) {
  SegmentOutcome& outcome = segment.outcome;
  if (outcome.end == SegmentEnd::sealed || outcome.end == SegmentEnd::damaged_tail) return;
  // A tail in a finished segment was cut by the recovery before the next server started. One
  // without any record was never used: its making failed, or it was made ahead.
  const bool unused = outcome.records == 0 && outcome.end != SegmentEnd::torn_tail;
  const bool is_blank = outcome.end == SegmentEnd::open_tail && walk.is_new(index);
  const bool is_harmless = (unused || is_blank) && !was_cut(outcome, segment.file_bytes);
  if (!is_harmless && segment.file_bytes > outcome.valid_bytes) {
    if (is_gone(walk, segment.number)) {
      walk.gone = true;
      return;
    }
    outcome.end = SegmentEnd::damaged_tail;
    ++outcome.damages;
    walk.find(FindingKind::corruption, segment.file, outcome.valid_bytes, "segment.tail");
  }
}

// --- data ----------------------------------------------------------------------------------------

core::Result<core::FileHandle> SpoolReader::file_of(uint32_t worker, uint64_t segment) {
  const bool same = data_worker_ == worker && data_segment_ == segment;
  if (data_file_.is_open() && same) return data_file_;
  if (data_file_.is_open()) disk_.close(std::exchange(data_file_, {}));
  MAILRACE_TRY(data_file_, disk_.open(segment_path(path_, worker, segment), /*writable=*/false));
  data_worker_ = worker;
  data_segment_ = segment;
  return data_file_;
}

core::Result<void> SpoolReader::read_data(const StoredMail& mail, const DataSink& sink) {
  for (const Extent& extent : mail.extents) {
    MAILRACE_TRY(const core::FileHandle file, file_of(mail.worker, extent.segment));
    if (data_.size() < extent.bytes) data_.resize(extent.bytes);
    const auto target = core::MutableOctets(data_).first(extent.bytes);
    MAILRACE_TRY(const size_t read, disk_.read(file, extent.offset, target));
    const bool whole = read == target.size() && core::crc32c(0, target) == extent.crc;
    if (!whole) return core::fail(core::Errc::corrupt, "mail.data");
    if (const auto taken = sink(target); !taken) return taken;
  }
  return {};
}

}  // namespace mailrace::spool
