// SPDX-License-Identifier: GPL-3.0-or-later
// Each set-up flag has its reason beside it; net/ENGINE.md has the longer story.
#include "net/ring.h"

#include "core/base/limits.h"
#include "net/fd.h"
#include "net/ring_restrictions.h"

#include <sched.h>
#include <sys/socket.h>

#include <cerrno>

namespace mailrace::net {

Ring::~Ring() {
  if (is_open_) io_uring_queue_exit(&ring_);
}

core::Result<void> Ring::set_up(uint32_t entries, uint32_t more_flags) noexcept {
  MAILRACE_CHECK(!is_open_);
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER    // one thread submits: the kernel skips its lock
                 | IORING_SETUP_DEFER_TASKRUN  // completions run when we enter, never in between
                 | IORING_SETUP_TASKRUN_FLAG   // and we see whether there are any
                 | IORING_SETUP_SUBMIT_ALL     // one bad entry does not hold up those behind it
                 | more_flags;
  params.cq_entries = core::kCompletionEntries;
  const int result = io_uring_queue_init_params(entries, &ring_, &params);
  if (result < 0) return core::fail_errno(result, "io_uring_setup");
  is_open_ = true;
  return {};
}

core::Result<void> Ring::open(uint32_t direct_count, const RingFeatures& usable, RingUse use) {
  // With a ring of its own: a restricted one cannot be asked.
  Ring asked;
  if (auto found = asked.find_features(usable); !found) return found;
  features_ = asked.features_;
  auto made = set_up(core::kSubmissionEntries,
                     IORING_SETUP_CQSIZE              // multishots complete more than they submit
                         | IORING_SETUP_R_DISABLED);  // until its restrictions stand
  if (!made) return made;
  if (auto table = make_direct_table(direct_count); !table) return table;
  if (use == RingUse::worker) {
    if (auto restricted = restrict_ring(ring_, features_); !restricted) return restricted;
  }
  io_uring_register_ring_fd(&ring_);  // saves a descriptor look-up per enter; optional
  if (const int result = io_uring_enable_rings(&ring_); result < 0) {
    return core::fail_errno(result, "io_uring_enable_rings");
  }
  return {};
}

core::Result<void> Ring::make_direct_table(uint32_t count) noexcept {
  if (count == 0 || !features_.socket_commands) return {};
  const int result = io_uring_register_files_sparse(&ring_, count);
  // RLIMIT_NOFILE bounds this table as well. Plain descriptors are fewer then, but they do.
  if (result == -EMFILE) features_.socket_commands = false;
  if (result < 0 && result != -EMFILE) return core::fail_errno(result, "io_uring_register_files");
  return {};
}

core::Result<void> Ring::find_features(const RingFeatures& usable) noexcept {
  if (auto made = set_up(/*entries=*/4, /*more_flags=*/0); !made) return made;
  if (io_uring_probe* const probe = io_uring_get_probe_ring(&ring_)) {
    features_.truncate =
        usable.truncate && io_uring_opcode_supported(probe, IORING_OP_FTRUNCATE) != 0;
    io_uring_free_probe(probe);
  }
  // The opcode alone says nothing about socket commands, so one is tried: a fresh socket has no
  // peer, and ENOTCONN proves that the question was understood. It also is the first that is
  // submitted at all: a filter may let a ring be set up and then forbid its use.
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage peer{};
  io_uring_prep_cmd_sock(&next_sqe(), SOCKET_URING_OP_GETSOCKOPT, socket.get(), SOL_SOCKET,
                         SO_PEERNAME, &peer, sizeof peer);
  uint32_t completed = 0;
  while (completed == 0) {
    const int result = io_uring_submit_and_wait(&ring_, 1);
    if (result < 0 && result != -EINTR) return core::fail_errno(result, "io_uring_enter");
    completed = visit_completions([&](const io_uring_cqe& cqe) {
      features_.socket_commands = usable.socket_commands && cqe.res == -ENOTCONN;
    });
  }
  return {};
}

io_uring_sqe& Ring::next_sqe() noexcept {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  for (int i = 0; sqe == nullptr && i < core::kSubmitAttemptsMax; ++i) {
    // EAGAIN: no memory for now.
    if (io_uring_submit(&ring_) == -EAGAIN) ::sched_yield();
    sqe = io_uring_get_sqe(&ring_);
  }
  MAILRACE_CHECK(sqe != nullptr);
  return *sqe;
}

bool Ring::submit_and_wait() noexcept {
  const int result = io_uring_submit_and_wait(&ring_, 1);
  if (result >= 0) return true;
  // EBUSY: the completion queue overflowed and must be walked first; EAGAIN: no memory for now.
  MAILRACE_CHECK(result == -EINTR || result == -EBUSY || result == -EAGAIN);
  return result != -EINTR;
}

}  // namespace mailrace::net
