// SPDX-License-Identifier: GPL-3.0-or-later
// Asks the processor through the compiler's runtime, which also asks whether registers are saved;
// on AArch64 the kernel.
#include "core/base/cpu.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include <cstdlib>

namespace mailrace::core {
namespace {

CpuFeatures find_features() noexcept {
  CpuFeatures features;
#if defined(__x86_64__)
  __builtin_cpu_init();
  features.sse42 = __builtin_cpu_supports("sse4.2") != 0;
  features.pclmul = __builtin_cpu_supports("pclmul") != 0;
  features.avx2 = __builtin_cpu_supports("avx2") != 0;
  const bool f = __builtin_cpu_supports("avx512f") != 0;
  const bool bw = __builtin_cpu_supports("avx512bw") != 0;
  const bool vl = __builtin_cpu_supports("avx512vl") != 0;
  features.avx512 = f && bw && vl;
  features.vpclmul = __builtin_cpu_supports("vpclmulqdq") != 0;
#elif defined(__aarch64__)
  features.arm_crc32 = (::getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#endif
  return features;
}

}  // namespace

const CpuFeatures& cpu_features() noexcept {
  static const CpuFeatures features = find_features();
  return features;
}

std::string_view kernel_wish() noexcept {
  static const char* const wish = std::getenv("MAILRACE_KERNEL");
  return wish ? std::string_view(wish) : std::string_view();
}

}  // namespace mailrace::core
