// SPDX-License-Identifier: GPL-3.0-or-later
// The footer of a sealed segment: what stands in it, known without reading it.
#pragma once

#include "core/port/disk.h"
#include "spool/cursor.h"
#include "spool/record.h"
#include "spool/segment.h"
#include "spool/segment_index.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mailrace::spool {

/// The head of a sealed segment, and its seal.
struct Footer {
  SegmentHead head;
  SealBody seal;
  uint64_t seal_at = 0;  // offset of the seal
  uint64_t end = 0;      // and of what is behind it

  /// No mail in the segment, nor any before it, has a greater id.
  uint64_t mail_id_max() const noexcept {
    return seal.mail_id_max > head.mail_id_floor ? seal.mail_id_max : head.mail_id_floor;
  }
};

/// Reads the two ends of a segment's file, two blocks each at most. A footer is only there if the
/// last write to the segment is whole; that one began when everything before it had landed.
///
/// file      not closed
/// number    of the segment, as in the file's name
/// returns   nothing: not sealed, sealed by an earlier version, or anything does not check; then
///           the segment must be read
/// source    spool/FORMAT.md, "Footer"
std::optional<Footer> read_footer(core::Disk& disk, core::FileHandle file, uint64_t number);

/// Reads the entries of a footer's index, in the order of the end records.
/// entry     false: enough
/// returns   false if a record of the index does not check
bool read_index(core::Disk& disk, core::FileHandle file, const Footer& footer,
                const std::function<bool(const IndexEntry&)>& entry);

/// Where the mail's records are, if the index of a segment names it.
/// returns   nothing: it is not in the spool; or it is, but its segment must be read to find it
std::optional<PendingMail> find_in_index(core::Disk& disk, const std::string& spool_path,
                                         uint32_t worker, uint64_t mail_id);

/// What the footer must say, counted while all records of a segment are read.
class FooterCheck {
 public:
  /// To be called for each record but the seal.
  void add(const RecordHeader& header, uint64_t offset, core::Octets body);

  /// returns   what is wrong with the seal, as a static string; nullptr: nothing
  const char* problem_with(const SealBody& seal) const;

 private:
  void add_index(uint64_t offset, core::Octets body);

  SealBody counted_;
  uint64_t last_record_at_ = 0;
  std::vector<std::pair<uint64_t, uint64_t>> ends_;  // kIndexEntriesMax: mail_id, offset
  const char* bad_index_ = nullptr;
};

}  // namespace mailrace::spool
