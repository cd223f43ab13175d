// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/lib/shared_tails.h"

#include "tools/lib/spool_socket.h"

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

// returns  nothing: it may still come; a descriptor that is not open: it is none
std::optional<net::Fd> receive_greeting(int socket, TailGreeting& greeting) {
  iovec piece{&greeting, sizeof greeting};
  alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return std::nullopt;
  const cmsghdr* const header = got >= 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  const bool has_descriptor = header != nullptr && header->cmsg_level == SOL_SOCKET &&
                              header->cmsg_type == SCM_RIGHTS &&
                              header->cmsg_len == CMSG_LEN(sizeof(int));
  if (!has_descriptor) return net::Fd();
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  net::Fd memory(fd);
  const bool whole = got == ssize_t{sizeof greeting} && greeting.magic == TailGreeting::kMagic;
  return whole ? std::move(memory) : net::Fd();
}

// Whether nobody can take the memory away from under a mapping.
bool is_lasting(int fd, uint64_t bytes) {
  struct stat status {};
  const int seals = ::fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && ::fstat(fd, &status) == 0 &&
         uint64_t(status.st_size) == bytes;
}

}  // namespace

// --- mapping -------------------------------------------------------------------------------------

SharedMapping::SharedMapping(int fd, size_t bytes, bool writable) noexcept {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* const memory = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return;
  memory_ = memory;
  bytes_ = bytes;
}

SharedMapping::SharedMapping(SharedMapping&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

SharedMapping& SharedMapping::operator=(SharedMapping&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  memory_ = std::exchange(other.memory_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

void SharedMapping::unmap() noexcept {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

// --- tails ---------------------------------------------------------------------------------------

void SharedTails::connect() {
  if (mapping_.is_mapped() && is_alive()) return;
  if (!socket_.is_open()) {
    socket_ = connect_spool_socket(spool_, kTailSocketName, SOCK_SEQPACKET);
    if (!socket_.is_open()) return;
  }
  TailGreeting greeting;
  const auto memory = receive_greeting(socket_.get(), greeting);
  if (!memory) return;
  const bool fits =
      memory->is_open() && greeting.workers > 0 && greeting.workers <= core::kWorkersMax;
  const uint64_t bytes = fits ? uint64_t{greeting.workers} * sizeof(spool::SharedTail) : 0;
  if (fits && is_lasting(memory->get(), bytes)) mapping_ = {memory->get(), bytes, false};
  first_worker_ = greeting.first_worker;
  if (!mapping_.is_mapped()) socket_.reset(-1);
}

bool SharedTails::is_alive() {
  if (!mapping_.is_mapped()) return false;
  std::byte octet{};
  const ssize_t got = ::recv(socket_.get(), &octet, sizeof octet, MSG_DONTWAIT | MSG_PEEK);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  mapping_ = {};
  socket_.reset(-1);
  return false;
}

std::optional<spool::TailReader> SharedTails::of(uint32_t worker) const {
  if (worker < first_worker_ || worker - first_worker_ >= mapping_.count()) return std::nullopt;
  return spool::TailReader(mapping_.tail(worker - first_worker_));
}

}  // namespace mailrace::tools
