// SPDX-License-Identifier: GPL-3.0-or-later
// Files through the worker's ring: nothing here waits for a disk.
#pragma once

#include "core/port/file_io.h"
#include "net/fd.h"
#include "net/ring.h"

#include <array>
#include <cstdint>

namespace mailrace::net {

/// Implements FileIo. Regular files block in the kernel, so io_uring carries these operations out
/// on helper threads of its own. Belongs to one worker.
class RingFile final : public core::FileIo {
 public:
  /// ring   must outlive this
  explicit RingFile(Ring& ring) noexcept;

  void create(core::FileOp& op, const char* path) override;
  void allocate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override;
  void write(core::FileOp& op, core::FileHandle file, std::span<const iovec> pieces,
             uint64_t offset, bool synced) override;
  void sync(core::FileOp& op, core::FileHandle file) override;
  void sync_directory(core::FileOp& op, const char* path) override;
  void truncate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override;
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
  // Flights, segment heads and cuts of one writer; more at once would be a leak.
  static constexpr uint32_t kPendingMax = 64;

  io_uring_sqe& prepare(core::FileOp& op, uint32_t& slot) noexcept;
  void finish_at_once(core::FileOp& op, int result) noexcept;
  static void tag(io_uring_sqe& sqe, uint32_t slot) noexcept;

  Ring& ring_;
  std::array<Pending, kPendingMax> pending_;
  uint32_t free_ = 0;
};

}  // namespace mailrace::net
