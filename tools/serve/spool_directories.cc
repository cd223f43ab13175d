// SPDX-License-Identifier: GPL-3.0-or-later
// The lock comes before anything else in the spool: two servers that write to one would cut off
// each other's mail.
#include "tools/serve/spool_directories.h"

#include "net/fd.h"
#include "spool/segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace mailrace::tools {
namespace {

constexpr mode_t kDirectoryMode = 0700;

// A new name is only there to stay once its directory was synced.
std::optional<std::string> sync_parent(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const net::Fd directory(
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0) {
    return "cannot sync the directory of " + path + ": " + std::strerror(errno);
  }
  return std::nullopt;
}

std::optional<std::string> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0) {
    auto failed = sync_parent(path);
    if (failed) ::rmdir(path.c_str());  // or the next attempt would take it for stable
    return failed;
  }
  const int error = errno;
  std::error_code ignored;
  if (error == EEXIST && std::filesystem::is_directory(path, ignored)) return std::nullopt;
  return "cannot make " + path + ": " + std::strerror(error);
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
  if (!lock_.write(std::to_string(::getpid()) + "\n")) {
    return "cannot write " + lock_path() + ": " + std::strerror(errno);
  }
  return std::nullopt;
}

std::optional<std::string> SpoolDirectories::make_worker(uint32_t worker) const {
  return make_directory(spool_ + "/" + spool::worker_directory_name(worker));
}

}  // namespace mailrace::tools
