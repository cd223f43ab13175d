// SPDX-License-Identifier: GPL-3.0-or-later
// CRC-32C, the checksum of everything in the spool: in hardware if there is some, else by table.
#pragma once

#include "core/base/bytes.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace mailrace::core {

/// Extends a CRC-32C (polynomial 0x1EDC6F41, reflected, complemented before and after) over `data`.
///
/// crc      the CRC-32C of the octets before `data`; 0 if there are none
/// data     any length, any alignment
/// returns  the CRC-32C of those octets and `data` together; crc32c(0, "123456789") is 0xE3069283
/// source   RFC 3720 section 12.1, vectors in B.4
uint32_t crc32c(uint32_t crc, Octets data) noexcept;

/// Joins the CRC-32C of two stretches of octets without looking at them again: for a part that is
/// the same in many places, behind parts that are not. Costs eight look-ups; made once for each
/// length of the second stretch.
class Crc32cJoin {
 public:
  /// octets   length of the second stretch
  explicit Crc32cJoin(uint64_t octets) noexcept;

  /// first, second   the CRC-32C of each stretch
  /// returns         the CRC-32C of both together
  uint32_t operator()(uint32_t first, uint32_t second) const noexcept {
    for (size_t digit = 0; digit < moved_.size(); ++digit, first >>= 4) {
      second ^= moved_[digit][first & 0xf];
    }
    return second;
  }

 private:
  // What each hexadecimal digit of the first CRC becomes by the octets of the second stretch.
  std::array<std::array<uint32_t, 16>, 8> moved_;
};

/// Name of the kernel behind crc32c(), for --version and reports.
std::string_view crc32c_name() noexcept;

/// One way to compute it; all give the same result.
struct Crc32cKernel {
  std::string_view name;  // "avx512" "sse42" "arm" "table"
  bool (*runs_here)() noexcept;
  uint32_t (*extend)(uint32_t crc, Octets data) noexcept;  // as crc32c(); requires: runs_here()
};

/// The kernels of this build, best first; "table" always, and last.
std::span<const Crc32cKernel> crc32c_kernels() noexcept;

/// The kernel for a value of MAILRACE_KERNEL: "table" for "scalar", else the first that runs here.
/// crc32c() chooses with it at its first call, and keeps to that.
const Crc32cKernel& choose_crc32c_kernel(std::string_view wish) noexcept;

}  // namespace mailrace::core
