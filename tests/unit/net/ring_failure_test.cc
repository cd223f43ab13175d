// SPDX-License-Identifier: GPL-3.0-or-later
// What an operator reads where io_uring cannot be used: the cause, and the fix that goes with it.
#include "net/ring_failure.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace mailrace::net {
namespace {

const RingHost kPlainHost{};
const RingHost kOpenHost{.io_uring_disabled = "0"};
const RingHost kDisabledHost{.io_uring_disabled = "2"};
const RingHost kFilteredHost{.io_uring_disabled = "0", .under_seccomp = true};
const RingHost kBothHost{.io_uring_disabled = "1", .under_seccomp = true};

struct Row {
  int sys_errno;
  const RingHost& host;
  const char* cause;
  const char* fix;
};

TEST(RingFailureTest, NamesTheCauseAndTheFix) {
  for (const Row& row : {
           Row{EPERM, kDisabledHost, "kernel.io_uring_disabled=2",
               "sysctl -w kernel.io_uring_disabled=0"},
           Row{EPERM, kBothHost, "kernel.io_uring_disabled=1",
               "sysctl -w kernel.io_uring_disabled=0"},
           Row{EPERM, kFilteredHost, "seccomp", "io_uring_setup, io_uring_enter and io_uring_reg"},
           Row{ENOSYS, kFilteredHost, "seccomp", "io_uring_setup, io_uring_enter and io_uring_reg"},
           Row{ENOSYS, kBothHost, "seccomp", "io_uring_setup, io_uring_enter and io_uring_reg"},
           Row{ENOSYS, kPlainHost, "no io_uring", "Linux 6.1"},
           Row{ENOSYS, kOpenHost, "no io_uring", "Linux 6.1"},
           Row{EINVAL, kPlainHost, "too old", "Linux 6.1"},
           Row{EINVAL, kFilteredHost, "too old", "Linux 6.1"},
           Row{ENOMEM, kOpenHost, "memory", "RLIMIT_MEMLOCK"},
           Row{EMFILE, kOpenHost, "descriptors", "RLIMIT_NOFILE"},
       }) {
    const std::string text =
        explain_ring_failure({.sys_errno = row.sys_errno, .where = "io_uring_setup"}, row.host);
    SCOPED_TRACE(text);
    const size_t fix_at = text.find("; fix: ");
    ASSERT_NE(fix_at, std::string::npos);
    EXPECT_NE(text.substr(0, fix_at).find(row.cause), std::string::npos) << row.cause;
    EXPECT_NE(text.substr(fix_at).find(row.fix), std::string::npos) << row.fix;
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
}

TEST(RingFailureTest, SaysWhatItKnowsOfTheRest) {
  for (const int sys_errno : {EPERM, EFAULT, EAGAIN}) {
    const std::string text = explain_ring_failure(
        {.sys_errno = sys_errno, .where = "io_uring_register_buf_ring"}, kOpenHost);
    SCOPED_TRACE(text);
    EXPECT_NE(text.find("io_uring_register_buf_ring: "), std::string::npos);
    EXPECT_EQ(text.find("fix:"), std::string::npos);
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
}

TEST(RingFailureTest, ReadsTheHost) {
  const RingHost host = ring_host();
  EXPECT_LE(host.io_uring_disabled.size(), 1u) << host.io_uring_disabled;
}

}  // namespace
}  // namespace mailrace::net
