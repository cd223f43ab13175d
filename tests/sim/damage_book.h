// SPDX-License-Identifier: GPL-3.0-or-later
// Damages segments at random places, and keeps the books on whose octets were hit: the oracle of
// the damage simulation. It finds records on its own, without the reader that is to be proved.
#pragma once

#include "core/base/prng.h"
#include "spool/record.h"
#include "tests/sim/sim_file.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tests {

/// A whole record that stands somewhere in a segment.
struct SeenRecord {
  uint64_t offset = 0;
  uint64_t bytes = 0;  // of header and body
  uint64_t mail_id = 0;
  spool::RecordType type = spool::RecordType::data;
  uint64_t vouched = 0;  // by a mark or a seal: before this offset all had landed
};

/// All records of a segment that check, wherever they are.
std::vector<SeenRecord> records_of(core::Octets octets, uint64_t number);

/// Numbers of the segments that have a record, sorted.
std::vector<uint64_t> begun_segments(const FileContents& files);
/// Whether one stands where the first one must.
bool has_first_record(core::Octets octets, uint64_t number);
std::string sim_segment_path(uint64_t number);

/// Other octets for a place of a file.
struct Damage {
  uint64_t number = 0;  // of the segment
  uint64_t offset = 0;
  std::vector<std::byte> octets;
  const char* kind = "";
  bool is_unreadable = false;

  std::string text() const;
};

/// One place of one of the segments `among`, chosen by chance; not empty, and not what is there.
/// older   files as they once were
/// returns   nothing: the place would not change
std::optional<Damage> choose_damage(core::Prng& random, const FileContents& files,
                                    const FileContents& older, const std::vector<uint64_t>& among);

/// Mails by what happened to their octets.
class DamageBook {
 public:
  /// Octets of segment `number` were changed.
  void note(uint64_t number, core::Octets previous, core::Octets after);
  /// For all that can be known, no later segment has a record, and the server is dead.
  void note_last(uint64_t number) { unvouched_.merge(unvouched_if_last_[number]); }

  bool has_any() const { return !damaged_.empty(); }
  bool is_damaged(uint64_t number) const { return damaged_.contains(number); }
  /// Whether octets of one of its records were changed.
  bool is_hit(uint64_t mail_id) const { return hit_.contains(mail_id); }
  /// The segments with these records.
  const std::set<uint64_t>& hit_in(uint64_t mail_id) const { return hit_.at(mail_id); }
  /// Mails with such records in the segment.
  std::set<uint64_t> mails_hit_in(uint64_t number) const;
  /// Whether its end record was found in the segment when that was damaged.
  bool ends_in(uint64_t mail_id, uint64_t number) const;
  /// It lies behind damaged octets that no mark in the last segment vouches for, so nobody can tell
  /// these from what a crash tore. source: spool/README.md, "Order on disk"
  bool is_unvouched(uint64_t mail_id) const { return unvouched_.contains(mail_id); }
  /// It lies in a segment with another one's head and without its first record, which counts as one
  /// that is gone. source: spool/FORMAT.md, "Directory"
  bool is_misnamed(uint64_t mail_id) const { return misnamed_.contains(mail_id); }

 private:
  void note_misnamed(uint64_t number, core::Octets after, const std::vector<SeenRecord>& records);
  static std::set<uint64_t> unvouched_of(const std::vector<SeenRecord>& records,
                                         const std::vector<bool>& intact);

  std::map<uint64_t, std::vector<std::byte>> damaged_;  // segments, as they were before
  std::map<uint64_t, std::set<uint64_t>> hit_;
  std::map<uint64_t, uint64_t> ends_in_;
  std::map<uint64_t, std::set<uint64_t>> unvouched_if_last_;  // by segment
  std::set<uint64_t> unvouched_;
  std::set<uint64_t> misnamed_;
};

}  // namespace mailrace::tests
