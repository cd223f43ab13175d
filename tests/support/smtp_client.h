// SPDX-License-Identifier: GPL-3.0-or-later
// A blocking SMTP client for tests of a server in the same process.
#pragma once

#include "core/base/ip.h"
#include "net/fd.h"
#include "net/listener.h"
#include "net/socket_address.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <string>
#include <string_view>

namespace mailrace::tests {

/// One session: says what it is told and waits for the reply that it is told; throws away the rest.
class SmtpClient {
 public:
  /// Connects, and goes on until the server has answered EHLO.
  explicit SmtpClient(const core::Endpoint& server) {
    sockaddr_storage address;
    const socklen_t size = net::to_socket_address(server, address);
    socket_.reset(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    wait_for("220 ");
    say("EHLO client.example.net\r\n");
    wait_for("250 ");
  }

  /// As the server must see it.
  core::Endpoint endpoint() const { return *net::local_endpoint(socket_); }
  const net::Fd& socket() const { return socket_; }

  void say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(size_t(sent));
    }
  }

  /// Reads until a line begins with `start`; false if the server closes before.
  bool wait_for(std::string_view start) {
    while (true) {
      const size_t end = received_.find('\n');
      if (end != std::string::npos) {
        const bool found = received_.starts_with(start);
        received_.erase(0, end + 1);
        if (found) return true;
        continue;
      }
      std::array<char, 4096> buffer;
      const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (size <= 0) return false;
      received_.append(buffer.data(), size_t(size));
    }
  }

  /// Opens a transaction up to 354; one of its recipients is refused.
  bool begin_data() {
    say("MAIL FROM:<a@example.net> BODY=8BITMIME\r\nRCPT TO:<b@example.test>\r\n"
        "RCPT TO:<nobody@elsewhere.test>\r\nDATA\r\n");
    return wait_for("354 ");
  }

  /// data   as it goes over the wire, without its last CRLF
  bool send_mail(const std::string& data) {
    if (!begin_data()) return false;
    say(data + "\r\n.\r\n");
    return wait_for("250 2.0.0 accepted");
  }

 private:
  net::Fd socket_;
  std::string received_;
};

}  // namespace mailrace::tests
