// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/service_manager.h"

#include "core/base/limits.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace mailrace::tools {
namespace {

constexpr std::chrono::milliseconds kPause(10);

std::string take(const char* name) {
  const char* const value = ::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  ::unsetenv(name);
  return taken;
}

std::optional<int64_t> parse(const std::string& text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A path, or @NAME in the abstract namespace.
net::Fd connect(const std::string& place) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (place.size() < 2 || place.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, place.data(), place.size());
  if (place[0] == '@') address.sun_path[0] = '\0';
  const auto bytes = socklen_t(offsetof(sockaddr_un, sun_path) + place.size());
  net::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return {};
  const int connected = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), bytes);
  return connected == 0 ? std::move(socket) : net::Fd();
}

}  // namespace

ServiceManager::ServiceManager() : socket_(connect(take("NOTIFY_SOCKET"))) {
  const auto interval_us = parse(take("WATCHDOG_USEC"));
  const auto pid = parse(take("WATCHDOG_PID"));
  const bool is_for_us = !pid || *pid == ::getpid();
  if (socket_.is_open() && is_for_us && interval_us && *interval_us > 0) {
    watchdog_ = core::microseconds(*interval_us);
  }
}

// write(2), because a server that runs may make no other call for it. It never blocks: a service
// manager that is stuck must not keep the server from hearing signals.
bool ServiceManager::send(std::string_view lines) const noexcept {
  if (!socket_.is_open()) return true;
  return ::write(socket_.get(), lines.data(), lines.size()) >= 0 || errno != EAGAIN;
}

void ServiceManager::tell(std::string_view lines) const noexcept { send(lines); }

void ServiceManager::tell_ready(std::string_view lines) const {
  const std::string text = "READY=1\n" + std::string(lines);
  for (int i = 0; i < core::kNotifyAttemptsMax && !send(text); ++i)
    std::this_thread::sleep_for(kPause);
}

void ServiceManager::tell_reloading(core::Instant now) const noexcept {
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.ns / 1000));
}

}  // namespace mailrace::tools
