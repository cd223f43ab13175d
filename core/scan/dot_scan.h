// SPDX-License-Identifier: GPL-3.0-or-later
// How far mail data may be copied in bulk: the contract, and the kernels that fulfil it.
#pragma once

#include "core/base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mailrace::core {

/// Offset of the first octet a bulk copy must not step over: a '.' that begins a line, or a CR or
/// LF that is not half of a CRLF; data.size() if none. A CR that ends `data` waits for the next
/// call; if that finds no LF at data[0], the hit is there, at 0.
///
/// data      mail data, split anywhere, of any length and alignment; nothing outside is read
/// previous  the two octets before data[0], the older in the high byte; kDotScanStart at the start
/// returns   an offset <= data.size()
/// source    RFC 5321 section 4.5.2 (transparency), section 2.3.8 (lines)
using DotScan = size_t (*)(Octets data, uint16_t previous) noexcept;

/// `previous` at the start of mail data: the CRLF that ended the DATA command came before.
inline constexpr uint16_t kDotScanStart = uint16_t('\r' << 8 | '\n');

/// `previous` for what follows `data`, which was itself preceded by `previous`.
constexpr uint16_t dot_scan_previous(Octets data, uint16_t previous) noexcept {
  for (const std::byte octet : data.last(data.size() < 2 ? data.size() : 2)) {
    previous = uint16_t(previous << 8 | uint16_t(octet));
  }
  return previous;
}

struct DotScanKernel {
  std::string_view name;  // "avx512" "avx2" "sse2" "neon" "scalar"
  bool (*runs_here)() noexcept;
  DotScan scan;  // requires: runs_here()
};

/// The kernels of this build, best first; "scalar" always, and last.
std::span<const DotScanKernel> dot_scan_kernels() noexcept;

/// The kernel of that name; nullptr if there is none, or if it does not run here. The program
/// checks MAILRACE_KERNEL with it at start.
const DotScanKernel* find_dot_scan_kernel(std::string_view name) noexcept;

/// The kernel to use: the one that MAILRACE_KERNEL names if find_dot_scan_kernel() finds it, else
/// the first that runs here. Chosen at the first call, the same ever after, from any thread.
const DotScanKernel& dot_scan_kernel() noexcept;

}  // namespace mailrace::core
