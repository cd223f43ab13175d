// SPDX-License-Identifier: GPL-3.0-or-later
// Makes the next segment ready before it is needed: created, allocated, head written, name stable.
#pragma once

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/port/file_io.h"
#include "spool/segment.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace mailrace::spool {

/// A segment that records can be written to.
struct ReadySegment {
  core::FileHandle file;
  uint64_t number = 0;
  uint64_t capacity = 0;
};

/// A small state machine over FileIo: one segment at a time. After a failure it waits before it
/// tries again, in the same file if nothing was written to it, else with the next number. Belongs
/// to one worker.
class SegmentMaker {
 public:
  /// files      must outlive this, and run its operations until empty()
  /// directory  of this worker; exists
  /// first      number of the first segment to make
  /// capacity   octets of each segment
  SegmentMaker(core::FileIo& files, std::string directory, uint32_t worker, uint64_t first,
               uint64_t capacity);
  SegmentMaker(const SegmentMaker&) = delete;
  SegmentMaker& operator=(const SegmentMaker&) = delete;

  /// Starts making a segment, unless one is ready, in the making, or the last attempt failed less
  /// than kRetryAfter ago.
  void want(core::Instant now, core::WallTime wall) noexcept;

  bool has_ready() const noexcept { return step_ == Step::ready; }
  /// Takes the ready segment over. Requires: has_ready().
  ReadySegment take() noexcept;

  /// Why there is no segment, since the last one was made.
  const std::optional<core::Error>& error() const noexcept { return error_; }
  /// When want() will try again after a failure.
  core::Instant retry_at() const noexcept { return retry_at_; }
  /// Whether no operation is under way.
  bool idle() const noexcept { return step_ == Step::idle || step_ == Step::ready; }

  /// Closes the file of a failed attempt that was to serve the next one. Requires: idle().
  void give_up() noexcept;
  /// Whether there is neither an operation under way nor a file.
  bool empty() const noexcept { return step_ == Step::idle && !file_.is_open(); }

  static constexpr core::Duration kRetryAfter = core::seconds(1);

 private:
  enum class Step : uint8_t {
    idle,  // with file_ open: it is empty, and there for the next attempt
    create,
    allocate,
    extend,
    write_head,
    sync_file,
    sync_name,
    ready,
    undo,
  };

  static void on_done(core::FileOp& op, int result);
  void advance(int result) noexcept;
  void fail(int result, const char* where) noexcept;
  void next_number() noexcept;

  core::FileIo& files_;
  std::string directory_;
  std::string path_;
  uint32_t worker_;
  uint64_t number_;
  uint64_t capacity_;
  Step step_ = Step::idle;
  bool untouched_ = false;  // nothing but allocation was tried on file_
  core::FileHandle file_;
  core::FileOp op_;
  iovec piece_{};
  alignas(kSegmentHeadBytes) std::array<std::byte, kSegmentHeadBytes> head_{};
  core::Instant now_;
  core::WallTime wall_;
  core::Instant retry_at_{};
  std::optional<core::Error> error_;
};

}  // namespace mailrace::spool
