// SPDX-License-Identifier: GPL-3.0-or-later
// Who may: a lock between processes, gone with the process that has it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace mailrace::tools {

/// A file locked with flock(2); made if it is missing.
class FileLock {
 public:
  enum class Kind { try_exclusive, wait_exclusive };

  FileLock() = default;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { release(); }

  /// returns   0; EWOULDBLOCK: another process has it (try_exclusive); or another errno
  int acquire(const std::string& path, Kind kind);
  /// Holds a lock that another process has, by a descriptor of its: until both have closed it.
  void adopt(int fd) {
    release();
    fd_ = fd;
  }
  int descriptor() const { return fd_; }
  void release();
  bool held() const { return fd_ >= 0; }
  /// Whether the lock is held, and whoever opens `path` now finds the file that is locked.
  bool is_named(const std::string& path) const;
  /// Makes `text` what stands in the file. returns   false, with errno, if it cannot be written
  bool write(std::string_view text) const;

 private:
  int fd_ = -1;
};

}  // namespace mailrace::tools
