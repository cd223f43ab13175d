// SPDX-License-Identifier: GPL-3.0-or-later
// Groups first, then the user: who is no longer root may change neither.
#include "tools/serve/privileges.h"

#include "net/fd.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace mailrace::tools {
namespace {

constexpr mode_t kSpoolMode = 0700;
constexpr int kGroupsMax = 65536;  // the kernel's bound

std::string failure(const std::string& what, int error) {
  return what + ": " + std::strerror(error);
}

// What --user does not take away: a service manager may have given some of root's rights only.
std::optional<std::string> give_up_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> none{};
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::syscall(SYS_capset, &header, none.data()) == 0) return std::nullopt;
  return failure("cannot give up capabilities", errno);
}

}  // namespace

tl::expected<Privileges, std::string> Privileges::find(const PrivilegeOptions& options) {
  Privileges found(options);
  if (options.user.empty()) return found;
  std::array<char, 16384> memory;
  passwd entry{};
  passwd* user = nullptr;
  const int error = ::getpwnam_r(options.user.c_str(), &entry, memory.data(), memory.size(), &user);
  const std::string flag = "--user " + options.user;
  if (user == nullptr) {
    return tl::unexpected(error != 0 ? failure(flag, error)
                                     : flag +
                                           ": there is no such user (allowed: one who is not "
                                           "root)");
  }
  if (user->pw_uid == 0) return tl::unexpected(flag + ": is root (allowed: somebody else)");
  if (::geteuid() != 0 && ::geteuid() != user->pw_uid) {
    return tl::unexpected(flag + ": only root can become somebody else");
  }
  found.uid_ = user->pw_uid;
  found.gid_ = user->pw_gid;
  int count = kGroupsMax;
  found.groups_.resize(size_t(count));
  if (::getgrouplist(user->pw_name, user->pw_gid, found.groups_.data(), &count) < 0) {
    return tl::unexpected(flag + ": is in more than " + std::to_string(kGroupsMax) + " groups");
  }
  found.groups_.resize(size_t(count));
  return found;
}

std::optional<std::string> Privileges::enter_root() const {
  if (options_.chroot.empty()) return std::nullopt;
  if (::chdir(options_.chroot.c_str()) == 0 && ::chroot(".") == 0) return std::nullopt;
  return failure("--chroot " + options_.chroot, errno);
}

std::optional<std::string> Privileges::give_up(const std::string& spool) const {
  if (!options_.user.empty()) {
    if (::geteuid() == 0) {
      if (auto failed = make_his(spool)) return failed;
      if (auto failed = become_user()) return failed;
    }
  } else if (::geteuid() == 0) {
    return std::nullopt;  // whoever wants root to be the one has him whole
  }
  return give_up_capabilities();
}

// Only what was made just now: what is there belongs to whom it belongs.
std::optional<std::string> Privileges::make_his(const std::string& spool) const {
  if (::mkdir(spool.c_str(), kSpoolMode) != 0) {
    if (errno == EEXIST || errno == ENOENT) return std::nullopt;  // what is wrong shows later
    return failure("cannot make " + spool, errno);
  }
  // By the descriptor: whoever owns the directory above may have put something else there.
  const net::Fd made(::open(spool.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  const bool is_ours = made.is_open() && ::fstat(made.get(), &status) == 0 && status.st_uid == 0 &&
                       (status.st_mode & 07777) == kSpoolMode;
  if (is_ours && ::fchown(made.get(), uid_, gid_) == 0) return std::nullopt;
  return failure("cannot give " + spool + " to " + options_.user, is_ours ? errno : ESTALE);
}

std::optional<std::string> Privileges::become_user() const {
  const bool done = ::setgroups(groups_.size(), groups_.data()) == 0 &&
                    ::setresgid(gid_, gid_, gid_) == 0 && ::setresuid(uid_, uid_, uid_) == 0;
  if (!done) return failure("cannot become " + options_.user, errno);
  if (::setresuid(0, 0, 0) == 0) return "cannot cease to be root";
  return std::nullopt;
}

std::string Privileges::who() const {
  return options_.user.empty() ? std::to_string(::geteuid()) : options_.user;
}

}  // namespace mailrace::tools
