// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/lockdown.h"

#include "tools/serve/file_access.h"
#include "tools/serve/syscall_filter.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

namespace mailrace::tools {

std::optional<std::string> settle_core_dumps(const LockdownOptions& options) {
  const rlimit none{0, 0};
  // The limit does not hold where the kernel hands dumps to a program; the other one does.
  const bool is_limited = options.core_dumps || ::setrlimit(RLIMIT_CORE, &none) == 0;
  const unsigned long dumpable = options.core_dumps ? 1 : 0;
  if (is_limited && ::prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0) == 0) return std::nullopt;
  return std::string("cannot forbid core dumps: ") + std::strerror(errno);
}

std::optional<std::string> forbid_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return std::nullopt;
  return std::string("cannot give up new privileges: ") + std::strerror(errno);
}

std::vector<LogField> lockdown_fields(const LockdownOptions& options) {
  const auto word = [](bool on) { return on ? "on" : "off"; };
  return {{"ring_restrictions", word(options.ring_restrictions)},
          {"landlock", file_access_word(options)},
          {"seccomp", syscall_filter_word(options)},
          {"core_dumps", word(options.core_dumps)}};
}

}  // namespace mailrace::tools
