// SPDX-License-Identifier: GPL-3.0-or-later
// Four times in the interval: a worker has half of it to answer, and one answer may be lost.
#include "tools/serve/watchdog.h"

#include <chrono>
#include <utility>

namespace mailrace::tools {

Watchdog::Watchdog(const ServiceManager& manager, std::function<bool()> all_alive, Log& log)
    : manager_(manager), all_alive_(std::move(all_alive)), log_(log) {
  if (const auto interval = manager.watchdog()) {
    thread_ = std::thread([this, interval] { run(*interval); });
  }
}

void Watchdog::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_asked_.notify_all();
  thread_.join();
}

void Watchdog::run(core::Duration interval) {
  const std::chrono::nanoseconds pause(interval.ns / 4);
  bool was_alive = true;
  std::unique_lock lock(mutex_);
  while (!stop_asked_.wait_for(lock, pause, [this] { return stopping_; })) {
    const bool is_alive = all_alive_();
    if (is_alive) manager_.tell("WATCHDOG=1");
    if (std::exchange(was_alive, is_alive) && !is_alive) {
      log_.line(LogLevel::error, "watchdog", {{"what", "a worker does not answer"}});
    }
  }
}

}  // namespace mailrace::tools
