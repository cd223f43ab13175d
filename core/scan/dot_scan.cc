// SPDX-License-Identifier: GPL-3.0-or-later
// The table of kernels, and the choice at start.
#include "core/scan/dot_scan.h"

#include "core/base/cpu.h"
#include "core/scan/dot_scan_kernel.h"

namespace mailrace::core {
namespace {

bool runs_everywhere() noexcept { return true; }
#if defined(__x86_64__)
bool has_avx2() noexcept { return cpu_features().avx2; }
bool has_avx512() noexcept { return cpu_features().avx512; }
#endif

constexpr DotScanKernel kKernels[] = {
#if defined(__x86_64__)
    {"avx512", has_avx512, dot_scan_avx512},
    {"avx2", has_avx2, dot_scan_avx2},
    {"sse2", runs_everywhere, dot_scan_sse2},
#elif defined(__aarch64__)
    {"neon", runs_everywhere, dot_scan_neon},
#endif
    {"scalar", runs_everywhere, dot_scan_scalar},
};

const DotScanKernel& choose() noexcept {
  if (const DotScanKernel* const wished = find_dot_scan_kernel(kernel_wish())) return *wished;
  const DotScanKernel* kernel = kKernels;
  while (!kernel->runs_here()) ++kernel;  // "scalar", the last, runs everywhere
  return *kernel;
}

}  // namespace

std::span<const DotScanKernel> dot_scan_kernels() noexcept { return kKernels; }

const DotScanKernel* find_dot_scan_kernel(std::string_view name) noexcept {
  for (const DotScanKernel& kernel : kKernels) {
    if (kernel.name == name) return kernel.runs_here() ? &kernel : nullptr;
  }
  return nullptr;
}

const DotScanKernel& dot_scan_kernel() noexcept {
  static const DotScanKernel& kernel = choose();
  return kernel;
}

}  // namespace mailrace::core
