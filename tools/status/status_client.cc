// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/status/status_client.h"

#include "core/base/limits.h"
#include "tools/lib/spool_socket.h"
#include "tools/serve/status_service.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace mailrace::tools {
namespace {

// Each wait is bounded, and the server's answers are of a bounded number of pieces.
bool wait_for(int socket) {
  pollfd input{socket, POLLIN, 0};
  return ::poll(&input, 1, int{core::kStatusTimeoutS} * 1000) > 0;
}

}  // namespace

tl::expected<std::string, std::string> ask_server(const std::string& spool,
                                                  std::string_view question) {
  const net::Fd socket = connect_spool_socket(spool, kStatusSocketName, SOCK_STREAM);
  if (!socket.is_open()) {
    return tl::unexpected("no server that may be asked runs on " + spool + ": " +
                          std::strerror(errno));
  }
  const std::string line = std::string(question) + "\n";
  const ssize_t sent = ::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL);
  if (sent != ssize_t(line.size()))
    return tl::unexpected(std::string("the server does not listen"));
  std::string answer;
  std::array<char, 16384> octets;
  while (answer.size() < core::kStatusAnswerBytesMax) {
    if (!wait_for(socket.get())) return tl::unexpected(std::string("the server does not answer"));
    const ssize_t got = ::read(socket.get(), octets.data(), octets.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return tl::unexpected(std::string("the server hung up: ") + std::strerror(errno));
    if (got == 0) break;
    answer.append(octets.data(), size_t(got));
  }
  if (answer.empty()) return tl::unexpected(std::string("the server does not know how to answer"));
  return answer;
}

Flag asked_spool_flag(std::string* spool) {
  return text_flag("spool", spool, "DIR", "the spool of the server that is asked");
}

}  // namespace mailrace::tools
