// SPDX-License-Identifier: GPL-3.0-or-later
// By system call: the C library has none of it, and the kernel's header may be older than the
// kernel. What a kernel does not know yet is left out of what it is asked to refuse.
#include "tools/serve/file_access.h"

#include "net/fd.h"
#include "tools/lib/sanitizer.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace mailrace::tools {
namespace {

// As later headers have it; the kernel takes the length that it knows.
struct Ruleset {
  uint64_t files;
  uint64_t network;  // since version 4
  uint64_t scoped;   // since version 6
};
constexpr size_t kFilesBytes = 8;
constexpr size_t kNetworkBytes = 16;

constexpr uint64_t kFirstVersion = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
constexpr uint64_t kRefer = uint64_t{1} << 13;           // since version 2
constexpr uint64_t kTruncate = uint64_t{1} << 14;        // since version 3
constexpr uint64_t kBindAndConnectTcp = 3;               // since version 4
constexpr uint64_t kDeviceCommands = uint64_t{1} << 15;  // since version 5
constexpr uint64_t kAbstractSocketsAndSignals = 3;       // since version 6

constexpr uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr uint64_t kRead = kReadFile | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWrite =
    kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    kTruncate | LANDLOCK_ACCESS_FS_MAKE_SOCK;  // to rename one; none can be made any more

// 0: this kernel has none, or it is switched off.
long version() {
  const long known =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return known < 0 ? 0 : known;
}

Ruleset refused_by(long version) {
  Ruleset refused{};
  refused.files = kFirstVersion;
  if (version >= 2) refused.files |= kRefer;
  if (version >= 3) refused.files |= kTruncate;
  if (version >= 5) refused.files |= kDeviceCommands;
  if (version >= 4) refused.network = kBindAndConnectTcp;
  if (version >= 6) refused.scoped = kAbstractSocketsAndSignals;
  return refused;
}

size_t ruleset_bytes(long version) {
  return version >= 6 ? sizeof(Ruleset) : version >= 4 ? kNetworkBytes : kFilesBytes;
}

// returns  0, or an errno
int allow(int ruleset, uint64_t known, const std::string& path, uint64_t access) {
  const net::Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place.is_open()) return errno == ENOENT ? 0 : errno;
  struct stat status {};
  if (::fstat(place.get(), &status) != 0) return errno;
  landlock_path_beneath_attr rule{};
  rule.parent_fd = place.get();
  rule.allowed_access = access & known & (S_ISDIR(status.st_mode) ? UINT64_MAX : kReadFile);
  const long done = ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  return done == 0 ? 0 : errno;
}

std::string failure(const std::string& what, int error) {
  return "cannot give up other files: " + what + ": " + std::strerror(error) +
         " (--no-landlock does without)";
}

}  // namespace

std::vector<std::string> places_of(const std::string& file) {
  namespace fs = std::filesystem;
  const auto place = [](const fs::path& path) {
    const fs::path directory = path.parent_path();
    return (directory == directory.root_path() ? path : directory).string();
  };
  std::error_code ignored;
  const fs::path named = file;
  const fs::path real = fs::canonical(named, ignored);
  std::vector<std::string> places = {place(named)};
  if (!real.empty() && place(real) != places.front()) places.push_back(place(real));
  return places;
}

std::optional<std::string> forbid_other_files(const LockdownOptions& options,
                                              const FileAccess& access) {
  const long known = version();
  if (!options.landlock || known == 0) return std::nullopt;
  const Ruleset refused = refused_by(known);
  const net::Fd ruleset(
      int(::syscall(SYS_landlock_create_ruleset, &refused, ruleset_bytes(known), 0)));
  if (!ruleset.is_open()) return failure("landlock_create_ruleset", errno);
  for (const std::string& path : access.written) {
    const int error = allow(ruleset.get(), refused.files, path, kWrite);
    if (error != 0) return failure(path, error);
  }
  for (const std::string& path : access.read) {
    const int error = allow(ruleset.get(), refused.files, path, kRead);
    // What root has read and we may not: it is not read anew, and reload() says so.
    if (error != 0 && error != EACCES) return failure(path, error);
  }
  // To say where something is wrong a sanitizer reads the program and its libraries.
  for (const char* path : {"/proc", "/proc/self/exe", "/usr/lib"}) {
    if (kHasSanitizer) allow(ruleset.get(), refused.files, path, kRead);
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0) return std::nullopt;
  return failure("landlock_restrict_self", errno);
}

std::string file_access_word(const LockdownOptions& options) {
  if (!options.landlock) return "off";
  const long known = version();
  return known == 0 ? "off, this kernel has none" : "on, version " + std::to_string(known);
}

}  // namespace mailrace::tools
