// SPDX-License-Identifier: GPL-3.0-or-later
// Octets per second that each CRC-32C kernel sums up: headers, small bodies, full ones, memory.
#include "bench/micro/mail_data.h"
#include "core/base/crc32c.h"

#include <benchmark/benchmark.h>

#include <string>

namespace mailrace::bench {
namespace {

void bench_crc32c(benchmark::State& state, const core::Crc32cKernel& kernel) {
  const auto octets = make_mail_data(/*bytes=*/size_t(state.range(0)), /*seed=*/42);
  const uint32_t expected = core::crc32c_kernels().back().extend(0, octets);
  for ([[maybe_unused]] auto _ : state) {
    const uint32_t crc = kernel.extend(0, octets);
    if (crc != expected) {
      state.SkipWithError("wrong checksum");
      break;
    }
    benchmark::DoNotOptimize(crc);
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * state.range(0));
}

const bool kRegistered = [] {
  for (const core::Crc32cKernel& kernel : core::crc32c_kernels()) {
    if (!kernel.runs_here()) continue;
    benchmark::RegisterBenchmark(("crc32c/" + std::string(kernel.name)).c_str(), bench_crc32c,
                                 kernel)
        ->Arg(32)
        ->Arg(512)
        ->Arg(16 << 10)
        ->Arg(64 << 20);
  }
  return true;
}();

}  // namespace
}  // namespace mailrace::bench
