// SPDX-License-Identifier: GPL-3.0-or-later
// What the page cache keeps of a log that is written through it: the newest octets, and no more.
#pragma once

#include "core/base/limits.h"
#include "core/port/file_io.h"

#include <array>
#include <cstdint>

namespace mailrace::spool {

/// Drops the oldest octets of a worker's log from the page cache when they are kCachedBytesMax, in
/// pieces, one at a time. A file that is not written to any more stays open until its last octets
/// have had their turn, so a reader close behind still finds them. Where writes bypass the page
/// cache it does nothing. Belongs to one worker.
/// source: spool/README.md, "Page cache"
class CacheTrimmer {
 public:
  /// files        must outlive this, and run its operations until empty()
  /// write_back   nobody syncs the files: what is to be dropped is carried to the disk first
  CacheTrimmer(core::FileIo& files, bool write_back);
  CacheTrimmer(const CacheTrimmer&) = delete;
  CacheTrimmer& operator=(const CacheTrimmer&) = delete;

  /// Whether there is room for one more file.
  bool has_room() const noexcept { return count_ < file_table_.size(); }

  /// Everything before `offset` has been written for good and, unless with write_back, is stable.
  /// A file that is new is the newest. Requires for such: has_room().
  void advance(core::FileHandle file, uint64_t offset) noexcept;

  /// Whether so many octets that are written but not stable are to be synced, so that they can be
  /// dropped.
  bool wants_sync(uint64_t bytes) const noexcept {
    return cached_ && bytes >= core::kCachedBytesMax / 2;
  }

  /// Closes a file in its turn; at once if it has nothing here.
  void close(core::FileHandle file) noexcept;

  /// The log comes to its end: nothing is kept any more.
  void finish() noexcept;

  /// Whether no operation is under way, and no file open.
  bool empty() const noexcept { return count_ == 0; }

 private:
  struct File {
    core::FileHandle handle;
    uint64_t begin = 0;  // dropped up to here
    uint64_t end = 0;    // may be dropped up to here
    bool closed = false;
    uint64_t bytes() const noexcept { return end - begin; }
  };

  static void on_dropped(core::FileOp& op, int result);
  File* find(core::FileHandle file) noexcept;
  void go_on() noexcept;
  void drop(core::FileHandle file, uint64_t offset, uint64_t bytes) noexcept;
  void close_oldest() noexcept;

  core::FileIo& files_;
  bool cached_;
  bool write_back_;
  std::array<File, core::kTrimmedFilesMax> file_table_;  // in the order of the log
  size_t count_ = 0;
  core::FileOp op_;
  bool dropping_ = false;
  bool closing_oldest_ = false;  // the drop under way is of all of it
  bool finishing_ = false;
};

}  // namespace mailrace::spool
