// SPDX-License-Identifier: GPL-3.0-or-later
// What a process on this machine has used of its CPUs.
#pragma once

#include "core/base/time.h"

#include <sys/types.h>

#include <optional>
#include <string>

namespace mailrace::tools {

/// User and system time of a process with all its threads, and of all its descendants, those that
/// have ended included. In ticks of the kernel, 10 ms as a rule. Of up to kLoadServerProcessesMax
/// processes.
///
/// proc      where procfs is
/// returns   nothing if there is no such process
std::optional<core::Duration> family_cpu_time(pid_t pid, const std::string& proc = "/proc");

}  // namespace mailrace::tools
