// SPDX-License-Identifier: GPL-3.0-or-later
// All workers of a server: start, pin, drain, wait for the end.
#pragma once

#include "core/base/result.h"
#include "net/worker.h"

#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace mailrace::net {

/// The CPUs that this process may run on, in ascending order.
std::vector<int> allowed_cpus();

class WorkerGroup {
 public:
  WorkerGroup() = default;
  WorkerGroup(const WorkerGroup&) = delete;
  WorkerGroup& operator=(const WorkerGroup&) = delete;
  ~WorkerGroup();

  /// Starts a thread for each of `options`, worker i pinned to the i-th allowed CPU, round and
  /// round. Returns when all of them accept, or one of them could not be set up; then none runs.
  core::Result<void> start(std::vector<WorkerOptions> options);

  /// Tells all workers to drain. Any thread.
  void drain() noexcept;

  /// Tells all workers to accept nobody any more, and to end when their sessions have ended; after
  /// their drain timeout they drain. Any thread.
  void leave() noexcept;

  /// Tells workers that share their listeners that they do not any more. Any thread.
  void be_alone() noexcept;

  /// Asks each worker for a sign of life. For one thread; not before start() nor behind join().
  /// returns   whether all have answered what they were asked before
  bool ask_all() noexcept;

  /// Gives each worker, by its number, its renewal, see Worker::renew(). Any thread.
  void renew(std::vector<Renewal> renewals);

  /// Gives each worker, by its number, what make_context() makes for it. Any thread.
  void replace_tls(const std::function<std::shared_ptr<TlsContext>()>& make_context);

  /// Waits until all workers have ended; until join() they may still be told something.
  void wait();
  void join();

 private:
  struct Thread {
    std::unique_ptr<Worker> worker;
    std::thread thread;
  };
  std::vector<Thread> threads_;
};

}  // namespace mailrace::net
