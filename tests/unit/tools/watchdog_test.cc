// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/watchdog.h"

#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

namespace mailrace::tools {
namespace {

/// A service manager that wants to hear something every 40 ms.
class WatchdogTest : public testing::Test {
 protected:
  WatchdogTest() {
    const std::string path = directory_.path() + "/notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "40000", 1);
  }

  std::string hear() const {
    std::array<char, 256> memory;
    const ssize_t bytes = ::read(socket_.get(), memory.data(), memory.size());
    return bytes < 0 ? "" : std::string(memory.data(), size_t(bytes));
  }
  bool has_heard() const {
    char octet = 0;
    return ::recv(socket_.get(), &octet, 1, MSG_DONTWAIT) >= 0;
  }

  tests::TemporaryDirectory directory_;
  net::Fd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  Log log_{LogFormat::json, LogLevel::error};
};

TEST_F(WatchdogTest, IsFedOnlyWhileAllAreAlive) {
  const ServiceManager manager;
  EXPECT_EQ(::getenv("NOTIFY_SOCKET"), nullptr) << "what it starts is another process";
  std::atomic<bool> is_alive{true};
  std::atomic<int> asked{0};
  testing::internal::CaptureStdout();
  Watchdog watchdog(
      manager,
      [&] {
        ++asked;
        return is_alive.load();
      },
      log_);
  EXPECT_EQ(hear(), "WATCHDOG=1");
  is_alive = false;
  while (has_heard()) {
  }
  const int before = asked;
  while (asked < before + 4) ::usleep(1000);
  while (has_heard()) {  // of a question that was under way
  }
  const int later = asked;
  while (asked < later + 3) ::usleep(1000);
  EXPECT_FALSE(has_heard());
  is_alive = true;
  EXPECT_EQ(hear(), "WATCHDOG=1");
  watchdog.stop();
  const std::string said = testing::internal::GetCapturedStdout();
  EXPECT_EQ(said.find("\"watchdog\""), said.rfind("\"watchdog\"")) << "said once";
  EXPECT_NE(said.find("\"watchdog\""), std::string::npos);
}

TEST_F(WatchdogTest, IsNotWantedByWhoSaysNoTime) {
  for (const char* const time : {"0", "-5", "", "soon", "12x", "99999999999999999999"}) {
    ::setenv("NOTIFY_SOCKET", (directory_.path() + "/notify").c_str(), 1);
    ::setenv("WATCHDOG_USEC", time, 1);
    EXPECT_FALSE(ServiceManager().watchdog()) << time;
  }
}

}  // namespace
}  // namespace mailrace::tools
