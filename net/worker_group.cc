// SPDX-License-Identifier: GPL-3.0-or-later
// A worker builds its tables on its own thread, after pinning, so that their memory is near its
// CPU.
#include "net/worker_group.h"

#include "core/base/limits.h"

#include <climits>

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace mailrace::net {
namespace {

// What the starting thread waits for: each worker's word that it is up, then the word to go.
struct Start {
  std::mutex mutex;
  std::condition_variable changed;
  size_t answers = 0;
  std::optional<core::Error> error;
  bool decided = false;
  bool go = false;

  bool report_and_wait(const core::Result<void>& opened) {
    std::unique_lock lock(mutex);
    ++answers;
    if (!opened && !error) error = opened.error();
    changed.notify_all();
    changed.wait(lock, [this] { return decided; });
    return go;
  }
};

// What is behind that is for spools, and for those who read or ask. A new descriptor is always the
// lowest one that is free.
int connection_descriptors_max(size_t worker_count) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return INT_MAX;
  const uint64_t reserved = uint64_t{core::kDescriptorsReservedPerWorker} * worker_count +
                            uint64_t{core::kTailReadersMax} + 2 * core::kStatusClientsMax;
  const uint64_t soft = std::min<uint64_t>(limit.rlim_cur, INT_MAX);
  return int(soft - std::min(soft, reserved));
}

void pin(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(size_t(cpu), &cpus);
  ::pthread_setaffinity_np(::pthread_self(), sizeof cpus, &cpus);  // a hint, works without
}

}  // namespace

std::vector<int> allowed_cpus() {
  std::vector<int> allowed;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (::sched_getaffinity(0, sizeof cpus, &cpus) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(size_t(cpu), &cpus)) allowed.push_back(cpu);
    }
  }
  return allowed;
}

WorkerGroup::~WorkerGroup() {
  drain();
  join();
}

core::Result<void> WorkerGroup::start(std::vector<WorkerOptions> options) {
  const std::vector<int> cpus = allowed_cpus();
  const int descriptors_max = connection_descriptors_max(options.size());
  auto start = std::make_shared<Start>();
  threads_.resize(options.size());
  for (size_t i = 0; i < options.size(); ++i) {
    options[i].helper_cpus = cpus;
    options[i].descriptors_max = descriptors_max;
    const int cpu = cpus.empty() ? -1 : cpus[i % cpus.size()];
    threads_[i].thread =
        std::thread([this, i, cpu, start, worker_options = std::move(options[i])]() mutable {
          if (cpu >= 0) pin(cpu);
          threads_[i].worker = std::make_unique<Worker>(std::move(worker_options));
          const core::Result<void> opened = threads_[i].worker->open();
          if (start->report_and_wait(opened)) threads_[i].worker->run();
        });
  }
  std::unique_lock lock(start->mutex);
  start->changed.wait(lock, [&] { return start->answers == threads_.size(); });
  start->go = !start->error;
  start->decided = true;
  start->changed.notify_all();
  lock.unlock();
  if (start->error) {
    join();
    return tl::unexpected<core::Error>(*start->error);
  }
  return {};
}

void WorkerGroup::drain() noexcept {
  for (Thread& thread : threads_) {
    if (thread.worker) thread.worker->post(Message::drain);
  }
}

void WorkerGroup::leave() noexcept {
  for (Thread& thread : threads_) {
    if (thread.worker) thread.worker->post(Message::leave);
  }
}

void WorkerGroup::be_alone() noexcept {
  for (Thread& thread : threads_) {
    if (thread.worker) thread.worker->post(Message::alone);
  }
}

bool WorkerGroup::ask_all() noexcept {
  bool all = true;
  for (Thread& thread : threads_) {
    if (thread.worker) all = thread.worker->ask() && all;
  }
  return all;
}

void WorkerGroup::replace_tls(const std::function<std::shared_ptr<TlsContext>()>& make_context) {
  for (Thread& thread : threads_) {
    // Without memory for a new one the old one goes on.
    if (auto context = make_context(); context && thread.worker) {
      thread.worker->renew({.tls = std::move(context)});
    }
  }
}

void WorkerGroup::renew(std::vector<Renewal> renewals) {
  for (size_t i = 0; i < std::min(threads_.size(), renewals.size()); ++i) {
    if (threads_[i].worker) threads_[i].worker->renew(std::move(renewals[i]));
  }
}

void WorkerGroup::wait() {
  for (Thread& thread : threads_) {
    if (thread.thread.joinable()) thread.thread.join();
  }
}

void WorkerGroup::join() {
  wait();
  threads_.clear();
}

}  // namespace mailrace::net
