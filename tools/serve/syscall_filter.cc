// SPDX-License-Identifier: GPL-3.0-or-later
// A list of what is let through: what a later kernel adds is refused until somebody has looked.
#include "tools/serve/syscall_filter.h"

#include "tools/lib/sanitizer.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace mailrace::tools {
namespace {

// By name, because not every machine has all of them: aarch64 has no open, no unlink, no rename.
constexpr auto kAllowed = std::to_array<const char*>({
    // rings, of which each worker has one by now
    "io_uring_enter",
    "io_uring_register",
    // files, for housekeeping, certificates and the log
    "access",
    "close",
    "faccessat",
    "faccessat2",
    "fallocate",
    "fcntl",
    "fdatasync",
    "flock",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "getdents64",
    "link",
    "linkat",
    "lseek",
    "mkdir",
    "mkdirat",
    "newfstatat",
    "open",
    "openat",
    "poll",
    "ppoll",
    "pread64",
    "preadv",
    "pwrite64",
    "pwritev",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "stat",
    "statfs",
    "statx",
    "sync_file_range",
    "syncfs",
    "unlink",
    "unlinkat",
    "write",
    "writev",
    "fadvise64",
    // sockets that are there, and who comes to the tail's
    "accept4",
    "getpeername",
    "getsockname",
    "getsockopt",
    "recvfrom",
    "sendmsg",
    "setsockopt",
    "shutdown",
    // memory
    "brk",
    "madvise",
    "mremap",
    "munmap",
    // threads, time and signals
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "exit",
    "exit_group",
    "futex",
    "get_robust_list",
    "getpid",
    "getrandom",
    "gettid",
    "gettimeofday",
    "membarrier",
    "nanosleep",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_yield",
    "set_robust_list",
    "sigaltstack",
    "tgkill",
    "uname",
});

class Filter {
 public:
  Filter() : filter_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (filter_ == nullptr) failed_ = -ENOMEM;
  }

  void allow(const char* name) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number >= 0) add(SCMP_ACT_ALLOW, number, {});
  }
  // Where argument `index` has none of the bits, or all of them.
  void allow_without(const char* name, unsigned index, uint64_t bits) {
    allow_masked(name, index, bits, 0);
  }
  void allow_with(const char* name, unsigned index, uint64_t bits) {
    allow_masked(name, index, bits, bits);
  }
  void refuse(const char* name, int error) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number >= 0) add(SCMP_ACT_ERRNO(uint32_t(error)), number, {});
  }

  // returns  0, or negative
  int load() {
    note(filter_ == nullptr ? -ENOMEM : seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
    if (failed_ == 0) note(seccomp_load(filter_.get()));
    return failed_;
  }

 private:
  struct Release {
    void operator()(void* filter) const { seccomp_release(filter); }
  };

  void note(int result) {
    if (failed_ == 0 && result < 0) failed_ = result;
  }
  void add(uint32_t action, int number, std::optional<scmp_arg_cmp> condition) {
    if (filter_ == nullptr) return;
    const scmp_arg_cmp* const given = condition ? &*condition : nullptr;
    note(seccomp_rule_add_array(filter_.get(), action, number, given != nullptr ? 1 : 0, given));
  }
  void allow_masked(const char* name, unsigned index, uint64_t mask, uint64_t value) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number < 0) return;
    add(SCMP_ACT_ALLOW, number,
        scmp_arg_cmp{.arg = index, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value});
  }

  std::unique_ptr<void, Release> filter_;
  int failed_ = 0;
};

}  // namespace

std::optional<std::string> forbid_system_calls(const LockdownOptions& options) {
  if (!options.seccomp || kHasSanitizer) return std::nullopt;
  Filter filter;
  for (const char* const name : kAllowed) filter.allow(name);
  filter.allow_without("mmap", 2, PROT_EXEC);
  filter.allow_without("mprotect", 2, PROT_EXEC);
  filter.allow_with("clone", 0, CLONE_THREAD);
  // Its flags lie in memory, where no filter sees them; the C library then asks clone.
  filter.refuse("clone3", ENOSYS);
  const int result = filter.load();
  if (result == 0) return std::nullopt;
  return std::string("cannot filter system calls: ") + std::strerror(-result) +
         " (--no-seccomp does without)";
}

const char* syscall_filter_word(const LockdownOptions& options) {
  if (!options.seccomp) return "off";
  return kHasSanitizer ? "off, built with a sanitizer" : "on";
}

}  // namespace mailrace::tools
