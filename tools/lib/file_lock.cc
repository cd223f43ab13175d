// SPDX-License-Identifier: GPL-3.0-or-later
// A lock on a file that somebody removes meanwhile locks nothing: so the name is looked up again.
#include "tools/lib/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace mailrace::tools {

int FileLock::acquire(const std::string& path, Kind kind) {
  release();
  const int operation = kind == Kind::wait_exclusive ? LOCK_EX : LOCK_EX | LOCK_NB;
  for (;;) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    int error = 0;
    while ((error = ::flock(fd, operation) == 0 ? 0 : errno) == EINTR) {
    }
    if (error == 0) {
      fd_ = fd;
      if (is_named(path)) return 0;
      fd_ = -1;
    }
    ::close(fd);
    if (error != 0) return error;
  }
}

bool FileLock::is_named(const std::string& path) const {
  struct stat ours {};
  struct stat named {};
  return held() && ::fstat(fd_, &ours) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

bool FileLock::write(std::string_view text) const {
  return ::ftruncate(fd_, 0) == 0 &&
         ::pwrite(fd_, text.data(), text.size(), 0) == ssize_t(text.size());
}

void FileLock::release() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace mailrace::tools
