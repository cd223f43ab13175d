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
    struct stat ours {};
    struct stat named {};
    const bool same = error == 0 && ::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
                      ours.st_ino == named.st_ino;
    if (same) {
      fd_ = fd;
      return 0;
    }
    ::close(fd);
    if (error != 0) return error;
  }
}

void FileLock::release() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace mailrace::tools
