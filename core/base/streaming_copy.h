// SPDX-License-Identifier: GPL-3.0-or-later
// A copy that the processor does not keep.
#pragma once

#include "core/base/bytes.h"

namespace mailrace::core {

/// Copies `source` to memory that this processor will not look at before another one, or a device,
/// has: past the caches, where it knows how (x86). An ordinary copy first fetches each line that it
/// is about to replace, from wherever it was read last, and puts others out of the cache for it.
/// target   as many octets at least; does not overlap with the source
void streaming_copy(std::byte* target, Octets source) noexcept;

/// Whoever is told by ordinary means after this, sees what streaming_copy() copied before.
void end_streaming() noexcept;

}  // namespace mailrace::core
