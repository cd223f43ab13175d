// SPDX-License-Identifier: GPL-3.0-or-later
// Recovery of a spool on this machine's disk, several workers' logs at a time.
#pragma once

#include "core/base/result.h"
#include "net/fd.h"
#include "spool/recovery.h"

#include <cstdint>
#include <functional>
#include <string>

namespace mailrace::tools {

/// Workers by number, one behind the other.
struct WorkerRange {
  uint32_t first = 0;
  uint32_t count = 0;

  constexpr uint32_t end() const noexcept { return first + count; }
  constexpr bool contains(uint32_t worker) const noexcept {
    return worker >= first && worker < end();
  }
};

/// spool::recover() with up to kRecoveryThreadsMax threads: what it waits for is the disk, which is
/// faster when it is asked for several things.
///
/// spool_path   exists; may be empty
/// borrow       takes a worker's directory for the time of its recovery; not open: somebody else
///              writes to it, and it is left alone
/// fails        io: the spool directory cannot be listed
core::Result<spool::Recovery> recover_spool(const std::string& spool_path,
                                            const std::function<net::Fd(uint32_t worker)>& borrow);

}  // namespace mailrace::tools
