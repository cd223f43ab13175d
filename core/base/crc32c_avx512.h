// SPDX-License-Identifier: GPL-3.0-or-later
// CRC-32C of long runs by folding 256 octets at a time.
#pragma once

#include "core/base/bytes.h"

#include <cstdint>

namespace mailrace::core {

/// Octets of one step.
inline constexpr size_t kCrc32cFoldBytes = 256;

/// As crc32c(). Requires: `data` is one step or more, whole ones; cpu_features() has avx512,
/// vpclmul, and sse42.
uint32_t fold_crc32c_avx512(uint32_t crc, Octets data) noexcept;

}  // namespace mailrace::core
