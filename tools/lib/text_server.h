// SPDX-License-Identifier: GPL-3.0-or-later
// Short questions and answers as text, over sockets: a line, or HTTP.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"
#include "net/fd.h"

#include <poll.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// How a client asks.
enum class TextProtocol : uint8_t {
  line,  // one line; the answer is all that comes
  http,  // HTTP/1.1, one request
};

/// Serves kStatusClientsMax clients of each listener at a time on the caller's thread, none of
/// which can keep the others waiting for longer than kStatusTimeoutS.
class TextServer {
 public:
  /// Answers a line without its end, or what was asked for by GET, like "/metrics". An empty answer
  /// to HTTP is 404.
  using Answer = std::function<std::string(std::string_view request)>;
  /// Takes the next client of a listener. returns  not open, `nobody` set: none waits
  using Accept = std::function<net::Fd(bool& nobody)>;

  /// listener   as long as this lives
  void listen(int listener, Accept accept, TextProtocol protocol, Answer answer);

  /// Serves who has come already, and nobody from then on. listener   what listen() was given;
  /// it may be closed afterwards
  void close(int listener, core::Instant now);

  /// Waits for `time` at most, or until `wake` can be read, and does what is to be done.
  /// returns   whether `wake` could be read
  bool serve(int wake, core::Duration time, core::Instant now);

 private:
  struct Listener {
    int descriptor;  // -1: closed
    Accept accept;
    TextProtocol protocol;
    Answer answer;
    size_t clients = 0;
    core::Instant rests_until{};  // after an accept that failed, which would fail again at once
  };
  struct Client {
    net::Fd socket;
    Listener* from;
    core::Instant deadline;
    std::string request;
    std::string answer;  // what is left of it
    bool answers = false;
    bool over = false;
  };

  void accept_from(Listener& listener, core::Instant now);
  template <class Pick>
  void forget_if(Pick&& pick);
  static void read_from(Client& client);
  static void write_to(Client& client);

  std::vector<Listener> listeners_;
  std::vector<Client> clients_;
};

/// The answer to an HTTP request whose head is `request`: status line, fields, and the body unless
/// it is HEAD. source   RFC 9110, RFC 9112
std::string http_answer(std::string_view request, const TextServer::Answer& answer);

}  // namespace mailrace::tools
