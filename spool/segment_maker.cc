// SPDX-License-Identifier: GPL-3.0-or-later
// Each step starts when the one before it is done; the order is what makes the segment's name safe:
// head and length are stable before the directory is, and the directory before any mail. A file
// that is used again gets its name only when its new head is stable, and that only when its old
// name is gone for good. Names are looked at once more
// in the end: somebody may have taken the directory away meanwhile, and put another in its place.
#include "spool/segment_maker.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mailrace::spool {
namespace {

// What a new segment is filled with; never written to, so all workers may share it.
alignas(core::kBlockBytes) std::array<std::byte, core::kWriteBytesMax> zeros;

}  // namespace

SegmentMaker::SegmentMaker(core::FileIo& files, std::string directory, uint32_t worker,
                           uint64_t first, uint64_t capacity, uint64_t salt)
    : files_(files),
      directory_(std::move(directory)),
      worker_(worker),
      number_(first),
      capacity_(capacity),
      salt_(salt) {
  MAILRACE_CHECK(first > 0);
  free_.reserve(core::kFreeSegmentsMax);
  path_.reserve(directory_.size() + 1 + kSegmentNameBytes);
  free_path_.reserve(directory_.size() + 1 + kSegmentNameBytes);
  op_.done = &SegmentMaker::on_done;
  op_.context = this;
}

void SegmentMaker::want(core::Instant now, core::WallTime wall, uint64_t mail_id) noexcept {
  if (step_ != Step::idle) return;
  if (error_ && now < retry_at_) return;
  retry_at_ = now + kRetryAfter;
  if (lost_) return;
  now_ = now;
  wall_ = wall;
  mail_id_ = mail_id;
  if (file_.is_open()) return allocate();
  number_ = std::max(number_, first_);
  path_.assign(directory_).push_back('/');
  append_segment_file_name(path_, number_);
  start();
}

void SegmentMaker::start() noexcept {
  reopened_ = 0;
  free_path_.clear();
  if (free_.empty()) return start_new();
  reopened_ = free_.back();
  free_.pop_back();
  free_path_.assign(directory_).push_back('/');
  append_free_file_name(free_path_, reopened_);
  filled_up_ = true;
  step_ = Step::reopen;
  files_.open(op_, free_path_.c_str());
}

// Who gives it may have seen its old name a moment before it got its new one.
bool SegmentMaker::recycle(uint64_t number) noexcept {
  if (number == reopened_ || std::ranges::find(free_, number) != free_.end()) return true;
  if (free_.size() == core::kFreeSegmentsMax) return false;
  free_.push_back(number);
  return true;
}

// Its file is closed as it is: without records, for whoever may still find it. If another server
// has the directory now, it may have the file as well, and be writing to it.
void SegmentMaker::lose(const core::Error& error) noexcept {
  error_ = error;
  lost_ = true;
  ++losses_;
  free_.clear();
  if (idle() && file_.is_open()) next_number();
}

bool SegmentMaker::check_ready() noexcept {
  MAILRACE_CHECK(step_ == Step::ready);
  const int named = files_.check_name(file_, path_.c_str());
  if (named < 0) lose(core::fail_errno(named, "segment.name").value());
  return named >= 0;
}

void SegmentMaker::restore(uint64_t loss, uint64_t first) noexcept {
  if (!lost_ || loss != losses_) return;
  lost_ = false;
  first_ = first;
  retry_at_ = {};
}

void SegmentMaker::start_new() noexcept {
  step_ = Step::create;
  files_.create(op_, path_.c_str());
}

void SegmentMaker::allocate() noexcept {
  filled_ = 0;
  filled_up_ = false;
  hurried_ = false;
  step_ = Step::allocate;
  files_.allocate(op_, file_, capacity_);
}

// One piece at a time: mail that is being written meanwhile comes first.
void SegmentMaker::fill_on() noexcept {
  const bool wanted = !files_.is_cached();
  const uint64_t end = capacity_ - capacity_ % core::kBlockBytes;
  filled_up_ = filled_ == end;
  if (!wanted || hurried_ || filled_up_) return write_head();
  if (abandoned_) return undo(/*usable=*/false);
  step_ = Step::fill;
  piece_ = {zeros.data(), size_t(std::min<uint64_t>(zeros.size(), end - filled_))};
  files_.write(op_, file_, {&piece_, 1}, filled_, /*synced=*/false);
}

void SegmentMaker::write_head() noexcept {
  if (lost_) return next_number();
  encode_segment_head(head_, {number_, worker_, wall_.ns, capacity_, salt_, mail_id_});
  piece_ = {head_.data(), head_.size()};
  step_ = Step::write_head;
  files_.write(op_, file_, {&piece_, 1}, 0, /*synced=*/false);
}

ReadySegment SegmentMaker::take() noexcept {
  MAILRACE_CHECK(step_ == Step::ready);
  step_ = Step::idle;
  return {std::exchange(file_, {}), number_++, capacity_, filled_up_};
}

void SegmentMaker::put_back(const ReadySegment& segment) noexcept {
  MAILRACE_CHECK(empty());
  file_ = segment.file;
  path_.assign(directory_).push_back('/');
  append_segment_file_name(path_, segment.number);
  free_path_.assign(directory_).push_back('/');
  append_free_file_name(free_path_, segment.number);
  step_ = Step::put_back;
  files_.rename(op_, path_.c_str(), free_path_.c_str());
}

void SegmentMaker::on_done(core::FileOp& op, int result) {
  static_cast<SegmentMaker*>(op.context)->advance(result);
}

// On a full disk the allocation fails once a second for hours. It may have reserved whatever was
// left, which others need more; and the file serves the next attempt, or there would be thousands.
void SegmentMaker::fail(int result, const char* where) noexcept {
  error_ = core::fail_errno(result, where).value();
  retry_at_ = now_ + kRetryAfter;
  if (result == -ENOENT || result == -ENOTDIR || result == -ESTALE) lose(*error_);
  const bool has_name = step_ == Step::rename || step_ == Step::sync_name;
  const bool is_untried = step_ == Step::sync_free_name;
  // One that was to be used again stays as it is, under either name: without records. But whose
  // head cannot be written is not to be tried again: cut, it is no free segment any more.
  const bool stays = !free_path_.empty() && (has_name || is_untried);
  if (!file_.is_open() || lost_ || stays) return next_number();
  const bool is_unsynced = step_ != Step::sync_file && step_ != Step::sync_name;
  undo(/*usable=*/free_path_.empty() && is_unsynced);
}

void SegmentMaker::undo(bool usable) noexcept {
  usable_ = usable;
  step_ = Step::undo;
  files_.truncate(op_, file_, 0);
}

// After a failed sync another one in the same place may report success for what is gone.
void SegmentMaker::next_number() noexcept {
  if (file_.is_open()) files_.close(std::exchange(file_, {}));
  ++number_;  // what is under the old name stays, without records; recovery removes it
  step_ = Step::idle;
}

void SegmentMaker::give_up() noexcept {
  MAILRACE_CHECK(idle());
  if (step_ == Step::idle && file_.is_open()) next_number();
}

void SegmentMaker::offer() noexcept {
  if (lost_) return next_number();
  const int named = files_.check_name(file_, path_.c_str());
  if (named < 0) return fail(named, "segment.name");
  step_ = Step::ready;
  error_.reset();
}

void SegmentMaker::advance(int result) noexcept {
  switch (step_) {
    case Step::reopen:
      // Somebody removed it, or it cannot be opened: another one does as well.
      if (result < 0) return start();
      file_.index = result;
      step_ = Step::sync_free_name;
      return files_.sync_directory(op_, directory_.c_str());
    case Step::sync_free_name:
      if (result < 0) return fail(result, "segment.sync_directory");
      return write_head();
    case Step::create:
      if (result < 0) return fail(result, "segment.create");
      file_.index = result;
      return allocate();
    case Step::allocate:
      if (result == -EOPNOTSUPP) {
        // No reservation on this file system: the length at least is set once and for all.
        step_ = Step::extend;
        return files_.truncate(op_, file_, capacity_);
      }
      [[fallthrough]];
    case Step::extend:
      if (result < 0) return fail(result, "segment.allocate");
      return fill_on();
    case Step::fill:
      if (result != int(piece_.iov_len)) return fail(result < 0 ? result : -EIO, "segment.fill");
      filled_ += piece_.iov_len;
      return fill_on();
    case Step::write_head:
      if (result != int(head_.size()))
        return fail(result < 0 ? result : -EIO, "segment.write_head");
      step_ = Step::sync_file;
      return files_.sync(op_, file_);
    case Step::sync_file:
      if (result < 0) return fail(result, "segment.sync");
      if (!free_path_.empty()) {
        step_ = Step::rename;
        return files_.rename(op_, free_path_.c_str(), path_.c_str());
      }
      step_ = Step::sync_name;
      return files_.sync_directory(op_, directory_.c_str());
    case Step::rename:
      if (result < 0) return fail(result, "segment.rename");
      step_ = Step::sync_name;
      return files_.sync_directory(op_, directory_.c_str());
    case Step::sync_name:
      if (result < 0) return fail(result, "segment.sync_directory");
      return offer();
    case Step::undo:
      if (result < 0 || lost_ || !usable_) return next_number();
      step_ = Step::idle;
      return;
    // What fails here costs the next server a segment to be made, no more.
    case Step::put_back:
      if (result < 0) return next_number();
      step_ = Step::sync_put_back;
      return files_.sync_directory(op_, directory_.c_str());
    case Step::sync_put_back:
      return next_number();
    case Step::idle:
    case Step::ready:
      break;
  }
  MAILRACE_CHECK(false);  // a completion without an operation
}

}  // namespace mailrace::spool
