// SPDX-License-Identifier: GPL-3.0-or-later
// Records of one segment in order, each verified; and a way on past octets that do not check.
#pragma once

#include "core/base/limits.h"
#include "core/port/disk.h"
#include "spool/footer.h"
#include "spool/record.h"
#include "spool/segment.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace mailrace::spool {

/// A whole record: header and body were checked.
struct Record {
  RecordHeader header;
  uint64_t offset = 0;  // of the header, in octets from the start of the file
  core::Octets body;    // borrowed from the reader until its next call
};

/// A place in a segment that does not check.
struct Damage {
  uint64_t offset = 0;
  const char* what = "";      // static string: what did not check, e.g. "record.body_crc"
  uint64_t resumed_at = 0;    // where records go on; 0: nowhere, or nothing was left out
  bool records_lost = false;  // false: every record was read all the same
};

/// How the records of a segment end.
enum class SegmentEnd : uint8_t {
  sealed,     // in good order
  open_tail,  // with the file, or with zeros: still being written, or cut after a crash
  torn_tail,  // with an incomplete record and nothing whole behind it: a crash, or a write going on
  stale_tail,    // with what an earlier generation left: a recycled segment, as open_tail
  damaged_tail,  // with octets that cannot be read or judged; nothing there may be cut
};

struct SegmentOutcome {
  SegmentEnd end = SegmentEnd::open_tail;
  uint64_t valid_bytes = 0;  // end of the last whole record, in octets from the start of the file
  uint64_t records = 0;      // whole ones, the seal included
  uint64_t mails = 0;        // end records
  uint64_t mail_id_max = 0;  // of the records, and of what the head says
  uint64_t damages = 0;
  uint64_t tail_generation = 0;  // of a stale_tail: whose header was found there
  int64_t created_at_ns = 0;     // from the head; 0 if it does not check
  uint64_t capacity = 0;         // likewise
  uint64_t salt = 0;             // that the records were checked with
};

/// Whether the file was cut, as when a restart or a failed write ends a segment: it has not the
/// length any more that was allocated. Then nothing but records is in it.
constexpr bool was_cut(const SegmentOutcome& outcome, uint64_t file_bytes) noexcept {
  return file_bytes < outcome.capacity;
}

/// What a reader needs to know besides the file.
struct ReaderOptions {
  uint64_t generation = 0;  // the number in the file's name
  uint64_t salt = 0;        // of the spool, for a segment whose head does not check
  /// How many zeros behind a bad record are searched for whole ones.
  uint64_t search_zeros_max = core::kReaderSearchZerosMax;
  /// For files that a running server writes: called before whole records behind a bad one are
  /// taken for damage; waits a little and returns true, or false when the patience is used up.
  std::function<bool()> settle = nullptr;
  /// Writes to this segment may be under way, or were when its server died: no later one has a
  /// record.
  bool unfinished = false;
  /// As far as the segment before tells, no write to this one has begun. If its start does not
  /// speak against that, no record is searched for far behind it.
  bool unwritten = false;
};

/// Walks one segment. Trusts no length before its header's checksum. Where a record does not check,
/// it looks for the next whole one and goes on there. Allocates one buffer; for tools and recovery.
class SegmentReader {
 public:
  enum class Step : uint8_t { record, damage, end };

  /// disk, file   must outlive the reader; the file is not closed
  SegmentReader(core::Disk& disk, core::FileHandle file, ReaderOptions options);

  /// Goes on to the next record(), damage() or to the end. After an end that is not sealed it may
  /// be called again, and sees what was written since.
  /// source   spool/FORMAT.md, "Record"
  Step next();

  /// A later segment has a record, which was seen before the next call: no write to this one is
  /// under way any more, and none will be.
  void note_finished() noexcept { options_.unfinished = false; }

  /// Whether next() has something to say at once: a whole record stands where the next one is
  /// expected, or damage was found. Looks at the disk anew and searches nothing; for those who wait
  /// at the end of a file that grows, where half a record is a write under way, or one that failed
  /// and will be cut off. The body of record() is lost.
  bool at_record();

  /// Valid after Step::record, until the next call.
  const Record& record() const noexcept { return record_; }
  /// Valid after Step::damage.
  const Damage& damage() const noexcept { return damage_; }
  /// Counts so far; how it ended: after Step::end.
  const SegmentOutcome& outcome() const noexcept { return outcome_; }

 private:
  /// What stands at an offset.
  struct Checked {
    Record record;
    const char* bad = nullptr;  // what does not check; nullptr: the record is whole
    bool header_good = false;
    bool blank = false;  // zeros, or the file ends
  };
  struct Found {
    std::optional<Record> record;
    bool zeros_only = true;         // nothing but zeros was passed
    std::optional<uint64_t> stale;  // generation of the first header passed of an earlier one
    bool misplaced = false;         // passed a whole record whose sequence cannot be
    bool gave_up = false;
  };

  core::Octets window(uint64_t offset, size_t bytes);
  void fill(uint64_t offset, size_t bytes);
  size_t fill_by_block(uint64_t offset, core::MutableOctets target);
  void note_unreadable(uint64_t from, uint64_t to);
  void read_head();
  SegmentKey choose_key(const SegmentKey& named, const SegmentKey& headed);
  Checked check_at(uint64_t offset);
  bool expected(const Checked& checked) const noexcept;
  bool in_range(const Record& record) const noexcept;
  Step accept(const Record& record);
  bool has_padding(const Record& record);
  void check_seal(const Record& record);
  bool is_unwritten(const Checked& checked);
  Step skip(const Checked& checked, bool& again);
  Found search(uint64_t from, uint64_t to = UINT64_MAX);
  std::optional<uint64_t> stale_at(uint64_t offset);
  bool is_unacknowledged_hole(const Record& behind);
  Step finish(const Checked& checked, const Found& found);
  void add_damage(const Damage& damage);

  core::Disk& disk_;
  core::FileHandle file_;
  ReaderOptions options_;
  SegmentKey key_;

  std::unique_ptr<std::byte[]> buffer_;
  size_t buffer_capacity_ = 0;
  size_t read_ahead_bytes_ = 32 << 10;  // doubles up to kReaderBufferBytes: many segments are short
  uint64_t buffer_offset_ = 0;
  size_t buffer_bytes_ = 0;
  uint64_t unreadable_end_ = 0;  // of the octets that could not be read; they stand as zeros

  bool head_read_ = false;
  bool head_blank_ = false;
  bool over_ = false;  // sealed, or not to be read at all
  uint64_t offset_ = kSegmentHeadBytes;
  uint64_t sequence_ = 0;           // of the next record
  std::optional<uint64_t> anchor_;  // sequence that was expected where records were lost first
  uint64_t searched_body_bytes_ = 0;
  bool tail_reported_ = false;
  bool marked_ = false;  // a mark was read: this segment's writes end with one
  FooterCheck check_;

  Record record_;
  Damage damage_;
  std::deque<Damage> damages_;  // to be returned by next()
  SegmentOutcome outcome_;
};

}  // namespace mailrace::spool
