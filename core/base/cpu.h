// SPDX-License-Identifier: GPL-3.0-or-later
// Which instruction sets this processor and its kernel let us use, found once.
#pragma once

#include <string_view>

namespace mailrace::core {

/// Instruction sets that some kernel of ours needs and that not every machine of its architecture
/// has. What the architecture guarantees (SSE2 on x86-64, NEON on AArch64) is not asked for.
struct CpuFeatures {
  bool sse42 = false;      // x86: the crc32 instruction
  bool pclmul = false;     // x86: carry-less multiplication
  bool avx2 = false;       // x86
  bool avx512 = false;     // x86: F, BW and VL together
  bool vpclmul = false;    // x86: carry-less multiplication in all lanes of a register
  bool arm_crc32 = false;  // AArch64: crc32c*
};

/// The features of the machine that we run on; the same object at every call, from any thread.
const CpuFeatures& cpu_features() noexcept;

/// The value of the environment variable MAILRACE_KERNEL, empty if unset: the kernel to take
/// instead of the best one, for tests and comparisons. Read once; valid for the life of the
/// process.
std::string_view kernel_wish() noexcept;

}  // namespace mailrace::core
