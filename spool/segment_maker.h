// SPDX-License-Identifier: GPL-3.0-or-later
// Makes the next segment ready before it is needed: its blocks written, its head and name stable.
#pragma once

#include "core/base/limits.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/port/file_io.h"
#include "spool/segment.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {

/// A segment that records can be written to.
struct ReadySegment {
  core::FileHandle file;
  uint64_t number = 0;
  uint64_t capacity = 0;
  bool filled = false;  // all of its octets were written before
};

/// A small state machine over FileIo: one segment at a time. A segment that is not needed any more
/// is used again: new head, new name. Where there is none a file is created, allocated and, if
/// writes bypass the page cache, written through with zeros: then no later write has to wait until
/// the file system has made its block a written one. After a failure it waits before it tries
/// again, in the same file unless a sync of it has failed, else with the next number. When the
/// directory is gone, or is another one, it makes nothing until it is told that there is one again.
/// Belongs to one worker.
/// source: spool/README.md, "Order on disk"
class SegmentMaker {
 public:
  /// files      must outlive this, and run its operations until empty()
  /// directory  of this worker; exists
  /// first      number of the first segment to make
  /// capacity   octets of each segment
  /// salt       of the spool; 0: segments of format version 1
  SegmentMaker(core::FileIo& files, std::string directory, uint32_t worker, uint64_t first,
               uint64_t capacity, uint64_t salt);
  SegmentMaker(const SegmentMaker&) = delete;
  SegmentMaker& operator=(const SegmentMaker&) = delete;

  /// Starts making a segment, unless one is ready, in the making, or the last attempt failed less
  /// than kRetryAfter ago.
  /// mail_id   the greatest that was given out
  void want(core::Instant now, core::WallTime wall, uint64_t mail_id) noexcept;

  /// Gives a file to use again: NUMBER.free in the directory, of `capacity` octets that were all
  /// written before. returns   false if kFreeSegmentsMax wait already
  bool recycle(uint64_t number) noexcept;

  bool has_ready() const noexcept { return step_ == Step::ready; }
  /// Whether the ready segment still has its name; else it is lost, see lose(). Requires:
  /// has_ready().
  bool check_ready() noexcept;
  /// Takes the ready segment over. Requires: has_ready().
  ReadySegment take() noexcept;

  /// Why there is no segment, since the last one was made.
  const std::optional<core::Error>& error() const noexcept { return error_; }
  /// When want() will try again after a failure.
  core::Instant retry_at() const noexcept { return retry_at_; }
  /// Whether no operation is under way.
  bool idle() const noexcept { return step_ == Step::idle || step_ == Step::ready; }

  /// What the directory's names say is not so any more: forgets what it had made in it, and waits
  /// for restore().
  void lose(const core::Error& error) noexcept;
  bool is_lost() const noexcept { return lost_; }
  /// How often that happened, found here or by who called lose().
  uint64_t losses() const noexcept { return losses_; }
  /// The directory is there, and ours. Does nothing if `loss` is not losses(): the news are old.
  /// first   number that no file in the directory has, nor had
  void restore(uint64_t loss, uint64_t first) noexcept;

  /// Mail waits for the segment: it is not filled any further. Its writes will wait for the file
  /// system's journal, which is better than to wait for zeros.
  void hurry() noexcept { hurried_ = true; }

  /// Keeps a segment that nothing was written to for the next server: gives its file the name
  /// NUMBER.free and closes it. Requires: empty(), and that no segment is wanted any more.
  void put_back(const ReadySegment& segment) noexcept;

  /// No segment will be wanted any more: does not fill one to its end. What is left without a head
  /// recovery removes.
  void abandon() noexcept { abandoned_ = true; }

  /// Closes the file of a failed attempt that was to serve the next one. Requires: idle().
  void give_up() noexcept;
  /// Whether there is neither an operation under way nor a file.
  bool empty() const noexcept { return step_ == Step::idle && !file_.is_open(); }

  static constexpr core::Duration kRetryAfter = core::seconds(core::kSegmentRetryS);

 private:
  enum class Step : uint8_t {
    idle,  // with file_ open: it is empty, and there for the next attempt
    reopen,
    sync_free_name,
    create,
    allocate,
    extend,
    fill,
    write_head,
    sync_file,
    rename,
    sync_name,
    ready,
    undo,
    put_back,
    sync_put_back,
  };

  static void on_done(core::FileOp& op, int result);
  void advance(int result) noexcept;
  void start() noexcept;
  void start_new() noexcept;
  void allocate() noexcept;
  void fill_on() noexcept;
  void write_head() noexcept;
  void fail(int result, const char* where) noexcept;
  void offer() noexcept;
  void undo(bool usable) noexcept;
  void next_number() noexcept;

  core::FileIo& files_;
  std::string directory_;
  std::string path_;
  std::string free_path_;  // of the file that is used again; empty: a new one
  std::vector<uint64_t> free_;
  uint64_t reopened_ = 0;  // the last one of these that was taken; 0: none
  uint32_t worker_;
  uint64_t number_;
  uint64_t first_ = 0;  // of the directory that was lost, and is there again
  uint64_t capacity_;
  uint64_t salt_;
  uint64_t filled_ = 0;  // octets of zeros written
  Step step_ = Step::idle;
  bool filled_up_ = false;  // all octets were written, by this server or by another
  bool hurried_ = false;
  bool abandoned_ = false;
  bool lost_ = false;
  bool usable_ = false;  // file_ may serve the next attempt: no sync of it has failed
  core::FileHandle file_;
  core::FileOp op_;
  iovec piece_{};
  alignas(kSegmentHeadBytes) std::array<std::byte, kSegmentHeadBytes> head_{};
  core::Instant now_;
  core::WallTime wall_;
  uint64_t mail_id_ = 0;
  core::Instant retry_at_{};
  uint64_t losses_ = 0;
  std::optional<core::Error> error_;
};

}  // namespace mailrace::spool
