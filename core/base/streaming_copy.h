// SPDX-License-Identifier: GPL-3.0-or-later
// A copy that the processor does not keep.
#pragma once

#include "core/base/bytes.h"

namespace mailrace::core {

/// Copies `source` to memory that this processor will not look at before another one, or a device,
/// has: past the caches, where it knows how (x86). An ordinary copy first fetches each line that it
/// is about to replace, from wherever it was read last, and puts others out of the cache for it.
/// When this returns, whoever is told of it by ordinary means sees what was copied.
/// target   as many octets at least; does not overlap with the source
void streaming_copy(std::byte* target, Octets source) noexcept;

}  // namespace mailrace::core
