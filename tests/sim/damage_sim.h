// SPDX-License-Identifier: GPL-3.0-or-later
// A spool on a disk that damages what was written to it: bits that flip, stretches of zeros and of
// rubbish, writes that went elsewhere or nowhere, blocks that cannot be read.
#pragma once

#include "spool/salvage.h"
#include "tests/sim/damage_book.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/spool_sim.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tests {

/// As SpoolSim, but between lives, and in finished segments while a server runs, one to four places
/// become bad. Then each mail none of whose octets were hit is as safe as without damage, and of
/// each other one somebody is told.
class DamageSim final : public SpoolSim {
 public:
  explicit DamageSim(uint64_t seed);

  /// returns   what went wrong; empty: nothing
  std::vector<std::string> run();

  struct DamageCounts {
    uint64_t places = 0;
    uint64_t while_running = 0;
    uint64_t hit = 0;        // promised mails with damaged records at the end
    uint64_t unvouched = 0;  // of the very last write, and gone
    uint64_t repaired = 0;   // segments
    uint64_t mails = 0;      // whole ones found by walks

    DamageCounts& operator+=(const DamageCounts& other);
  };
  const DamageCounts& damage_counts() const { return damage_counts_; }

 private:
  /// Mails and places that somebody was told of.
  struct Told {
    std::set<uint64_t> mails;
    std::set<uint64_t> segments;

    void add(const spool::Finding& finding);
  };
  struct Walked {
    std::set<uint64_t> mails;
    Told told;
    std::vector<spool::Finding> findings;
    std::string last;  // segment with a record
  };

  void disturb() override;
  std::set<uint64_t> mails_in(const spool::RetainedSegment& segment) const override;
  bool may_miss(const spool::RetainedSegment& segment, uint64_t mail_id) const override;
  void resume(Consumer& consumer) override;
  void hand_off(Consumer& consumer, const spool::PendingMail& place,
                const spool::StoredMail& mail) override;
  void note_finding(const Consumer& consumer, const spool::Finding& finding) override;
  void check(FileContents files, const std::string& when) override;

  void note_last(const std::vector<uint64_t>& begun);
  void damage_at_rest();
  void count(const Damage& damage);

  bool has_as_sent(core::Disk& disk, const spool::StoredMail& mail, const std::string& when);
  bool is_promised(uint64_t mail_id) const;
  bool may_be_lost(uint64_t mail_id) const;
  bool is_told(uint64_t mail_id, const Told& told) const;
  void expect(const std::set<uint64_t>& found, const Told& told, const std::string& when);
  void check_finding(const spool::Finding& finding, const std::string& when);

  Walked walk(core::Disk& disk, const std::string& when);
  void check_all(const FileContents& files, const std::string& when);
  void check_walk(core::Disk& disk, const std::string& when);
  void follow(core::Disk& disk, const Consumer& consumer, const std::string& when);
  void revisit(Consumer& consumer, const spool::PendingMail& place);
  bool is_waiting(core::Disk& disk, const spool::Cursor& cursor) const;
  bool is_left(core::Disk& disk, uint64_t number, bool has_head) const;
  bool take_healed(Consumer& consumer, const spool::PendingMail& place);

  void repair();
  bool repair_once(core::Disk& disk, Told& told);

  DamageBook book_;
  uint64_t places_left_;
  std::string history_;
  bool has_bad_blocks_ = false;  // or had
  FileContents older_;           // the disk as it was a life before
  std::set<uint64_t> given_up_;  // mails that a repair left out, and said so
  DamageCounts damage_counts_;
};

}  // namespace mailrace::tests
