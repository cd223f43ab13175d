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

bool greet(const net::Fd& reader, const net::Fd& memory, const TailGreeting& greeting_sent) {
  TailGreeting greeting = greeting_sent;
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

std::optional<std::string> TailService::open(const std::string& spool, WorkerRange workers) {
  SharedMapping mapping;
  net::Fd memory = make_memory(workers.count * sizeof(spool::SharedTail), mapping);
  if (!memory.is_open()) return failed("cannot share memory");
  if (const char* what =
          socket_.listen(spool, kTailSocketName, SOCK_SEQPACKET, core::kTailReadersMax)) {
    return failed(what);
  }
  memory_ = std::move(memory);
  mapping_ = std::move(mapping);
  first_worker_ = workers.first;
  for (uint32_t worker = 0; worker < workers.count; ++worker) {
    writers_.push_back(std::make_unique<spool::TailWriter>(mapping_.tail(worker)));
  }
  return std::nullopt;
}

spool::TailWriter* TailService::writer(uint32_t worker) noexcept {
  const bool is_ours = worker >= first_worker_ && worker - first_worker_ < writers_.size();
  return is_ours ? writers_[worker - first_worker_].get() : nullptr;
}

void TailService::look(bool is_ours) {
  if (!socket_.is_open()) return;
  if (is_ours) {
    forget_gone();
  } else {
    readers_.clear();
  }
  for (size_t turns = 0; turns < core::kTailReadersMax; ++turns) {
    bool nobody = false;
    net::Fd reader = socket_.accept(nobody);
    if (nobody) break;
    if (is_ours && reader.is_open()) let_in(std::move(reader));
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
  if (readers_.size() >= core::kTailReadersMax) return;
  // Pages that are not there when they are touched would be the end of the process.
  const auto bytes = off_t(writers_.size() * sizeof(spool::SharedTail));
  if (readers_.empty() && ::fallocate(memory_.get(), 0, 0, bytes) != 0) return;
  // What is written from now on has to be there when he looks.
  for (const auto& writer : writers_) writer->set_wanted(true);
  const TailGreeting greeting{.workers = uint32_t(writers_.size()), .first_worker = first_worker_};
  if (greet(reader, memory_, greeting)) readers_.push_back(std::move(reader));
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
  socket_.close();
}

}  // namespace mailrace::tools
