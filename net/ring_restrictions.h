// SPDX-License-Identifier: GPL-3.0-or-later
// What a worker's ring may be used for, whoever has the process in hand.
#pragma once

#include "core/base/result.h"
#include "net/ring.h"

namespace mailrace::net {

/// Has the kernel refuse, with EACCES, every operation of the ring but those that a worker needs.
/// A seccomp filter sees no operation of a ring: without this the ring goes past it. For good.
///
/// ring       set up with IORING_SETUP_R_DISABLED, not enabled yet
/// features   of this kernel: it does not take operations in the list that it does not know
/// fails      io, sys_errno as io_uring_register(2) gives it
core::Result<void> restrict_ring(io_uring& ring, const RingFeatures& features) noexcept;

}  // namespace mailrace::net
