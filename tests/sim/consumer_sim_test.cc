// SPDX-License-Identifier: GPL-3.0-or-later
// A consumer on a disk that loses power at every operation: no mail is passed over, and what was
// acknowledged in a saved cursor never comes again.
//
// MAILRACE_SIM_SEED=n replays one seed in each test, MAILRACE_SIM_SEEDS=FROM:COUNT runs others.
#include "core/base/check.h"
#include "core/base/prng.h"
#include "spool/consumers.h"
#include "spool/follower.h"
#include "spool/spool_reader.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/memory_disk.h"
#include "tests/support/segment_builder.h"
#include "tests/support/sim_seeds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tests {
namespace {

/// Mistakes that a consumer could make; each must be found.
enum class Mistake : uint8_t { none, acknowledges_before_it_is_stable, leaves_syncs_out };

constexpr uint64_t kWorkers = 2;
constexpr uint64_t kSegments = 3;
constexpr char kPath[] = "spool/consumers/c.cursor";

/// A spool whose mails begin in one segment and end in any later one.
FileContents make_spool(core::Prng& random) {
  FileContents files;
  for (uint32_t worker = 0; worker < kWorkers; ++worker) {
    std::vector<uint64_t> open;
    for (uint64_t number = 1; number <= kSegments; ++number) {
      SegmentBuilder segment(number, worker);
      for (uint64_t i = 0; i < 12; ++i) {
        const uint64_t id = (number * 100 + i) << 10 | worker;
        if (random.below(3) == 0) {
          segment.add_envelope({.mail_id = id, .data = ""});
          segment.add_data(id, "part");
          open.push_back(id);
        } else {
          segment.add_mail({.mail_id = id, .data = "whole"});
        }
        if (!open.empty() && random.below(3) == 0) {
          segment.add_data(open.back(), "rest");
          segment.add_end(open.back(), 8, 2);
          open.pop_back();
        }
      }
      if (number < kSegments) segment.add_seal();
      files[spool::segment_path("spool", worker, number)] = segment.octets();
    }
  }
  return files;
}

/// One spool and one consumer, across power cuts.
class ConsumerSim {
 public:
  ConsumerSim(uint64_t seed, uint32_t faults, Mistake mistake)
      : random_(seed), faults_(faults), mistake_(mistake) {
    disk_ = make_spool(random_);
    MemoryDisk disk;
    disk.files = disk_;
    spool::SpoolReader reader(disk, "spool");
    spool::SpoolVisit visit;
    visit.mail = [&](const spool::StoredMail& mail) {
      ends_[{mail.worker, {mail.end_segment, mail.end_offset}}] = mail.mail_id;
      ids_.insert(mail.mail_id);
      return true;
    };
    MAILRACE_CHECK(reader.walk(visit).has_value());
  }

  /// Runs until the power goes out at operation `cut_at`, or until all is handed off.
  /// returns   operations begun
  uint64_t live(uint64_t cut_at) {
    SimDisk disk(random_.next(), disk_);
    disk.faults = faults_;
    disk.cut_at = cut_at;
    disk.ignores_syncs = mistake_ == Mistake::leaves_syncs_out;
    consume(disk);
    const uint64_t operations = disk.operations();
    disk_ = disk.power_cut();
    target_cached_.clear();
    batch_.clear();
    check();
    return operations;
  }

  bool is_done() const { return std::ranges::includes(target_, ids_); }
  uint64_t repeated() const { return repeated_; }
  std::vector<std::string> problems;

 private:
  void consume(SimDisk& disk) {
    spool::CursorFile file(disk, "spool", "c");
    if (!file.open()) return;
    saved_ = acknowledged(file.cursor());  // what the file says holds from here on
    for (const auto& [place, mail] : file.cursor().pending()) hand_off(mail);
    spool::SpoolFollower follower(disk, "spool", file.cursor(), nullptr);
    follower.judge_tails();
    for (;;) {
      const auto step = follower.next();
      if (!step) return;
      if (*step == spool::SpoolFollower::Step::idle) break;
      if (*step != spool::SpoolFollower::Step::mail) {
        problems.push_back("a finding");
        continue;
      }
      hand_off(follower.place());
      if (random_.below(4) == 0 && !commit(file, follower)) return;
    }
    for (int i = 0; i < 50 && !commit(file, follower); ++i) {
      if (disk.is_cut()) return;
    }
  }

  void hand_off(const spool::PendingMail& mail) {
    batch_.push_back(mail);
    if (saved_.contains(mail.mail_id)) problems.push_back("an acknowledged mail came again");
    if (!handed_off_.insert(mail.mail_id).second) ++repeated_;
    target_cached_.insert(mail.mail_id);
  }

  // As tools/spool/hand_off.cc does it, unless there is a mistake. Some of the batch stays on its
  // way, so that acknowledgements come out of order. returns  false: no cursor was saved
  bool commit(spool::CursorFile& file, spool::SpoolFollower& follower) {
    std::vector<spool::PendingMail> later;
    for (const spool::PendingMail& mail : batch_) {
      if (random_.below(5) == 0) {
        later.push_back(mail);
        continue;
      }
      if (mistake_ != Mistake::acknowledges_before_it_is_stable) target_.insert(mail.mail_id);
      if (!file.cursor().acknowledge(mail.worker, mail.end)) problems.push_back("was not pending");
    }
    batch_ = later;
    follower.note_read_from();
    const auto state = acknowledged(file.cursor());
    if (!file.save({1})) return false;
    saved_ = state;
    target_.insert(target_cached_.begin(), target_cached_.end());
    return true;
  }

  // By the truth: which mails end below the positions, and are not pending.
  std::set<uint64_t> acknowledged(const spool::Cursor& cursor) const {
    std::set<uint64_t> ids;
    for (const auto& [place, id] : ends_) {
      const auto& [worker, end] = place;
      if (end < cursor.worker(worker).position && !cursor.is_pending(worker, end)) ids.insert(id);
    }
    return ids;
  }

  // Behind a power cut.
  void check() {
    MemoryDisk disk;
    disk.files = disk_;
    if (!disk_.contains(kPath)) {
      if (!saved_.empty()) problems.push_back("the cursor is gone");
      return;
    }
    const auto slot = spool::read_cursor(disk, kPath);
    if (!slot) return problems.push_back("the cursor cannot be read");
    const std::set<uint64_t> now = acknowledged(slot->cursor);
    if (!std::ranges::includes(now, saved_)) problems.push_back("the cursor moved back");
    if (!std::ranges::includes(target_, now)) problems.push_back("a mail is lost");
  }

  core::Prng random_;
  uint32_t faults_;
  Mistake mistake_;
  FileContents disk_;
  std::map<spool::Cursor::Place, uint64_t> ends_;  // where accepted mails end
  std::set<uint64_t> ids_;                         // theirs
  std::set<uint64_t> target_;                      // handed off, and stable there
  std::set<uint64_t> target_cached_;               // handed off, and lost with the power
  std::set<uint64_t> handed_off_;
  std::set<uint64_t> saved_;  // acknowledged, and the cursor said so to who asked
  std::vector<spool::PendingMail> batch_;
  uint64_t repeated_ = 0;
};

struct Sum {
  uint64_t runs = 0;
  uint64_t repeated = 0;
  uint64_t problems = 0;
};

/// Each seed with the power cut at every operation of its first life, and then once more later.
Sum run_seeds(uint64_t first, uint64_t count, uint32_t faults, Mistake mistake) {
  const SimSeeds seeds = sim_seeds(first, count);
  Sum sum;
  for (uint64_t seed = seeds.first; seed < seeds.end(); ++seed) {
    const uint64_t operations = ConsumerSim(seed, faults, mistake).live(UINT64_MAX);
    for (uint64_t cut = 0; cut <= operations; ++cut, ++sum.runs) {
      ConsumerSim sim(seed, faults, mistake);
      sim.live(cut);
      for (uint64_t life = 0; life < 40 && !sim.is_done(); ++life) {
        sim.live(life < 4 ? 3 + (seed + life) % 17 : UINT64_MAX);
      }
      if (!sim.is_done()) sim.problems.push_back("not all mails were handed off");
      sum.repeated += sim.repeated();
      sum.problems += sim.problems.size();
      if (mistake != Mistake::none || sim.problems.empty()) continue;
      ADD_FAILURE() << "MAILRACE_SIM_SEED=" << seed << ", cut at " << cut << ": "
                    << sim.problems.front();
    }
  }
  return sum;
}

TEST(ConsumerSimTest, NoMailIsPassedOverWhereverThePowerGoesOut) {
  const Sum sum = run_seeds(1, 25, /*faults=*/0, Mistake::none);
  EXPECT_GT(sum.runs, 500u);
  EXPECT_GT(sum.repeated, 500u);  // a cut between target and cursor
}

TEST(ConsumerSimTest, NorOnADiskThatFailsNowAndThen) {
  const Sum sum = run_seeds(1000, 25, /*faults=*/60, Mistake::none);
  EXPECT_GT(sum.runs, 300u);
}

TEST(ConsumerSimTest, ACursorThatMovesBeforeTheMailIsStableIsFound) {
  EXPECT_GT(run_seeds(1, 3, 0, Mistake::acknowledges_before_it_is_stable).problems, 0u);
}

TEST(ConsumerSimTest, AnUpdateThatIsNotSyncedIsFound) {
  EXPECT_GT(run_seeds(1, 3, 0, Mistake::leaves_syncs_out).problems, 0u);
}

}  // namespace
}  // namespace mailrace::tests
