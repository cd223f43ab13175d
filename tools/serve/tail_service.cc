// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/tail_service.h"

#include "core/base/limits.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace mailrace::tools {
namespace {

std::string failed(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

// Of a fixed length, so that nobody can take it away from under a mapping.
net::Fd make_memory(size_t bytes, SharedMapping& mapping) {
  net::Fd memory(::memfd_create("mailrace-tail", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.is_open() || ::ftruncate(memory.get(), off_t(bytes)) != 0) return {};
  mapping = {memory.get(), bytes, true};
  if (!mapping.is_mapped()) return {};
  ::madvise(&mapping.tail(0), bytes, MADV_DONTDUMP);  // it is mail
  const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  return ::fcntl(memory.get(), F_ADD_SEALS, seals) == 0 ? std::move(memory) : net::Fd();
}

net::Fd listen_at(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return {};
  net::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return {};
  ::unlink(path.c_str());
  // Nobody may connect before it is clear who may.
  const mode_t mask = ::umask(0177);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const int error = errno;
  ::umask(mask);
  errno = error;
  if (bound != 0 || ::listen(socket.get(), core::kTailReadersMax) != 0) return {};
  return socket;
}

bool may_read(const net::Fd& reader, uid_t owner) {
  ucred credentials{};
  socklen_t bytes = sizeof credentials;
  if (::getsockopt(reader.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) return false;
  return credentials.uid == 0 || credentials.uid == owner;
}

bool greet(const net::Fd& reader, const net::Fd& memory, uint64_t workers) {
  TailGreeting greeting{.workers = workers};
  iovec piece{&greeting, sizeof greeting};
  alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = memory.get();
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return ::sendmsg(reader.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) == ssize_t{sizeof greeting};
}

}  // namespace

std::optional<std::string> TailService::open(const std::string& spool, uint32_t workers) {
  SharedMapping mapping;
  net::Fd memory = make_memory(workers * sizeof(spool::SharedTail), mapping);
  if (!memory.is_open()) return failed("cannot share memory");
  directory_.reset(::open(spool.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  socket_ = listen_at(tail_socket_path(spool, directory_));
  struct stat status {};
  if (!socket_.is_open() ||
      ::fstatat(directory_.get(), kTailSocketName, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return failed(kTailSocketName);
  }
  place_ = {status.st_dev, status.st_ino};
  owner_ = ::geteuid();  // cannot be asked later
  memory_ = std::move(memory);
  mapping_ = std::move(mapping);
  for (uint32_t worker = 0; worker < workers; ++worker) {
    writers_.push_back(std::make_unique<spool::TailWriter>(mapping_.tail(worker)));
  }
  return std::nullopt;
}

spool::TailWriter* TailService::writer(uint32_t worker) noexcept {
  return worker < writers_.size() ? writers_[worker].get() : nullptr;
}

void TailService::look(bool is_ours) {
  if (!socket_.is_open()) return;
  if (is_ours) {
    forget_gone();
  } else {
    readers_.clear();
  }
  for (size_t turns = 0; turns < core::kTailReadersMax; ++turns) {
    net::Fd reader(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!reader.is_open()) break;
    if (is_ours) let_in(std::move(reader));
  }
  const bool is_read = !readers_.empty();
  for (const auto& writer : writers_) writer->set_wanted(is_read);
  if (is_read) {
    looks_unread_ = 0;
  } else if (looks_unread_ < core::kTailLooksUnreadMax &&
             ++looks_unread_ == core::kTailLooksUnreadMax) {
    give_memory_back();
  }
}

void TailService::give_memory_back() {
  for (uint32_t worker = 0; worker < writers_.size(); ++worker) {
    spool::SharedTail& tail = mapping_.tail(worker);
    // Zeros say that nothing is there.
    if (writers_[worker]->forget()) ::madvise(&tail, sizeof tail, MADV_REMOVE);
  }
}

void TailService::let_in(net::Fd reader) {
  if (readers_.size() >= core::kTailReadersMax || !may_read(reader, owner_)) return;
  // Pages that are not there when they are touched would be the end of the process.
  const auto bytes = off_t(writers_.size() * sizeof(spool::SharedTail));
  if (readers_.empty() && ::fallocate(memory_.get(), 0, 0, bytes) != 0) return;
  // What is written from now on has to be there when he looks.
  for (const auto& writer : writers_) writer->set_wanted(true);
  if (greet(reader, memory_, writers_.size())) readers_.push_back(std::move(reader));
}

void TailService::forget_gone() {
  std::erase_if(readers_, [](const net::Fd& reader) {
    std::byte octet{};
    const ssize_t got = ::recv(reader.get(), &octet, sizeof octet, MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EINTR);
  });
}

void TailService::close() {
  readers_.clear();
  if (!socket_.is_open()) return;
  socket_.reset(-1);
  struct stat status {};
  const bool is_there =
      ::fstatat(directory_.get(), kTailSocketName, &status, AT_SYMLINK_NOFOLLOW) == 0;
  const bool is_ours = is_there && place_ == std::pair(status.st_dev, status.st_ino);
  if (is_ours) ::unlinkat(directory_.get(), kTailSocketName, 0);
}

}  // namespace mailrace::tools
