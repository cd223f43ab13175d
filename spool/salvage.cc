// SPDX-License-Identifier: GPL-3.0-or-later
// The new segment has the number of the old one, and each record the offset that it had. A segment
// with a new number would come behind all others: every consumer that had passed the damaged one
// would be handed its mails again, and mails that go on in other segments would be cut off.
//
// Names change in this order, each step stable before the next one:
//
//   NUMBER.repair     written, synced, read again        the segment is as it was
//   NUMBER.damaged    a second name of the damaged file  as it was, under two names
//   NUMBER.segment    is what NUMBER.repair was          done
//
// There is no moment without a file of the segment's name.
#include "spool/salvage.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "spool/follower.h"
#include "spool/reader.h"
#include "spool/record.h"
#include "spool/segment.h"
#include "spool/segment_files.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <unordered_set>
#include <utility>

namespace mailrace::spool {
namespace {

constexpr std::string_view kSegmentSuffix = ".segment";
constexpr std::string_view kDamagedSuffix = ".damaged";

std::string with_suffix(const std::string& segment_file, std::string_view suffix) {
  MAILRACE_CHECK(segment_file.ends_with(kSegmentSuffix));
  return segment_file.substr(0, segment_file.size() - kSegmentSuffix.size()).append(suffix);
}

// --- what is to be done --------------------------------------------------------------------------

/// Finds out what is wrong with the segments of one worker.
class Planner {
 public:
  Planner(core::Disk& disk, const std::string& path, uint32_t worker, const SpoolVisit& told)
      : disk_(disk), path_(path), told_(told) {
    plan_.worker = worker;
  }

  core::Result<WorkerSalvage> run() {
    SpoolVisit visit;
    visit.only_worker = plan_.worker;
    visit.search_zeros_max = UINT64_MAX;
    visit.progress = told_.progress;
    visit.settle = told_.settle;
    visit.finding = [this](const Finding& finding) { find(finding); };
    visit.segment = [this](const SegmentSummary& segment) { summaries_.push_back(segment); };
    if (const auto walked = SpoolReader(disk_, path_).walk(visit); !walked) {
      return tl::unexpected<core::Error>(walked.error());
    }
    judge_mails();
    for (size_t i = 0; i < summaries_.size(); ++i) judge_segment(i);
    return std::move(plan_);
  }

 private:
  void find(const Finding& finding) {
    switch (finding.kind) {
      case FindingKind::corruption:
        damaged_files_.insert(finding.file);
        break;
      case FindingKind::damaged_mail:
        damaged_mails_.push_back(finding);
        return;  // told when it is sure
      case FindingKind::unreadable:
        plan_.in_the_way.push_back(finding);
        break;
      case FindingKind::dropped_mail:
        dropped_ = true;
        return;
    }
    if (told_.finding) told_.finding(finding);
  }

  // With too many mails without an end, a reader gives some up: these may be whole all the same.
  void judge_mails() {
    for (const Finding& finding : damaged_mails_) {
      if (dropped_ && find_mail(disk_, path_, place_of(finding))) continue;
      plan_.lost.push_back(finding.mail_id);
      damaged_files_.insert(finding.file);
      if (told_.finding) told_.finding(finding);
    }
    std::ranges::sort(plan_.lost);
  }

  PendingMail place_of(const Finding& finding) const {
    const auto segment = std::ranges::find(summaries_, finding.file, &SegmentSummary::file);
    MAILRACE_CHECK(segment != summaries_.end());
    return {plan_.worker, finding.mail_id, 0, {segment->number, finding.offset}};
  }

  void judge_segment(size_t index) {
    const SegmentSummary& summary = summaries_[index];
    if (!summary.read || !damaged_files_.contains(summary.file)) return;
    const SegmentStart start =
        read_segment_start(disk_, summary.file, summary.number, summary.outcome.salt);
    const char* const refusal = start.has_other_head(summary.number) && !start.has_begun
                                    ? "segment.generation"
                                : summary.outcome.records == 0 ? "segment.records"
                                                               : nullptr;
    if (refusal != nullptr) {
      plan_.in_the_way.push_back({FindingKind::unreadable, summary.file, 0, refusal, 0});
      return;
    }
    plan_.segments.push_back(
        {.number = summary.number,
         .file = summary.file,
         .salt = summary.outcome.salt,
         .created_at_ns = summary.outcome.created_at_ns,
         .mail_id_floor = summary.outcome.mail_id_max,
         .unfinished =
             std::none_of(summaries_.begin() + std::ptrdiff_t(index) + 1, summaries_.end(),
                          [](const SegmentSummary& later) { return later.outcome.records > 0; })});
  }

  core::Disk& disk_;
  const std::string& path_;
  const SpoolVisit& told_;
  WorkerSalvage plan_;
  std::vector<SegmentSummary> summaries_;
  std::set<std::string> damaged_files_;
  std::vector<Finding> damaged_mails_;
  bool dropped_ = false;
};

// --- a new segment -------------------------------------------------------------------------------

/// Octets of a new segment, collected and written.
class SegmentFile {
 public:
  /// file   empty and writable; none: only counts
  SegmentFile(core::Disk& disk, core::FileHandle file, const SegmentKey& key)
      : disk_(disk), file_(file), key_(key) {}

  uint64_t end() const { return end_; }
  uint64_t records() const { return sequence_; }

  core::Result<void> add(RecordType type, uint64_t mail_id, core::Octets body) {
    if (!file_.is_open()) {
      ++sequence_;
      end_ += record_bytes(body.size());
      return {};
    }
    const size_t at = octets_.size();
    octets_.resize(at + size_t(record_bytes(body.size())));
    std::byte* const header = octets_.data() + at;
    std::ranges::copy(body, header + core::kRecordHeaderBytes);
    encode_record({header, core::kRecordHeaderBytes}, type, mail_id, body);
    end_ += place_record(header, key_, sequence_++);
    return octets_.size() >= core::kReaderBufferBytes ? flush() : core::Result<void>{};
  }

  // Marks that say nothing, up to `offset`.
  core::Result<void> fill_to(uint64_t offset) {
    constexpr uint64_t kLongest = record_bytes(core::kRecordBodyBytesMax);
    constexpr uint64_t kShortest = record_bytes(kMarkBodyBytes);
    while (end_ < offset) {
      const uint64_t gap = offset - end_;
      uint64_t piece = std::min(gap, kLongest);
      if (gap > piece && gap - piece < kShortest) piece -= kShortest;
      // Whatever stood there was a record once; what is shorter than a header cannot be filled.
      if (piece < core::kRecordHeaderBytes) break;
      zeros_.resize(size_t(piece) - core::kRecordHeaderBytes);
      if (const auto added = add(RecordType::mark, 0, zeros_); !added) return added;
    }
    if (end_ != offset) return core::fail(core::Errc::corrupt, "salvage.place");
    return {};
  }

  core::Result<void> write_head(const SegmentHead& head) {
    if (!file_.is_open()) return {};
    if (const auto flushed = flush(); !flushed) return flushed;
    std::vector<std::byte> octets(kSegmentHeadBytes);
    encode_segment_head(octets, head);
    if (const auto written = disk_.write(file_, 0, octets); !written) return written;
    return disk_.sync(file_);
  }

 private:
  core::Result<void> flush() {
    const auto written = disk_.write(file_, end_ - octets_.size(), octets_);
    octets_.clear();
    return written;
  }

  core::Disk& disk_;
  core::FileHandle file_;
  SegmentKey key_;
  uint64_t end_ = kSegmentHeadBytes;
  uint64_t sequence_ = 0;
  std::vector<std::byte> octets_;  // that end at end_, not written yet
  std::vector<std::byte> zeros_;
};

/// One segment, read, written anew, and exchanged.
class Salvager {
 public:
  Salvager(core::Disk& disk, const std::string& path, const WorkerSalvage& plan,
           const DamagedSegment& segment)
      : disk_(disk),
        path_(path),
        plan_(plan),
        segment_(segment),
        key_(segment.number, segment.salt) {}

  core::Result<SalvageOutcome> run(bool measure) {
    MAILRACE_TRY(const core::FileHandle source, disk_.open(segment_.file, /*writable=*/false));
    const auto done = measure ? copy(source, {}) : replace(source);
    disk_.close(source);
    if (!done) return tl::unexpected<core::Error>(done.error());
    return std::move(outcome_);
  }

 private:
  core::Result<void> replace(core::FileHandle source) {
    const std::string directory = path_ + "/" + worker_directory_name(plan_.worker);
    const std::string target_path = with_suffix(segment_.file, ".repair");
    // What an attempt left that a crash cut short; ours alone, and no reader knows the name.
    const auto removed = disk_.remove(target_path);
    if (!removed && removed.error().sys_errno != ENOENT) return removed;
    MAILRACE_TRY(const core::FileHandle target, disk_.create(target_path));
    auto done = copy(source, target);
    if (done) done = check(target);
    disk_.close(target);
    if (done) done = disk_.sync_directory(directory);
    if (done) done = keep_damaged(source);
    if (done) done = disk_.rename(target_path, segment_.file);
    if (!done) (void)disk_.remove(target_path);
    return done;
  }

  SegmentReader reader_of(core::FileHandle file, bool unfinished) const {
    return SegmentReader(disk_, file,
                         {.generation = segment_.number,
                          .salt = segment_.salt,
                          .search_zeros_max = UINT64_MAX,
                          .settle = nullptr,
                          .unfinished = unfinished});
  }

  core::Result<void> copy(core::FileHandle source, core::FileHandle target) {
    SegmentFile file(disk_, target, key_);
    SegmentReader reader = reader_of(source, segment_.unfinished);
    uint64_t end = disk_.size(source).value_or(0);  // of what is copied
    for (auto step = reader.next(); step != SegmentReader::Step::end; step = reader.next()) {
      if (step != SegmentReader::Step::record) continue;
      const Record& record = reader.record();
      const RecordHeader& header = record.header;
      if (header.type == RecordType::seal) {
        end = record.offset;
        continue;
      }
      if (std::ranges::binary_search(plan_.lost, header.mail_id)) continue;
      if (file.end() < record.offset) leave_out(record.offset - file.end());
      if (const auto filled = file.fill_to(record.offset); !filled) return filled;
      if (const auto added = file.add(header.type, header.mail_id, record.body); !added) {
        return added;
      }
      ++outcome_.records;
      if (header.type == RecordType::end) ++outcome_.mails;
    }
    if (end > file.end()) leave_out(end - file.end());
    // No summary: the index that was copied may name mails that are gone. Recovery reads the
    // segment.
    std::vector<std::byte> seal(kSealBodyBytes);
    encode_seal(seal.data(), {.mails = outcome_.mails, .records = file.records()});
    seal.resize(kSealBodyBytesVersion2);
    if (const auto added = file.add(RecordType::seal, 0, seal); !added) return added;
    written_bytes_ = file.end();
    written_records_ = file.records();
    return file.write_head({.generation = segment_.number,
                            .worker = plan_.worker,
                            .created_at_ns = segment_.created_at_ns,
                            .capacity = file.end(),
                            .salt = segment_.salt,
                            .mail_id_floor = segment_.mail_id_floor});
  }

  void leave_out(uint64_t octets) {
    ++outcome_.places;
    outcome_.octets_left_out += octets;
  }

  // What takes the place of a mail's only copy is read before it does.
  core::Result<void> check(core::FileHandle target) {
    SegmentReader reader = reader_of(target, /*unfinished=*/false);
    auto step = SegmentReader::Step::record;
    while (step == SegmentReader::Step::record) step = reader.next();
    const SegmentOutcome& outcome = reader.outcome();
    const bool whole = step == SegmentReader::Step::end && outcome.end == SegmentEnd::sealed &&
                       outcome.damages == 0 && outcome.records == written_records_ &&
                       outcome.mails == outcome_.mails && outcome.valid_bytes == written_bytes_;
    if (!whole) return core::fail(core::Errc::corrupt, "salvage.check");
    return {};
  }

  core::Result<void> keep_damaged(core::FileHandle source) {
    for (int i = 1; i <= core::kDamagedNamesMax; ++i) {
      std::string path = with_suffix(segment_.file, kDamagedSuffix);
      if (i > 1) path += "." + std::to_string(i);
      const auto linked = disk_.link(segment_.file, path);
      const bool taken = !linked && linked.error().sys_errno == EEXIST;
      if (!linked && !taken) return linked;
      // An attempt that a crash cut short may have come so far.
      if (taken && !has_same_octets(source, path)) continue;
      outcome_.kept_as = path.substr(path.rfind('/') + 1);
      return {};
    }
    return core::fail(core::Errc::busy, "salvage.names");
  }

  bool has_same_octets(core::FileHandle source, const std::string& path) {
    const auto other = disk_.open(path, /*writable=*/false);
    if (!other) return false;
    const bool same = compare(source, *other);
    disk_.close(*other);
    return same;
  }

  bool compare(core::FileHandle one, core::FileHandle other) {
    std::vector<std::byte> first(core::kReaderBufferBytes);
    std::vector<std::byte> second(core::kReaderBufferBytes);
    for (uint64_t at = 0;;) {
      const auto a = disk_.read(one, at, first);
      const auto b = disk_.read(other, at, second);
      if (!a || !b || *a != *b) return false;  // blocks that cannot be read are not the same
      if (!std::equal(first.begin(), first.begin() + std::ptrdiff_t(*a), second.begin()))
        return false;
      if (*a < first.size()) return true;
      at += *a;
    }
  }

  core::Disk& disk_;
  const std::string& path_;
  const WorkerSalvage& plan_;
  const DamagedSegment& segment_;
  SegmentKey key_;
  SalvageOutcome outcome_;
  uint64_t written_bytes_ = 0;
  uint64_t written_records_ = 0;
};

}  // namespace

core::Result<WorkerSalvage> plan_salvage(core::Disk& disk, const std::string& spool_path,
                                         uint32_t worker, const SpoolVisit& visit) {
  return Planner(disk, spool_path, worker, visit).run();
}

core::Result<SalvageOutcome> salvage_segment(core::Disk& disk, const std::string& spool_path,
                                             const WorkerSalvage& plan,
                                             const DamagedSegment& segment, bool measure) {
  return Salvager(disk, spool_path, plan, segment).run(measure);
}

namespace {

// Whether salvage_segment() has left the damaged file of the segment beside it.
bool was_repaired(core::Disk& disk, const std::string& spool_path, const PendingMail& mail) {
  const auto names = disk.list(spool_path + "/" + worker_directory_name(mail.worker));
  return names && std::ranges::any_of(*names, [&mail](const std::string& name) {
           return damaged_segment_number(name) == mail.end.segment;
         });
}

// The mails that end in the segment of `mail`. returns   nothing: it does not check as a whole
std::optional<std::vector<PendingMail>> ends_in_segment(core::Disk& disk,
                                                        const std::string& spool_path,
                                                        const PendingMail& mail) {
  const uint64_t number = mail.end.segment;
  const auto file = disk.open(segment_path(spool_path, mail.worker, number), /*writable=*/false);
  if (!file) return std::nullopt;
  SegmentReader reader(disk, *file, {.generation = number, .search_zeros_max = UINT64_MAX});
  std::vector<PendingMail> ends;
  std::unordered_set<uint64_t> begun;  // here, and so in no earlier segment
  auto step = reader.next();
  for (; step == SegmentReader::Step::record; step = reader.next()) {
    const Record& record = reader.record();
    const uint64_t id = record.header.mail_id;
    if (record.header.type == RecordType::envelope) begun.insert(id);
    if (record.header.type != RecordType::end) continue;
    const uint64_t first = begun.erase(id) > 0 ? number : 0;
    ends.push_back({mail.worker, id, first, {number, record.offset}});
  }
  const uint64_t bytes = disk.size(*file).value_or(UINT64_MAX);
  disk.close(*file);
  const SegmentOutcome& outcome = reader.outcome();
  const bool is_left = outcome.end == SegmentEnd::sealed || bytes == outcome.valid_bytes;
  if (step != SegmentReader::Step::end || outcome.damages > 0 || !is_left) return std::nullopt;
  return ends;
}

}  // namespace

bool was_left_out(core::Disk& disk, const std::string& spool_path, const PendingMail& mail) {
  // A place that heals without a repair has mails, see healed_mails().
  if (mail.mail_id == 0 && !was_repaired(disk, spool_path, mail)) return false;
  const auto ends = ends_in_segment(disk, spool_path, mail);
  return ends && std::ranges::none_of(*ends, [&mail](const PendingMail& other) {
           return mail.mail_id != 0 && other.end == mail.end && other.mail_id == mail.mail_id;
         });
}

std::optional<std::vector<PendingMail>> healed_mails(core::Disk& disk,
                                                     const std::string& spool_path,
                                                     const PendingMail& place) {
  if (was_repaired(disk, spool_path, place)) return std::nullopt;
  auto ends = ends_in_segment(disk, spool_path, place);
  if (ends) {
    std::erase_if(*ends, [&place](const PendingMail& mail) { return mail.end < place.end; });
  }
  return ends;
}

std::optional<uint64_t> damaged_segment_number(std::string_view name) noexcept {
  const size_t at = name.find(kDamagedSuffix);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = name.substr(at + kDamagedSuffix.size());
  if (!rest.empty() && rest.front() != '.') return std::nullopt;
  std::string segment(name.substr(0, at));
  return parse_segment_file_name(segment.append(kSegmentSuffix));
}

}  // namespace mailrace::spool
