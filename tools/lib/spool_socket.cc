// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/lib/spool_socket.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mailrace::tools {
namespace {

net::Fd open_directory(const std::string& path) {
  return net::Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// However long the spool's path is: then it leads through /proc/self/fd, see `directory`.
sockaddr_un address_in(const std::string& spool, const net::Fd& directory, const char* name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = spool + "/" + name;
  if (path.size() >= sizeof address.sun_path) {
    path = "/proc/self/fd/" + std::to_string(directory.get()) + "/" + name;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

net::Fd make_socket(int type) {
  return net::Fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

}  // namespace

const char* SpoolSocket::listen(const std::string& spool, const char* name, int type, int backlog) {
  shown_name_ = name;
  name_ = shown_name_ + ".new";
  owner_ = ::geteuid();  // cannot be asked later
  directory_ = open_directory(spool);
  net::Fd socket = make_socket(type);
  if (!directory_.is_open() || !socket.is_open()) return "socket";
  ::unlinkat(directory_.get(), name_.c_str(), 0);
  const sockaddr_un address = address_in(spool, directory_, name_.c_str());
  // Nobody may connect before it is clear who may.
  const mode_t mask = ::umask(0177);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(mask);
  errno = error;
  struct stat status {};
  if (bound != 0 || ::listen(socket.get(), backlog) != 0 ||
      ::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return name;
  }
  place_ = {status.st_dev, status.st_ino};
  socket_ = std::move(socket);
  return nullptr;
}

bool SpoolSocket::show() {
  const int in = directory_.get();
  if (!is_open() || ::renameat(in, name_.c_str(), in, shown_name_.c_str()) != 0) return false;
  name_ = shown_name_;
  return true;
}

net::Fd SpoolSocket::accept(bool& nobody) const {
  net::Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  nobody = !client.is_open();
  if (nobody) return client;
  ucred credentials{};
  socklen_t bytes = sizeof credentials;
  const bool known = ::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) == 0;
  const bool may = known && (credentials.uid == 0 || credentials.uid == owner_);
  return may ? std::move(client) : net::Fd();
}

void SpoolSocket::close() {
  if (!socket_.is_open()) return;
  socket_.reset(-1);
  struct stat status {};
  const bool is_there =
      ::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  const bool is_ours = is_there && place_ == std::pair(status.st_dev, status.st_ino);
  if (is_ours) ::unlinkat(directory_.get(), name_.c_str(), 0);
}

net::Fd connect_spool_socket(const std::string& spool, const char* name, int type) {
  const net::Fd directory = open_directory(spool);
  net::Fd socket = make_socket(type);
  if (!directory.is_open() || !socket.is_open()) return {};
  const sockaddr_un address = address_in(spool, directory, name);
  const auto* const at = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(socket.get(), at, sizeof address) == 0 ? std::move(socket) : net::Fd();
}

}  // namespace mailrace::tools
