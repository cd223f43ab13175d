// SPDX-License-Identifier: GPL-3.0-or-later
// Cutting comes after the walk, segment by segment, and only where the walk found every octet
// behind the last whole record to be no part of one.
#include "spool/recovery.h"

#include "core/base/limits.h"
#include "spool/mail_id_floor.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mailrace::spool {
namespace {

class Recoverer {
 public:
  Recoverer(core::Disk& disk, const std::string& spool_path) : disk_(disk), path_(spool_path) {}

  core::Result<Recovery> run(uint32_t worker) {
    SpoolReader reader(disk_, path_);
    recovery_.workers.push_back({.worker = worker});
    current_ = &recovery_.workers.back();
    const auto walked = reader.walk(visit(worker));
    if (!walked) return tl::unexpected<core::Error>(walked.error());
    if (unlisted_) return tl::unexpected<core::Error>(*unlisted_);
    for (const SegmentSummary& segment : segments_) tidy(segment);
    sync_last();
    if (auto found = find_free_segments(worker); !found) {
      return tl::unexpected<core::Error>(found.error());
    }
    find_mail_id_floor(worker);
    return std::move(recovery_);
  }

 private:
  SpoolVisit visit(uint32_t worker) {
    SpoolVisit visit;
    visit.only_worker = worker;
    visit.by_footer = true;
    visit.search_zeros_max = UINT64_MAX;
    // Who took it for an empty one would begin again with the first segment and the first mail id.
    visit.unlisted = [this](const core::Error& error) { unlisted_ = error; };
    visit.finding = [this](const Finding& finding) { find(finding); };
    visit.mail = [this](const StoredMail& mail) {
      ++current_->mails;
      current_->octets += mail.data_bytes;
      return true;
    };
    visit.cut_off = [this](const EndBody& end) {
      ++current_->mails;
      current_->octets += end.data_bytes;
    };
    visit.segment = [this](const SegmentSummary& segment) {
      if (segment.footer) {
        current_->mails += segment.footer->seal.mails;
        current_->octets += segment.footer->seal.data_bytes;
      } else if (segment.read) {
        ++recovery_.segments_read;
      }
      current_->next_segment = std::max(current_->next_segment, segment.number + 1);
      if (segment.outcome.salt != 0) current_->salt = segment.outcome.salt;
      current_->last_mail_id = std::max(current_->last_mail_id, segment.outcome.mail_id_max);
      if (segment.read && segment.outcome.records > 0) last_ = segment.file;
      if (wants_tidying(segment)) segments_.push_back(segment);
    };
    return visit;
  }

  static bool wants_tidying(const SegmentSummary& segment) {
    const SegmentOutcome& outcome = segment.outcome;
    if (!segment.read || outcome.damages > 0) return false;
    switch (outcome.end) {
      case SegmentEnd::damaged_tail:
        return false;
      case SegmentEnd::sealed:  // a crash between seal and cut
        return segment.file_bytes > outcome.valid_bytes + core::kSealedRestBytesMax;
      case SegmentEnd::open_tail:
      case SegmentEnd::stale_tail:
      case SegmentEnd::torn_tail:
        return outcome.records == 0 || segment.file_bytes > outcome.valid_bytes;
    }
    return false;
  }

  void tidy(const SegmentSummary& segment) {
    const bool empty = segment.outcome.records == 0;
    const bool kept = empty && is_whole(segment);
    const auto done = kept    ? disk_.rename(segment.file, free_path(segment))
                      : empty ? disk_.remove(segment.file)
                              : cut(segment);
    if (!done) {
      find({FindingKind::unreadable, segment.file, segment.outcome.valid_bytes, done.error().where,
            0});
    } else if (empty) {
      recovery_.segments_removed += kept ? 0 : 1;
      recovery_.segments_kept += kept ? 1 : 0;
    } else {
      ++recovery_.tails_cut;
      recovery_.octets_cut += segment.file_bytes - segment.outcome.valid_bytes;
    }
  }

  // What was read of the segment that a killed server wrote to last may only be in the page cache.
  // Once there are records behind it, it is taken for stable.
  void sync_last() {
    if (last_.empty()) return;
    const auto file = disk_.open(last_, /*writable=*/true);
    const auto synced = file ? disk_.sync(*file) : tl::unexpected<core::Error>(file.error());
    if (file) disk_.close(*file);
    if (!synced) find({FindingKind::unreadable, last_, 0, synced.error().where, 0});
  }

  // Its head is written last, when all of it was filled. So it serves again.
  static bool is_whole(const SegmentSummary& segment) {
    return segment.outcome.capacity > 0 && segment.file_bytes == segment.outcome.capacity;
  }

  std::string free_path(const SegmentSummary& segment) const {
    return path_ + "/" + worker_directory_name(segment.worker) + "/" +
           free_file_name(segment.number);
  }

  core::Result<void> cut(const SegmentSummary& segment) {
    MAILRACE_TRY(const core::FileHandle file, disk_.open(segment.file, /*writable=*/true));
    auto done = disk_.truncate(file, segment.outcome.valid_bytes);
    disk_.close(file);
    return done;
  }

  // Their numbers were used, whatever became of the mails.
  core::Result<void> find_free_segments(uint32_t worker) {
    const std::string directory = path_ + "/" + worker_directory_name(worker);
    std::string file_path;
    MAILRACE_TRY(const std::vector<std::string> names, disk_.list(directory));
    for (const std::string& name : names) {
      const auto number = parse_free_file_name(name);
      if (!number) continue;
      current_->next_segment = std::max(current_->next_segment, *number + 1);
      file_path.assign(directory).append("/").append(name);
      const auto file = disk_.open(file_path, /*writable=*/false);
      if (!file) continue;
      current_->free_segments.push_back({*number, disk_.size(*file).value_or(0)});
      disk_.close(*file);
    }
    return {};
  }

  void find_mail_id_floor(uint32_t worker) {
    const auto floor = read_mail_id_floor(disk_, path_, worker);
    if (floor) {
      current_->mail_id_floor = *floor;
      current_->last_mail_id = std::max(current_->last_mail_id, *floor);
    } else {
      find({FindingKind::unreadable, mail_id_floor_path(path_, worker), 0, floor.error().where, 0});
    }
  }

  void find(const Finding& finding) {
    ++recovery_.findings_count;
    if (recovery_.findings.size() < core::kFindingsMax) recovery_.findings.push_back(finding);
  }

  core::Disk& disk_;
  const std::string& path_;
  Recovery recovery_;
  WorkerRecovery* current_ = nullptr;
  std::optional<core::Error> unlisted_;
  std::string last_;                      // the last one that has records
  std::vector<SegmentSummary> segments_;  // of this worker, to be cut or removed
};

}  // namespace

core::Result<Recovery> recover_worker(core::Disk& disk, const std::string& spool_path,
                                      uint32_t worker) {
  return Recoverer(disk, spool_path).run(worker);
}

core::Result<Recovery> recover(core::Disk& disk, const std::string& spool_path) {
  MAILRACE_TRY(const std::vector<uint32_t> workers, SpoolReader(disk, spool_path).workers());
  Recovery all;
  for (const uint32_t worker : workers) {
    MAILRACE_TRY(Recovery recovery, recover_worker(disk, spool_path, worker));
    add_recovery(all, std::move(recovery));
  }
  return all;
}

void add_recovery(Recovery& all, Recovery&& other) {
  std::ranges::move(other.workers, std::back_inserter(all.workers));
  std::ranges::sort(all.workers, {}, &WorkerRecovery::worker);
  const size_t room = core::kFindingsMax - all.findings.size();
  const size_t kept = std::min(room, other.findings.size());
  std::move(other.findings.begin(), other.findings.begin() + ptrdiff_t(kept),
            std::back_inserter(all.findings));
  all.findings_count += other.findings_count;
  all.tails_cut += other.tails_cut;
  all.octets_cut += other.octets_cut;
  all.segments_removed += other.segments_removed;
  all.segments_kept += other.segments_kept;
  all.segments_read += other.segments_read;
}

}  // namespace mailrace::spool
