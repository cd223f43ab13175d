// SPDX-License-Identifier: GPL-3.0-or-later
// What the process gives up, so that who takes it over has little of it.
#pragma once

#include "tools/lib/log.h"

#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

struct LockdownOptions {
  bool ring_restrictions = true;  // of each worker's ring, see net/ring_restrictions.h
  bool landlock = true;           // see file_access.h
  bool seccomp = true;            // see syscall_filter.h
  bool core_dumps = false;
};

/// Before the first key is read: no core dumps, which would have it in them, and no tracing by
/// others of the same user; with core_dumps both. Once more when the user has changed: the kernel
/// decides anew then.
/// fails   with one line
std::optional<std::string> settle_core_dumps(const LockdownOptions& options);

/// For good, and for all that the process starts: no program that it executes has more rights than
/// it has itself. What follows needs it.
/// fails   with one line
std::optional<std::string> forbid_new_privileges();

/// What holds, for the log.
std::vector<LogField> lockdown_fields(const LockdownOptions& options);

}  // namespace mailrace::tools
