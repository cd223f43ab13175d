// SPDX-License-Identifier: GPL-3.0-or-later
// Each set-up flag has its reason beside it; net/ENGINE.md has the longer story.
#include "net/ring.h"

#include "core/base/limits.h"
#include "net/fd.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace mailrace::net {
namespace {

// Octets of a small file under /proc, or an empty text.
std::string slurp(const char* path) {
  std::string text;
  if (std::FILE* const file = std::fopen(path, "re")) {
    char buffer[4096];
    text.assign(buffer, std::fread(buffer, 1, sizeof buffer, file));
    std::fclose(file);
  }
  return text;
}

bool under_seccomp() {
  const std::string status = slurp("/proc/self/status");
  const size_t at = status.find("\nSeccomp:\t");
  return at != std::string::npos && status.compare(at + 10, 1, "0") != 0;
}

std::string explain(int error) {
  const std::string disabled = slurp("/proc/sys/kernel/io_uring_disabled");
  if (error == EPERM && !disabled.empty() && disabled[0] != '0') {
    return "io_uring is switched off by kernel.io_uring_disabled=" + disabled.substr(0, 1) +
           "; fix: sysctl -w kernel.io_uring_disabled=0";
  }
  if ((error == EPERM || error == ENOSYS) && under_seccomp()) {
    return "io_uring is blocked by a seccomp filter (a container's default profile?); fix: allow "
           "io_uring_setup, io_uring_enter and io_uring_register in the profile";
  }
  if (error == ENOSYS) return "this kernel has no io_uring; fix: run Linux 6.1 or newer";
  if (error == EINVAL) {
    return "this kernel's io_uring is too old (no deferred task running); fix: run Linux 6.1 or "
           "newer";
  }
  if (error == ENOMEM) {
    return "io_uring could not lock memory; fix: raise RLIMIT_MEMLOCK (LimitMEMLOCK=infinity)";
  }
  return std::string("io_uring could not be set up: ") + std::strerror(error);
}

}  // namespace

Ring::~Ring() {
  if (is_open_) io_uring_queue_exit(&ring_);
}

core::Result<void> Ring::open(uint32_t direct_count) {
  MAILRACE_CHECK(!is_open_);
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER    // one thread submits: the kernel skips its lock
                 | IORING_SETUP_DEFER_TASKRUN  // completions run when we wait, never in between
                 | IORING_SETUP_CQSIZE         // multishots complete more often than they submit
                 | IORING_SETUP_SUBMIT_ALL;    // one bad entry does not hold up those behind it
  params.cq_entries = core::kCompletionEntries;
  int result = io_uring_queue_init_params(core::kSubmissionEntries, &ring_, &params);
  if (result < 0) return core::fail_errno(result, "io_uring_setup");
  is_open_ = true;
  io_uring_register_ring_fd(&ring_);  // saves a descriptor look-up per enter; optional
  if (direct_count > 0) {
    result = io_uring_register_files_sparse(&ring_, direct_count);
    if (result < 0) return core::fail_errno(result, "io_uring_register_files");
  }
  find_features();
  return {};
}

void Ring::find_features() noexcept {
  if (io_uring_probe* const probe = io_uring_get_probe_ring(&ring_)) {
    features_.truncate = io_uring_opcode_supported(probe, IORING_OP_FTRUNCATE);
    io_uring_free_probe(probe);
  }
  // The opcode alone says nothing about socket commands, so one is tried: a fresh socket has no
  // peer, and ENOTCONN proves that the question was understood.
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return;
  sockaddr_storage peer{};
  io_uring_prep_cmd_sock(&next_sqe(), SOCKET_URING_OP_GETSOCKOPT, socket.get(), SOL_SOCKET,
                         SO_PEERNAME, &peer, sizeof peer);
  io_uring_submit_and_wait(&ring_, 1);
  visit_completions(
      [this](const io_uring_cqe& cqe) { features_.socket_commands = cqe.res == -ENOTCONN; });
}

io_uring_sqe& Ring::next_sqe() noexcept {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (sqe == nullptr) {
    io_uring_submit(&ring_);
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

std::string ring_unavailable() {
  Ring ring;
  const auto opened = ring.open(8);
  if (!opened) return explain(opened.error().sys_errno);
  int error = 0;
  io_uring_buf_ring* const buffers = io_uring_setup_buf_ring(&ring.handle(), 8, 0, 0, &error);
  if (buffers == nullptr) return explain(-error);
  io_uring_free_buf_ring(&ring.handle(), buffers, 8, 0);
  return {};
}

}  // namespace mailrace::net
