// SPDX-License-Identifier: GPL-3.0-or-later
// The lock comes before anything else in the spool: two servers that write to one would cut off
// each other's mail.
#include "tools/serve/spool_directories.h"

#include "net/fd.h"
#include "spool/segment.h"
#include "tools/serve/look_pace.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

namespace mailrace::tools {
namespace {

constexpr mode_t kDirectoryMode = 0700;

// A new name is only there to stay once its directory was synced.
std::optional<std::string> sync_parent(const std::string& path) {
  const std::string parent = path + "/..";  // also of what a symbolic link leads to
  net::Fd directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // One that we may pass through, but not read: with the whole file system.
  const bool is_closed = !directory.is_open() && errno == EACCES;
  if (is_closed) directory = net::Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto sync = is_closed ? &::syncfs : &::fsync;
  if (!directory.is_open() || sync(directory.get()) != 0) {
    return "cannot sync the directory of " + path + ": " + std::strerror(errno);
  }
  return std::nullopt;
}

// Whoever made a directory that is there may have synced nothing.
std::optional<std::string> make_directory(const std::string& path) {
  const int error = ::mkdir(path.c_str(), kDirectoryMode) == 0 ? 0 : errno;
  std::error_code ignored;
  const bool is_there =
      error == 0 || (error == EEXIST && std::filesystem::is_directory(path, ignored));
  if (!is_there) return "cannot make " + path + ": " + std::strerror(error);
  return sync_parent(path);
}

net::Fd open_directory(const std::string& path) {
  return net::Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool lock(const net::Fd& directory) { return ::flock(directory.get(), LOCK_EX | LOCK_NB) == 0; }

bool is_same(const net::Fd& one, const net::Fd& other) {
  struct stat first {};
  struct stat second {};
  return one.is_open() && other.is_open() && ::fstat(one.get(), &first) == 0 &&
         ::fstat(other.get(), &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

std::string read_pid(const std::string& path) {
  std::string pid;
  std::getline(std::ifstream(path), pid);
  return pid;
}

}  // namespace

std::optional<std::string> SpoolDirectories::take() {
  if (auto failed = make_directory(spool_)) return failed;
  const int error = lock_.acquire(lock_path(), FileLock::Kind::try_exclusive);
  if (error == EWOULDBLOCK) return "the spool is in use by process " + read_pid(lock_path());
  if (error != 0) return "cannot open " + lock_path() + ": " + std::strerror(error);
  return sign();
}

std::optional<std::string> SpoolDirectories::sign() const {
  if (lock_.write(std::to_string(::getpid()) + "\n")) return std::nullopt;
  return "cannot write " + lock_path() + ": " + std::strerror(errno);
}

bool SpoolDirectories::lacks_lock() const {
  std::error_code ignored;
  if (std::filesystem::exists(lock_path(), ignored)) return false;
  const auto worker = [](const auto& entry) {
    return spool::parse_worker_directory_name(entry.path().filename().string()).has_value();
  };
  return std::ranges::any_of(std::filesystem::directory_iterator(spool_, ignored), worker);
}

std::optional<std::string> SpoolDirectories::take_at_start() {
  const bool may_be_in_use = lacks_lock();
  if (auto failed = take()) return failed;
  if (may_be_in_use) std::this_thread::sleep_for(2 * LookPace::kIdle);
  return is_taken() ? std::nullopt : std::optional("somebody removes " + lock_path());
}

std::optional<std::string> SpoolDirectories::make_worker(uint32_t worker) {
  const std::string path = spool_ + "/" + spool::worker_directory_name(worker);
  if (auto failed = make_directory(path)) return failed;
  net::Fd& ours = workers_[worker];
  net::Fd found = open_directory(path);
  if (is_same(ours, found)) return std::nullopt;
  if (!found.is_open() || !lock(found)) {
    return "cannot have " + path + " alone: " + std::strerror(errno);
  }
  ours = std::move(found);
  return std::nullopt;
}

net::Fd SpoolDirectories::borrow_worker(uint32_t worker) const {
  net::Fd found = open_directory(spool_ + "/" + spool::worker_directory_name(worker));
  return found.is_open() && lock(found) ? std::move(found) : net::Fd();
}

}  // namespace mailrace::tools
