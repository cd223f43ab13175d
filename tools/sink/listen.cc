// SPDX-License-Identifier: GPL-3.0-or-later
// At an address each worker has a socket of its own and the kernel spreads connections over them.
// There is one UNIX socket at a path, so workers accept at the same one.
#include "tools/sink/listen.h"

#include "core/base/limits.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr size_t kUnixPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

// returns   not open, with errno set
net::Fd listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  net::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return socket;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), core::kListenBacklog) != 0) {
    socket.reset(-1);
  }
  return socket;
}

std::string text_of(const core::Endpoint& endpoint) {
  std::array<char, core::kIpAddressTextBytesMax + 8> memory;
  core::TextBuilder text(memory.data(), memory.size());
  core::add_endpoint(text, endpoint);
  return std::string(text.text());
}

}  // namespace

std::optional<SinkAddress> parse_sink_address(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) {
    const std::string_view path = text.substr(kUnixPrefix.size());
    if (path.empty() || path.size() > kUnixPathBytesMax) return std::nullopt;
    return UnixPath{std::string(path)};
  }
  const auto endpoint = core::parse_endpoint(text);
  return endpoint ? std::optional<SinkAddress>(*endpoint) : std::nullopt;
}

SinkListeners::~SinkListeners() {
  for (const std::string& path : paths_) ::unlink(path.c_str());
}

std::string SinkListeners::open(const std::vector<std::string>& addresses, uint32_t workers) {
  sockets_.resize(workers);
  for (const std::string& text : addresses) {
    const auto address = parse_sink_address(text);
    const auto* const path = std::get_if<UnixPath>(&*address);
    const bool opened =
        path != nullptr ? open_path(*path) : open_endpoint(std::get<core::Endpoint>(*address));
    if (!opened) return "--listen: " + text + ": " + std::strerror(errno);
  }
  return {};
}

bool SinkListeners::open_endpoint(const core::Endpoint& endpoint) {
  core::Endpoint place = endpoint;
  for (size_t worker = 0; worker < sockets_.size(); ++worker) {
    auto socket =
        net::open_listener(place, worker == 0 ? net::Sharing::first : net::Sharing::joined);
    const auto found = socket ? net::local_endpoint(*socket) : tl::unexpected(socket.error());
    if (!found) {
      errno = found.error().sys_errno;
      return false;
    }
    place = *found;
    sockets_[worker].push_back({std::move(*socket), {}});
  }
  places_.push_back(text_of(place));
  return true;
}

bool SinkListeners::open_path(const UnixPath& address) {
  const net::Fd socket = listen_at(address.path);
  if (!socket.is_open()) return false;
  paths_.push_back(address.path);
  for (auto& sockets : sockets_) {
    net::Fd shared(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
    if (!shared.is_open()) return false;
    sockets.push_back({std::move(shared), {}});
  }
  places_.push_back(std::string(kUnixPrefix) + address.path);
  return true;
}

}  // namespace mailrace::tools
