// SPDX-License-Identifier: GPL-3.0-or-later
// Logs of workers have nothing to do with each other. Each thread takes the next one that nobody
// has taken yet.
#include "tools/serve/recover_spool.h"

#include "core/base/limits.h"
#include "tools/lib/posix_disk.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

namespace mailrace::tools {

core::Result<spool::Recovery> recover_spool(const std::string& spool_path,
                                            const std::function<net::Fd(uint32_t worker)>& borrow) {
  PosixDisk disk;
  MAILRACE_TRY(std::vector<uint32_t> workers, spool::SpoolReader(disk, spool_path).workers());
  std::vector<net::Fd> borrowed;
  std::erase_if(workers, [&](uint32_t worker) {
    net::Fd directory = borrow(worker);
    const bool is_ours = directory.is_open();
    if (is_ours) borrowed.push_back(std::move(directory));
    return !is_ours;
  });
  std::vector<core::Result<spool::Recovery>> recoveries(workers.size());
  std::atomic<size_t> next{0};
  const auto run = [&] {
    PosixDisk own_disk;
    for (size_t i = next.fetch_add(1); i < workers.size(); i = next.fetch_add(1)) {
      recoveries[i] = spool::recover_worker(own_disk, spool_path, workers[i]);
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(workers.size(), core::kRecoveryThreadsMax); ++i) {
    threads.emplace_back(run);
  }
  run();
  for (std::thread& thread : threads) thread.join();
  spool::Recovery all;
  for (auto& recovery : recoveries) {
    if (!recovery) return recovery;
    spool::add_recovery(all, std::move(*recovery));
  }
  return all;
}

}  // namespace mailrace::tools
