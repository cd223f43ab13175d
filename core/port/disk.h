// SPDX-License-Identifier: GPL-3.0-or-later
// Port: a blocking view of the spool's directories, for recovery before the start and for tools.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"
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

  /// Opens an existing file; writable only for recovery.
  virtual Result<FileHandle> open(const std::string& path, bool writable) = 0;
  virtual void close(FileHandle file) = 0;

  virtual Result<uint64_t> size(FileHandle file) = 0;

  /// Fills `target` from `offset`. returns octets read; fewer than asked: the end of the file
  virtual Result<size_t> read(FileHandle file, uint64_t offset, MutableOctets target) = 0;

  /// Cuts the file to `bytes` and makes that stable.
  virtual Result<void> truncate(FileHandle file, uint64_t bytes) = 0;

  /// Deletes a file and makes that stable.
  virtual Result<void> remove(const std::string& path) = 0;
};

}  // namespace mailrace::core
