// SPDX-License-Identifier: GPL-3.0-or-later
// Port: a blocking view of the spool's directories, for recovery before the start, for tools, and
// for what consumers keep.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/port/file_io.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mailrace::core {

/// Implemented by tools/lib/posix_disk and the simulated disk of the tests. Never called by a
/// worker.
class Disk {
 public:
  virtual ~Disk() = default;

  /// Names in directory `path`, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;

  /// Opens an existing file; writable for recovery, and for files that are no segments.
  virtual Result<FileHandle> open(const std::string& path, bool writable) = 0;
  virtual void close(FileHandle file) = 0;

  virtual Result<uint64_t> size(FileHandle file) = 0;

  /// When the file was written to or cut last.
  virtual Result<WallTime> modified_at(FileHandle file) = 0;

  /// Fills `target` from `offset`. returns octets read; fewer than asked: the end of the file
  virtual Result<size_t> read(FileHandle file, uint64_t offset, MutableOctets target) = 0;

  /// Cuts the file to `bytes` and makes that stable.
  virtual Result<void> truncate(FileHandle file, uint64_t bytes) = 0;

  /// Deletes a file and makes that stable.
  virtual Result<void> remove(const std::string& path) = 0;

  /// Gives the file `from` the name `to`, in the same directory, and makes that stable. A file that
  /// has that name loses it at the same moment.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;

  /// Gives the file `from` one more name `to`, in the same directory, and makes that stable; `to`
  /// must not exist (EEXIST).
  virtual Result<void> link(const std::string& from, const std::string& to) = 0;

  /// Makes a directory and its name stable; one that is there already is as good.
  virtual Result<void> make_directory(const std::string& path) = 0;

  /// Creates an empty file, open for reading and writing; it must not exist (EEXIST). The name is
  /// stable after sync_directory().
  virtual Result<FileHandle> create(const std::string& path) = 0;

  /// Writes all of `octets` at `offset`. After a failure nobody knows what is there. Stable after
  /// sync().
  virtual Result<void> write(FileHandle file, uint64_t offset, Octets octets) = 0;

  /// Makes all that was written to `file` stable, length included.
  virtual Result<void> sync(FileHandle file) = 0;

  /// Makes the names in directory `path` stable.
  virtual Result<void> sync_directory(const std::string& path) = 0;
};

}  // namespace mailrace::core
