// SPDX-License-Identifier: GPL-3.0-or-later
// Messages to a worker from outside: start, stop, drain. Never on the way of an octet.
#pragma once

#include "core/base/check.h"
#include "net/fd.h"
#include "net/ring.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace mailrace::net {

enum class Message : uint32_t {
  drain = 1,     // stop accepting, finish what is open, then end
  renewal = 2,   // there is one: Worker::renew()
  question = 4,  // Worker::ask()
  leave = 8,     // stop accepting, let sessions end by themselves for a while, then drain
  alone = 16,    // nobody else accepts at our sockets any more
};

/// A set of messages and an eventfd that wakes the worker's ring.
class Mailbox {
 public:
  Mailbox() : event_(::eventfd(0, EFD_CLOEXEC)) { MAILRACE_CHECK(event_.is_open()); }

  /// Any thread.
  void post(Message message) noexcept {
    messages_.fetch_or(uint32_t(message), std::memory_order_release);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
  }

  /// The worker: waits for the next message; Op::mailbox completes.
  void wait(Ring& ring) noexcept {
    io_uring_sqe& sqe = ring.next_sqe();
    io_uring_prep_read(&sqe, event_.get(), &count_, sizeof count_, 0);
    io_uring_sqe_set_data64(&sqe, Token{Op::mailbox, 0, 0}.pack());
  }

  /// The worker: takes the messages that are there, as a set of bits.
  uint32_t take() noexcept { return messages_.exchange(0, std::memory_order_acquire); }

 private:
  Fd event_;
  std::atomic<uint32_t> messages_{0};
  uint64_t count_ = 0;
};

}  // namespace mailrace::net
