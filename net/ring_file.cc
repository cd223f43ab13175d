// SPDX-License-Identifier: GPL-3.0-or-later
// One slot per operation under way; the completion finds it by its token.
#include "net/ring_file.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace mailrace::net {

namespace {

bool is_aligned(const iovec& piece) noexcept {
  return reinterpret_cast<uintptr_t>(piece.iov_base) % core::kBlockBytes == 0;
}

}  // namespace

RingFile::RingFile(Ring& ring, core::WriteMode mode) : ring_(ring), mode_(mode) {
  if (mode == core::WriteMode::direct) write_buffers_.emplace();
  for (uint32_t slot = 0; slot < core::kFileOperationsMax; ++slot)
    pending_[slot].next_free = slot + 1;
}

void RingFile::set_up() noexcept {
  if (write_buffers_) write_buffers_->register_with(ring_);
}

void RingFile::tag(io_uring_sqe& sqe, uint32_t slot) noexcept {
  io_uring_sqe_set_data64(&sqe, Token{Op::file, 0, slot}.pack());
}

io_uring_sqe& RingFile::prepare(core::FileOp& op, uint32_t& slot) noexcept {
  MAILRACE_CHECK(free_ < core::kFileOperationsMax);
  slot = free_;
  free_ = pending_[slot].next_free;
  pending_[slot].op = &op;
  pending_[slot].done_at_once = false;
  return ring_.next_sqe();
}

void RingFile::create(core::FileOp& op, const char* path) { open_with(op, path, O_CREAT | O_EXCL); }

void RingFile::open(core::FileOp& op, const char* path) { open_with(op, path, 0); }

void RingFile::open_with(core::FileOp& op, const char* path, int flags) noexcept {
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  const int direct = mode_ == core::WriteMode::direct ? O_DIRECT : 0;
  io_uring_prep_openat(&sqe, AT_FDCWD, path, flags | direct | O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
                       0600);
  tag(sqe, slot);
}

void RingFile::rename(core::FileOp& op, const char* from, const char* to) {
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  io_uring_prep_renameat(&sqe, AT_FDCWD, from, AT_FDCWD, to, 0);
  tag(sqe, slot);
}

void RingFile::allocate(core::FileOp& op, core::FileHandle file, uint64_t bytes) {
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  io_uring_prep_fallocate(&sqe, file.index, 0, 0, bytes);
  tag(sqe, slot);
}

void RingFile::write(core::FileOp& op, core::FileHandle file, std::span<const iovec> pieces,
                     uint64_t offset, bool synced) {
  const iovec& first = pieces.front();
  MAILRACE_CHECK(mode_ == core::WriteMode::buffered || (pieces.size() == 1 && is_aligned(first)));
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  if (write_buffers_ && write_buffers_->registered() && write_buffers_->has(first.iov_base)) {
    io_uring_prep_write_fixed(&sqe, file.index, first.iov_base, unsigned(first.iov_len), offset, 0);
  } else {
    io_uring_prep_writev(&sqe, file.index, pieces.data(), unsigned(pieces.size()), offset);
  }
  sqe.rw_flags = synced ? RWF_DSYNC : 0;
  tag(sqe, slot);
  // Much comes in the middle of a tick that goes on for long: the disk need not wait for its end.
  if (write_buffers_ && first.iov_len >= core::kWriteAtOnceBytes) ring_.submit();
}

void RingFile::sync(core::FileOp& op, core::FileHandle file) {
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  io_uring_prep_fsync(&sqe, file.index, 0);
  tag(sqe, slot);
}

void RingFile::sync_data(core::FileOp& op, core::FileHandle file) {
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  io_uring_prep_fsync(&sqe, file.index, IORING_FSYNC_DATASYNC);
  tag(sqe, slot);
}

void RingFile::sync_directory(core::FileOp& op, const char* path) {
  // Opening a directory that we just created a file in finds it in the cache and does not wait.
  Fd directory(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return finish_at_once(op, -errno);
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  io_uring_prep_fsync(&sqe, directory.get(), 0);
  tag(sqe, slot);
  pending_[slot].directory = std::move(directory);
}

// By system calls: the operation of the ring is always handed to a helper thread, which takes five
// times as long. Where the file system is another machine's, that machine is not asked.
int RingFile::check_name(core::FileHandle file, const char* path) const noexcept {
  struct statx named {};
  struct statx open {};
  constexpr int kFlags = AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW;
  if (::statx(AT_FDCWD, path, kFlags, STATX_INO, &named) != 0) return -errno;
  if (!file.is_open()) return 0;
  if (::statx(file.index, "", kFlags | AT_EMPTY_PATH, STATX_INO, &open) != 0) return -errno;
  const bool same = open.stx_ino == named.stx_ino && open.stx_dev_major == named.stx_dev_major &&
                    open.stx_dev_minor == named.stx_dev_minor;
  return same ? 0 : -ESTALE;
}

void RingFile::truncate(core::FileOp& op, core::FileHandle file, uint64_t bytes) {
  if (!ring_.features().truncate) {
    // Before Linux 6.9 there is no such operation on a ring. Segments are cut rarely.
    return finish_at_once(op, ::ftruncate(file.index, off_t(bytes)) == 0 ? 0 : -errno);
  }
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  io_uring_prep_ftruncate(&sqe, file.index, off_t(bytes));
  tag(sqe, slot);
}

// Both are always carried out by a helper thread, which looks the descriptor up only then: the file
// must not be closed before.
void RingFile::drop_cached(core::FileOp& op, core::FileHandle file, uint64_t offset, uint64_t bytes,
                           bool write_back) {
  MAILRACE_CHECK(bytes <= UINT32_MAX);  // what older kernels take
  if (write_back) {
    io_uring_sqe& sqe = ring_.next_sqe();
    io_uring_prep_sync_file_range(
        &sqe, file.index, unsigned(bytes), offset,
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    io_uring_sqe_set_flags(&sqe, IOSQE_IO_HARDLINK);
    io_uring_sqe_set_data64(&sqe, Token{}.pack());
  }
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  io_uring_prep_fadvise(&sqe, file.index, offset, uint32_t(bytes), POSIX_FADV_DONTNEED);
  tag(sqe, slot);
}

// The result is known, but the caller must not hear it from within its call.
void RingFile::finish_at_once(core::FileOp& op, int result) noexcept {
  uint32_t slot = 0;
  io_uring_sqe& sqe = prepare(op, slot);
  io_uring_prep_nop(&sqe);
  tag(sqe, slot);
  pending_[slot].done_at_once = true;
  pending_[slot].result = result;
}

void RingFile::close(core::FileHandle file) {
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_close(&sqe, file.index);
  io_uring_sqe_set_data64(&sqe, Token{}.pack());
}

void RingFile::on_completion(uint32_t slot, int result) noexcept {
  MAILRACE_CHECK(slot < core::kFileOperationsMax);
  Pending& pending = pending_[slot];
  core::FileOp* const op = std::exchange(pending.op, nullptr);
  MAILRACE_CHECK(op != nullptr);
  const int reported = pending.done_at_once ? pending.result : result;
  pending.directory.reset(-1);
  pending.next_free = free_;
  free_ = slot;
  op->done(*op, reported);
}

}  // namespace mailrace::net
