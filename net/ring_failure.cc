// SPDX-License-Identifier: GPL-3.0-or-later
// An errno has several causes; what the host says about itself tells them apart.
#include "net/ring_failure.h"

#include "core/base/limits.h"
#include "net/ring.h"

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

core::Result<void> try_ring(uint32_t direct_count) {
  Ring ring;
  if (auto opened = ring.open(direct_count); !opened) return opened;
  int error = 0;
  io_uring_buf_ring* const buffers = io_uring_setup_buf_ring(&ring.handle(), 8, 0, 0, &error);
  if (buffers == nullptr) return core::fail_errno(error, "io_uring_register_buf_ring");
  io_uring_free_buf_ring(&ring.handle(), buffers, 8, 0);
  return {};
}

}  // namespace

RingHost ring_host() {
  const std::string disabled = slurp("/proc/sys/kernel/io_uring_disabled");
  return {.io_uring_disabled = disabled.substr(0, disabled.find('\n')),
          .under_seccomp = under_seccomp()};
}

std::string explain_ring_failure(const core::Error& error, const RingHost& host) {
  const bool disabled = !host.io_uring_disabled.empty() && host.io_uring_disabled != "0";
  switch (error.sys_errno) {
    case EPERM:
      if (disabled) {
        return "io_uring is switched off by kernel.io_uring_disabled=" + host.io_uring_disabled +
               "; fix: sysctl -w kernel.io_uring_disabled=0";
      }
      [[fallthrough]];
    case ENOSYS:
      if (host.under_seccomp) {
        return "io_uring is blocked by a seccomp filter (a container's default profile?); fix: "
               "allow io_uring_setup, io_uring_enter and io_uring_register in the profile";
      }
      if (error.sys_errno == EPERM) break;
      return "this kernel has no io_uring; fix: run Linux 6.1 or newer";
    case EINVAL:
      return "this kernel's io_uring is too old (no deferred task running); fix: run Linux 6.1 or "
             "newer";
    case ENOMEM:
      return "io_uring could not lock memory, of which each worker needs about 1 MiB; fix: raise "
             "RLIMIT_MEMLOCK (LimitMEMLOCK=infinity), or run fewer threads";
    case EMFILE:
      return "io_uring needs more file descriptors; fix: raise RLIMIT_NOFILE to " +
             std::to_string(core::kConnectionsPerWorkerMax) +
             " or more (LimitNOFILE=" + std::to_string(core::kConnectionsPerWorkerMax) + ")";
    default:
      break;
  }
  return std::string("io_uring could not be set up: ") + error.where + ": " +
         std::strerror(error.sys_errno);
}

std::string ring_unavailable(uint32_t direct_count) {
  const auto tried = try_ring(direct_count);
  return tried ? std::string() : explain_ring_failure(tried.error(), ring_host());
}

}  // namespace mailrace::net
