// SPDX-License-Identifier: GPL-3.0-or-later
// Tells the service manager that the server lives, as long as every worker does.
#pragma once

#include "core/base/time.h"
#include "tools/lib/log.h"
#include "tools/serve/service_manager.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace mailrace::tools {

class Watchdog {
 public:
  /// manager     outlives this; without a wish of its no thread is started
  /// all_alive   asks all workers, and says whether all have answered since it was asked last; on
  ///             the thread
  Watchdog(const ServiceManager& manager, std::function<bool()> all_alive, Log& log);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() { stop(); }

  void stop();

 private:
  void run(core::Duration interval);

  const ServiceManager& manager_;
  std::function<bool()> all_alive_;
  Log& log_;
  std::mutex mutex_;
  std::condition_variable stop_asked_;
  bool stopping_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace mailrace::tools
