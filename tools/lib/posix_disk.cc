// SPDX-License-Identifier: GPL-3.0-or-later
// System calls with their interruptions; nothing is kept but descriptors.
#include "tools/lib/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

namespace mailrace::tools {
namespace {

// Makes the names in the directory of `path` stable.
core::Result<void> sync_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return core::fail_errno(-errno, "disk.open_directory");
  const int result = ::fsync(fd) == 0 ? 0 : -errno;
  ::close(fd);
  if (result < 0) return core::fail_errno(result, "disk.sync_directory");
  return {};
}

}  // namespace

core::Result<std::vector<std::string>> PosixDisk::list(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return core::fail_errno(-errno, "disk.list");
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return core::fail_errno(-errno, "disk.list");
  std::ranges::sort(names);
  return names;
}

core::Result<core::FileHandle> PosixDisk::open(const std::string& path, bool writable) {
  // Without O_NONBLOCK a pipe under this name would wait for a writer.
  const int flags = (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  const int fd = ::open(path.c_str(), flags);
  if (fd < 0) return core::fail_errno(-errno, "disk.open");
  struct stat status {};
  const int result = ::fstat(fd, &status) == 0 ? 0 : -errno;
  if (result == 0 && S_ISREG(status.st_mode)) return core::FileHandle{fd};
  ::close(fd);
  return core::fail_errno(result < 0 ? result : -EINVAL, "disk.open");
}

void PosixDisk::close(core::FileHandle file) { ::close(file.index); }

core::Result<uint64_t> PosixDisk::size(core::FileHandle file) {
  struct stat status {};
  if (::fstat(file.index, &status) != 0) return core::fail_errno(-errno, "disk.size");
  return uint64_t(status.st_size);
}

core::Result<size_t> PosixDisk::read(core::FileHandle file, uint64_t offset,
                                     core::MutableOctets target) {
  size_t filled = 0;
  while (filled < target.size()) {
    const ssize_t got =
        ::pread(file.index, target.data() + filled, target.size() - filled, off_t(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return core::fail_errno(-errno, "disk.read");
    if (got == 0) break;
    filled += size_t(got);
  }
  return filled;
}

core::Result<void> PosixDisk::truncate(core::FileHandle file, uint64_t bytes) {
  if (::ftruncate(file.index, off_t(bytes)) != 0) return core::fail_errno(-errno, "disk.truncate");
  if (::fsync(file.index) != 0) return core::fail_errno(-errno, "disk.sync");
  return {};
}

core::Result<void> PosixDisk::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return core::fail_errno(-errno, "disk.remove");
  return sync_directory_of(path);
}

}  // namespace mailrace::tools
