// SPDX-License-Identifier: GPL-3.0-or-later
// The bulk path of mail data: octets per second that each dot scan kernel steps over without a hit.
#include "bench/micro/mail_data.h"
#include "core/scan/dot_scan.h"

#include <benchmark/benchmark.h>

#include <string>

namespace mailrace::bench {
namespace {

void bench_dot_scan(benchmark::State& state, const core::DotScanKernel& kernel) {
  const auto mail = make_mail_data(/*bytes=*/size_t(state.range(0)), /*seed=*/42);
  for ([[maybe_unused]] auto _ : state) {
    const size_t hit = kernel.scan(mail, core::kDotScanStart);
    if (hit != mail.size()) {
      state.SkipWithError("kernel stopped early");
      break;
    }
    benchmark::DoNotOptimize(hit);
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * state.range(0));
}

// L1, and memory.
const bool kRegistered = [] {
  for (const core::DotScanKernel& kernel : core::dot_scan_kernels()) {
    if (!kernel.runs_here()) continue;
    benchmark::RegisterBenchmark(("dot_scan/" + std::string(kernel.name)).c_str(), bench_dot_scan,
                                 kernel)
        ->Arg(16 << 10)
        ->Arg(64 << 20);
  }
  return true;
}();

}  // namespace
}  // namespace mailrace::bench
