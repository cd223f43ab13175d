// SPDX-License-Identifier: GPL-3.0-or-later
// Why io_uring cannot be used, in words that an operator can act on.
#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <string>

namespace mailrace::net {

/// What this machine says about io_uring besides the error.
struct RingHost {
  std::string io_uring_disabled;  // the sysctl kernel.io_uring_disabled; empty: there is none
  bool under_seccomp = false;     // a filter judges this process's system calls
};

/// Reads it from /proc.
RingHost ring_host();

/// The likely cause of `error` and its fix, as one line.
///
/// error     of Ring::open() or BufferRing::open(): sys_errno decides
/// source    io_uring_setup(2), net/ENGINE.md, "Where io_uring is missing"
std::string explain_ring_failure(const core::Error& error, const RingHost& host);

/// Why io_uring cannot be used here and what to do about it, as one line; empty if it can be.
///
/// Tries a ring with everything the engine needs, then tears it down.
/// direct_count  as Ring::open() takes it
std::string ring_unavailable(uint32_t direct_count);

}  // namespace mailrace::net
