// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/status_service.h"

#include "core/base/ip.h"
#include "core/base/limits.h"
#include "net/socket_address.h"
#include "net/system_clock.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace mailrace::tools {
namespace {

// Bound alone; from then on it may be joined, by a server that takes our place.
net::Fd listen_at(const core::Endpoint& endpoint, bool joins) {
  sockaddr_storage address{};
  const socklen_t size = net::to_socket_address(endpoint, address);
  net::Fd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  const auto set = [&](int option) {
    return ::setsockopt(socket.get(), SOL_SOCKET, option, &on, sizeof on) == 0;
  };
  const bool bound = socket.is_open() && set(SO_REUSEADDR) && (!joins || set(SO_REUSEPORT)) &&
                     ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                     set(SO_REUSEPORT) && ::listen(socket.get(), int{core::kStatusClientsMax}) == 0;
  return bound ? std::move(socket) : net::Fd();
}

}  // namespace

std::optional<std::string> StatusService::open_metrics(const std::string& address, bool joins) {
  const auto endpoint = core::parse_endpoint(address);
  metrics_ = endpoint ? listen_at(*endpoint, joins) : net::Fd();
  if (!metrics_.is_open()) return "--metrics-listen " + address + ": " + std::strerror(errno);
  server_.listen(
      metrics_.get(),
      [this](bool& nobody) {
        net::Fd client(::accept4(metrics_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        nobody = !client.is_open();
        return client;
      },
      TextProtocol::http,
      [this](std::string_view target) {
        return target == "/metrics" || target == "/"
                   ? metrics_text(sources_, net::SystemClock().now(), false)
                   : std::string();
      });
  return std::nullopt;
}

std::optional<std::string> StatusService::open_socket(const std::string& spool) {
  if (const char* what =
          socket_.listen(spool, kStatusSocketName, SOCK_STREAM, int{core::kStatusClientsMax})) {
    return std::string(what) + ": " + std::strerror(errno);
  }
  server_.listen(
      socket_.descriptor(), [this](bool& nobody) { return socket_.accept(nobody); },
      TextProtocol::line, [this](std::string_view question) { return answer(question); });
  return std::nullopt;
}

std::string StatusService::answer(std::string_view question) const {
  const core::Instant now = net::SystemClock().now();
  if (question == "text") return status_text(sources_, now);
  if (question == "line") return status_line(sources_);
  if (question == "json") return status_json(sources_, now);
  if (question == "metrics") return metrics_text(sources_, now, true);
  return {};
}

void StatusService::start(StatusSources sources,
                          std::function<void(const StatusSources&)> every_second) {
  sources_ = std::move(sources);
  every_second_ = std::move(every_second);
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  thread_ = std::thread([this] { run(); });
}

void StatusService::stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  while (::write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  socket_.close();
}

void StatusService::run() {
  net::SystemClock clock;
  core::Instant next = clock.now();
  while (!server_.serve(wake_.get(), core::milliseconds(500), clock.now())) {
    if (leaving_.load(std::memory_order_relaxed) && metrics_.is_open()) {
      server_.close(metrics_.get(), clock.now());
      metrics_.reset(-1);
    }
    if (clock.now() < next) continue;
    next = clock.now() + core::seconds(1);
    if (every_second_) every_second_(sources_);
  }
}

}  // namespace mailrace::tools
