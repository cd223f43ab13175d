// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernels share; for the files of this folder only.
//
// Every wide kernel has one shape. The first octet is judged with `previous`. From then on octet
// and predecessor are both in memory, and one comparison of two loads, at p and at p - 1, finds
//
//   mismatch = ((octet is LF) xor (predecessor is CR)) or ((octet is '.') and (predecessor is LF))
//
// for a whole vector. It is the contract but for two things. A LF that no CR precedes is a mismatch
// itself, so the predecessor LF of a '.' is the end of a CRLF or an earlier mismatch hides it. And
// a CR that no LF follows shows at its successor, one octet late: dot_scan_hit() steps back.
#pragma once

#include "core/base/bytes.h"

#include <cstddef>
#include <cstdint>

namespace mailrace::core {

inline constexpr char kCr = '\r';
inline constexpr char kLf = '\n';
inline constexpr char kDot = '.';

/// Whether a scan of anything that begins with `first` ends at offset 0, because of `previous`.
inline bool dot_scan_stops_at_first(std::byte first, uint16_t previous) noexcept {
  const bool after_cr = (previous & 0xff) == kCr;
  if ((char(first) == kLf) != after_cr) return true;
  return char(first) == kDot && previous == (kCr << 8 | kLf);
}

/// The offset to return for the first mismatch, at `at`. Requires: at > begin.
inline size_t dot_scan_hit(const std::byte* begin, const std::byte* at) noexcept {
  const bool late = char(at[-1]) == kCr && char(*at) != kLf;
  return size_t(at - begin) - (late ? 1 : 0);
}

size_t dot_scan_scalar(Octets data, uint16_t previous) noexcept;
#if defined(__x86_64__)
size_t dot_scan_sse2(Octets data, uint16_t previous) noexcept;
size_t dot_scan_avx2(Octets data, uint16_t previous) noexcept;
size_t dot_scan_avx512(Octets data, uint16_t previous) noexcept;
#elif defined(__aarch64__)
size_t dot_scan_neon(Octets data, uint16_t previous) noexcept;
#endif

}  // namespace mailrace::core
