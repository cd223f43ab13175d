// SPDX-License-Identifier: GPL-3.0-or-later
// No connect, no openat2, no sendmsg, no splice, no msg_ring, no command to anything but a socket;
// no new descriptors, buffers or eventfds once the worker stands but those that it sets up.
#include "net/ring_restrictions.h"

#include "core/base/check.h"

#include <array>
#include <cstddef>
#include <span>

namespace mailrace::net {
namespace {

constexpr auto kOperations = std::to_array<uint8_t>({
    IORING_OP_NOP,
    IORING_OP_TIMEOUT,
    IORING_OP_READ,  // of the mailbox's eventfd
    IORING_OP_ACCEPT,
    IORING_OP_URING_CMD,  // SO_PEERNAME of a socket
    IORING_OP_RECV,
    IORING_OP_SEND,
    IORING_OP_SHUTDOWN,
    IORING_OP_CLOSE,
    IORING_OP_ASYNC_CANCEL,
    IORING_OP_OPENAT,
    IORING_OP_RENAMEAT,
    IORING_OP_FALLOCATE,
    IORING_OP_WRITEV,
    IORING_OP_WRITE_FIXED,
    IORING_OP_FSYNC,
    IORING_OP_FADVISE,
    IORING_OP_SYNC_FILE_RANGE,
});

// What a worker registers when its ring is enabled already.
constexpr auto kRegistrations = std::to_array<uint8_t>({
    IORING_REGISTER_PBUF_RING,
    IORING_UNREGISTER_PBUF_RING,
    IORING_REGISTER_BUFFERS,
    IORING_REGISTER_IOWQ_AFF,
    IORING_UNREGISTER_RING_FDS,
});

constexpr uint8_t kFlags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT | IOSQE_IO_HARDLINK;

class Restrictions {
 public:
  void add(uint16_t kind, uint8_t value) noexcept {
    MAILRACE_CHECK(count_ < rules_.size());
    io_uring_restriction& rule = rules_[count_++];
    rule.opcode = kind;
    rule.sqe_op = value;  // or register_op, or sqe_flags: a union
  }
  int register_with(io_uring& ring) noexcept {
    return io_uring_register_restrictions(&ring, rules_.data(), count_);
  }

 private:
  std::array<io_uring_restriction, kOperations.size() + kRegistrations.size() + 2> rules_{};
  unsigned count_ = 0;
};

}  // namespace

core::Result<void> restrict_ring(io_uring& ring, const RingFeatures& features) noexcept {
  Restrictions rules;
  for (const uint8_t operation : kOperations) rules.add(IORING_RESTRICTION_SQE_OP, operation);
  if (features.truncate) rules.add(IORING_RESTRICTION_SQE_OP, IORING_OP_FTRUNCATE);
  for (const uint8_t operation : kRegistrations) {
    rules.add(IORING_RESTRICTION_REGISTER_OP, operation);
  }
  rules.add(IORING_RESTRICTION_SQE_FLAGS_ALLOWED, kFlags);
  if (const int result = rules.register_with(ring); result < 0) {
    return core::fail_errno(result, "io_uring_register_restrictions");
  }
  return {};
}

}  // namespace mailrace::net
