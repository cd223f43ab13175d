// SPDX-License-Identifier: GPL-3.0-or-later
// Recovery of a spool on this machine's disk, several workers' logs at a time.
#pragma once

#include "core/base/result.h"
#include "spool/recovery.h"

#include <string>

namespace mailrace::tools {

/// spool::recover() with up to kRecoveryThreadsMax threads: what it waits for is the disk, which is
/// faster when it is asked for several things.
///
/// spool_path   exists; may be empty. Requires: no server writes to it
/// fails        io: the spool directory cannot be listed
core::Result<spool::Recovery> recover_spool(const std::string& spool_path);

}  // namespace mailrace::tools
