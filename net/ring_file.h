// SPDX-License-Identifier: GPL-3.0-or-later
// Files through the worker's ring: nothing here waits for a disk.
#pragma once

#include "core/base/limits.h"
#include "core/port/file_io.h"
#include "net/fd.h"
#include "net/ring.h"
#include "net/write_buffers.h"

#include <array>
#include <cstdint>
#include <optional>

namespace mailrace::net {

/// Implements FileIo. Belongs to one worker.
///
/// Where a regular file may block in the kernel, io_uring carries the operation out on helper
/// threads of its own: all of them but direct writes over blocks that were written before.
/// source: net/ENGINE.md, "Files"
class RingFile final : public core::FileIo {
 public:
  /// ring   must outlive this
  RingFile(Ring& ring, core::WriteMode mode);

  /// To be called once the ring is open, before the first operation.
  void set_up() noexcept;

  /// Whole blocks also through the page cache: of a page that is written in part the rest has to be
  /// read first, and with the next write the disk gets it once more.
  size_t block_bytes() const noexcept override { return core::kBlockBytes; }
  bool is_cached() const noexcept override { return mode_ == core::WriteMode::buffered; }
  bool is_idle() const noexcept override { return !ring_.has_completions(); }

  void create(core::FileOp& op, const char* path) override;
  void open(core::FileOp& op, const char* path) override;
  void rename(core::FileOp& op, const char* from, const char* to) override;
  void allocate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override;
  std::byte* take_buffer() noexcept override { return write_buffers_->take(); }
  void give_buffer(std::byte* buffer) noexcept override { write_buffers_->give(buffer); }
  void write(core::FileOp& op, core::FileHandle file, std::span<const iovec> pieces,
             uint64_t offset, bool synced) override;
  void sync(core::FileOp& op, core::FileHandle file) override;
  void sync_data(core::FileOp& op, core::FileHandle file) override;
  void sync_directory(core::FileOp& op, const char* path) override;
  int check_name(core::FileHandle file, const char* path) const noexcept override;
  void truncate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override;
  void drop_cached(core::FileOp& op, core::FileHandle file, uint64_t offset, uint64_t bytes,
                   bool write_back) override;
  void close(core::FileHandle file) override;

  /// The completion of an operation that this started. slot   of the token
  void on_completion(uint32_t slot, int result) noexcept;

 private:
  struct Pending {
    core::FileOp* op = nullptr;
    uint32_t next_free = 0;
    int result = 0;  // for operations that were carried out at once
    bool done_at_once = false;
    Fd directory;  // open for a directory sync
  };
  void open_with(core::FileOp& op, const char* path, int flags) noexcept;
  io_uring_sqe& prepare(core::FileOp& op, uint32_t& slot) noexcept;
  void finish_at_once(core::FileOp& op, int result) noexcept;
  static void tag(io_uring_sqe& sqe, uint32_t slot) noexcept;

  Ring& ring_;
  core::WriteMode mode_;
  std::optional<WriteBuffers> write_buffers_;  // direct only
  std::array<Pending, core::kFileOperationsMax> pending_;
  uint32_t free_ = 0;
};

}  // namespace mailrace::net
