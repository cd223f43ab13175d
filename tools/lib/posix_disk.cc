// SPDX-License-Identifier: GPL-3.0-or-later
// System calls with their interruptions; nothing is kept but descriptors.
#include "tools/lib/posix_disk.h"

#include "spool/segment.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>

namespace mailrace::tools {
namespace {

// The directory that the name of `path` is in.
std::string parent_of(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  const size_t slash = end == std::string::npos ? 0 : path.rfind('/', end);
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

bool is_segment(const std::string& path) {
  return spool::parse_segment_file_name(std::string_view(path).substr(path.rfind('/') + 1))
      .has_value();
}

// Advice that is not taken costs speed or memory, nothing else.
void advise(int fd, const std::optional<ReadTrimmer::Range>& range, int advice) {
  if (range) ::posix_fadvise(fd, off_t(range->offset), off_t(range->bytes), advice);
}

core::Result<void> sync_names(const std::string& directory) {
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
  if (result == 0 && S_ISREG(status.st_mode)) {
    if (!writable && is_segment(path)) {
      ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);  // nothing but what is asked for
      trimmers_[fd] = {};
    }
    return core::FileHandle{fd};
  }
  ::close(fd);
  return core::fail_errno(result < 0 ? result : -EINVAL, "disk.open");
}

void PosixDisk::close(core::FileHandle file) {
  const auto trimmer = trimmers_.find(file.index);
  if (trimmer != trimmers_.end()) {
    advise(file.index, trimmer->second.rest(), POSIX_FADV_DONTNEED);
    trimmers_.erase(trimmer);
  }
  ::close(file.index);
}

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
  const auto trimmer = trimmers_.find(file.index);
  if (trimmer == trimmers_.end()) return filled;
  advise(file.index, trimmer->second.note(offset, filled), POSIX_FADV_DONTNEED);
  advise(file.index, trimmer->second.ahead(offset, filled), POSIX_FADV_WILLNEED);
  return filled;
}

core::Result<void> PosixDisk::truncate(core::FileHandle file, uint64_t bytes) {
  if (::ftruncate(file.index, off_t(bytes)) != 0) return core::fail_errno(-errno, "disk.truncate");
  if (::fsync(file.index) != 0) return core::fail_errno(-errno, "disk.sync");
  return {};
}

core::Result<void> PosixDisk::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return core::fail_errno(-errno, "disk.remove");
  return sync_names(parent_of(path));
}

core::Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return core::fail_errno(-errno, "disk.rename");
  return sync_names(parent_of(to));
}

core::Result<void> PosixDisk::link(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) != 0) return core::fail_errno(-errno, "disk.link");
  return sync_names(parent_of(to));
}

core::Result<core::WallTime> PosixDisk::modified_at(core::FileHandle file) {
  struct stat status {};
  if (::fstat(file.index, &status) != 0) return core::fail_errno(-errno, "disk.modified_at");
  return core::WallTime{int64_t{status.st_mtim.tv_sec} * core::seconds(1).ns +
                        int64_t{status.st_mtim.tv_nsec}};
}

core::Result<void> PosixDisk::make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return core::fail_errno(-errno, "disk.make_directory");
  }
  return sync_names(parent_of(path));
}

core::Result<core::FileHandle> PosixDisk::create(const std::string& path) {
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0) return core::fail_errno(-errno, "disk.create");
  return core::FileHandle{fd};
}

core::Result<void> PosixDisk::write(core::FileHandle file, uint64_t offset, core::Octets octets) {
  while (!octets.empty()) {
    const ssize_t written = ::pwrite(file.index, octets.data(), octets.size(), off_t(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return core::fail_errno(-errno, "disk.write");
    octets = octets.subspan(size_t(written));
    offset += uint64_t(written);
  }
  return {};
}

core::Result<void> PosixDisk::sync(core::FileHandle file) {
  // fdatasync() makes a new length stable, too, since the octets could not be read without it.
  if (::fdatasync(file.index) != 0) return core::fail_errno(-errno, "disk.sync");
  return {};
}

core::Result<void> PosixDisk::sync_directory(const std::string& path) { return sync_names(path); }

}  // namespace mailrace::tools
