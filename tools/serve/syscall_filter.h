// SPDX-License-Identifier: GPL-3.0-or-later
// The system calls that a server makes once it runs, and no others.
#pragma once

#include "tools/serve/lockdown.h"

#include <optional>
#include <string>

namespace mailrace::tools {

/// For all threads, once all of them stand: no program can be executed, no socket made or bound,
/// no ring set up, no memory made executable; threads can be started, processes cannot. What is
/// refused fails with EPERM. Does nothing without options.seccomp, and where the program was built
/// with a sanitizer, whose calls nobody has listed. Requires: forbid_new_privileges().
/// fails   with one line
std::optional<std::string> forbid_system_calls(const LockdownOptions& options);

/// Whether the filter holds, for the log.
const char* syscall_filter_word(const LockdownOptions& options);

}  // namespace mailrace::tools
