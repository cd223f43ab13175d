// SPDX-License-Identifier: GPL-3.0-or-later
// Port: the files under the spool.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::core {

/// A file opened through a FileIo; negative: none.
struct FileHandle {
  int32_t index = -1;
  bool is_open() const noexcept { return index >= 0; }
};

/// One operation under way. Owned by who asks; must live, and not move, until `done` was called.
struct FileOp {
  /// result   what the system call would return: >= 0, or -errno
  /// Called exactly once, never from within the call that started the operation.
  void (*done)(FileOp& op, int result) = nullptr;
  void* context = nullptr;  // for `done`
};

/// How the files of a spool are written.
enum class WriteMode : uint8_t {
  buffered,  // through the page cache
  direct,    // past it, in whole blocks (O_DIRECT)
};

/// Implemented by net/ring_file (on a worker's ring) and the simulated disk of the tests. Belongs
/// to one thread.
class FileIo {
 public:
  virtual ~FileIo() = default;

  /// What the offset and the length of each write of a log must be a multiple of. The same
  /// throughout.
  virtual size_t block_bytes() const noexcept = 0;

  /// Whether writes go through the page cache. The same throughout.
  virtual bool is_cached() const noexcept = 0;

  /// Whether the thread that this belongs to is about to wait: nothing that it waits for, file or
  /// not, has ended since it looked. May change at any time; for what is better done then.
  virtual bool is_idle() const noexcept = 0;

  /// Creates `path` for writing; it must not exist. done(result): FileHandle::index or -errno.
  /// path   borrowed until done
  virtual void create(FileOp& op, const char* path) = 0;

  /// Opens the existing file `path` for writing. done(result): FileHandle::index or -errno.
  /// path   borrowed until done
  virtual void open(FileOp& op, const char* path) = 0;

  /// Gives the file `from` the name `to`, in the same directory. done(0 or -errno).
  /// from, to   borrowed until done
  virtual void rename(FileOp& op, const char* from, const char* to) = 0;

  /// Reserves octets 0..bytes on the disk and makes the file that long; unwritten octets read as
  /// zeros. done(0 or -errno).
  virtual void allocate(FileOp& op, FileHandle file, uint64_t bytes) = 0;

  /// Memory to put a write together in: kWriteBytesMax octets from the start of a block on, as many
  /// times as kWritesInFlightMax. Best filled past the processor's cache, for the next one who
  /// looks at it is the disk. Requires: !is_cached().
  virtual std::byte* take_buffer() noexcept = 0;
  /// Requires: take_buffer() returned it, and no write from it is under way.
  virtual void give_buffer(std::byte* buffer) noexcept = 0;

  /// Writes `pieces` back to back from `offset`. done(octets written or -errno); fewer octets than
  /// asked for is a failure to the caller.
  /// pieces   borrowed with the memory they name until done; kWriteBytesMax octets at most. Unless
  ///          is_cached(): one, from the start of a block on
  /// synced   done only after what was written is on stable storage (RWF_DSYNC)
  virtual void write(FileOp& op, FileHandle file, std::span<const iovec> pieces, uint64_t offset,
                     bool synced) = 0;

  /// Makes all that was written to `file` stable, length included (fsync). done(0 or -errno).
  virtual void sync(FileOp& op, FileHandle file) = 0;

  /// The same, but for what is not needed to read the octets back (fdatasync). done(0 or -errno).
  virtual void sync_data(FileOp& op, FileHandle file) = 0;

  /// Makes the names in directory `path` stable. done(0 or -errno). path   borrowed until done
  virtual void sync_directory(FileOp& op, const char* path) = 0;

  /// Whether `path` still is a name of `file`, so that whoever opens it finds what was written. The
  /// one call that answers at once: the kernel keeps the names of open files in memory.
  /// file      not open: there must be a file, whichever it is
  /// returns   0; -ENOENT: there is no file; -ESTALE: there is another one; or another -errno
  virtual int check_name(FileHandle file, const char* path) const noexcept = 0;

  /// Cuts the file to `bytes`. done(0 or -errno).
  virtual void truncate(FileOp& op, FileHandle file, uint64_t bytes) = 0;

  /// Takes octets offset..offset+bytes of `file` out of the page cache; `bytes` 0: up to its end.
  /// Of what is dirty it takes nothing. A hint: what of it failed matters to nobody. done(0 or
  /// -errno).
  /// write_back   carries what is dirty to the disk first, which does not make it stable. An error
  ///              of that is reported nowhere, not even by a later sync through this handle, so it
  ///              is for files that nobody syncs
  virtual void drop_cached(FileOp& op, FileHandle file, uint64_t offset, uint64_t bytes,
                           bool write_back) = 0;

  /// Closes; the handle is dead from here on. Nothing is reported: who cares has synced.
  virtual void close(FileHandle file) = 0;
};

}  // namespace mailrace::core
