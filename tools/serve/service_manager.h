// SPDX-License-Identifier: GPL-3.0-or-later
// What a service manager wants to be told, systemd or another one: sd_notify(3).
#pragma once

#include "core/base/time.h"
#include "net/fd.h"

#include <optional>
#include <string_view>

namespace mailrace::tools {

class ServiceManager {
 public:
  /// Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, and connects:
  /// later the process may no more. Before there are threads.
  ServiceManager();

  /// Lines of the form NAME=VALUE. Nobody may be there; what it does not take in time is lost, and
  /// nobody waits for it. Any thread.
  void tell(std::string_view lines) const noexcept;
  /// READY=1, which ends a start or a reload, and further lines: tried for a second.
  void tell_ready(std::string_view lines = {}) const;
  /// That a reload begins, with the time, as the protocol wants it; READY=1 ends it.
  void tell_reloading(core::Instant now) const noexcept;

  /// How often it wants WATCHDOG=1 at least; nothing: not at all.
  std::optional<core::Duration> watchdog() const noexcept { return watchdog_; }

 private:
  bool send(std::string_view lines) const noexcept;

  net::Fd socket_;
  std::optional<core::Duration> watchdog_;
};

}  // namespace mailrace::tools
