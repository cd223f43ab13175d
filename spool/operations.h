// SPDX-License-Identifier: GPL-3.0-or-later
// What an operator said about single mails: hold, release, delete. A log of its own beside the
// segments; nothing in these is ever rewritten.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/port/disk.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace mailrace::spool {

/// On disk: a number is never reused.
enum class OperationKind : uint16_t { hold = 1, release = 2, remove = 3 };

/// One record of the log.
struct Operation {
  OperationKind kind = OperationKind::hold;
  uint32_t worker = 0;
  uint64_t mail_id = 0;
  core::WallTime at = {};
  uint64_t first_segment = 0;  // numbers of the segments that the mail's records lie in
  uint64_t last_segment = 0;

  bool operator==(const Operation&) const = default;
};

inline constexpr size_t kOperationBytes = 64;

/// Writes a record. source: spool/FORMAT.md, "Operations log"
/// target     >= kOperationBytes octets
/// sequence   0 for the first record of the log, then one more for each
void encode_operation(std::byte* target, const Operation& operation, uint64_t sequence) noexcept;

/// fails   corrupt: what no writer of ours wrote in this place, or only in part
core::Result<Operation> decode_operation(core::Octets octets, uint64_t sequence) noexcept;

/// What holds for a mail. A mail that is not in the log is neither.
struct MailMark {
  bool held = false;     // kept, and handed to no consumer until it is released
  bool deleted = false;  // handed to no consumer any more, for good
  uint32_t worker = 0;
  uint64_t first_segment = 0;
  uint64_t last_segment = 0;
};

/// The log read into memory; kOperationsMax mails at most. It may grow while it is read.
class Operations {
 public:
  /// disk   must outlive this. No file is as good as an empty one.
  Operations(core::Disk& disk, const std::string& spool_path);

  /// Reads what was appended since.
  /// fails   io; corrupt, unsupported: the head does not check
  core::Result<void> refresh();

  /// What holds for a mail; nothing was ever said of most.
  MailMark of(uint64_t mail_id) const;
  const std::unordered_map<uint64_t, MailMark>& marks() const noexcept { return marks_; }

  /// Records that do not check and have whole ones behind them: something was said of a mail, and
  /// nobody knows what. Whoever hands out or removes mail must not go on.
  uint64_t damages() const noexcept { return damages_; }

  /// Appends a record and makes it stable; a torn one at the end is cut first. With kOperationsMax
  /// records the log is written anew before, without mails that no segment is left of. Requires:
  /// nobody else appends: the log is locked with flock(2), by another file.
  /// fails   io, no_space; busy: kOperationsMax records are there, of mails that are there, too;
  ///         corrupt: the head does not check, or a record of a full log
  core::Result<void> append(const Operation& operation);

  /// "SPOOL/operations.log"
  const std::string& path() const noexcept { return path_; }

 private:
  core::Result<void> read_from(core::FileHandle file);
  bool may_be_there(const MailMark& mail);
  std::vector<std::byte> compacted();
  core::Result<void> write_anew();
  core::Result<core::FileHandle> open_for_append();
  void apply(const Operation& operation);
  void clear();

  core::Disk& disk_;
  std::string spool_path_;
  std::string path_;
  uint64_t generation_ = 0;  // how often the log was written anew
  std::unordered_map<uint64_t, MailMark> marks_;
  std::map<uint32_t, std::vector<uint64_t>>
      segments_;          // of a worker, while the log is written anew
  uint64_t records_ = 0;  // read so far, damaged ones included
  uint64_t damages_ = 0;
};

}  // namespace mailrace::spool
