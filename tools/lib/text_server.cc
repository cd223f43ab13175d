// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/lib/text_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr std::string_view kTooLong = "431 Request Header Fields Too Large";

std::string http_reply(std::string_view status, std::string_view body, bool with_body) {
  std::string reply = "HTTP/1.1 " + std::string(status) +
                      "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8"
                      "\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
  if (with_body) reply += body;
  return reply;
}

// Where a request ends, if it does.
size_t end_of_request(std::string_view request, TextProtocol protocol) {
  return request.find(protocol == TextProtocol::line ? "\n" : "\r\n\r\n");
}

bool may_come_again(ssize_t done) noexcept {
  return done < 0 && (errno == EAGAIN || errno == EINTR);
}

}  // namespace

std::string http_answer(std::string_view request, const TextServer::Answer& answer) {
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const size_t method_end = line.find(' ');
  const size_t target_end = line.find(' ', method_end + 1);
  const bool is_http = method_end != std::string_view::npos &&
                       target_end != std::string_view::npos &&
                       line.substr(target_end + 1).starts_with("HTTP/1.");
  if (!is_http) return http_reply("400 Bad Request", "", true);
  const std::string_view method = line.substr(0, method_end);
  if (method != "GET" && method != "HEAD") {
    return http_reply("405 Method Not Allowed\r\nAllow: GET, HEAD", "", true);
  }
  std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  target = target.substr(0, target.find('?'));
  const std::string body = answer(target);
  const bool is_found = !body.empty();
  return http_reply(is_found ? "200 OK" : "404 Not Found", body, method == "GET");
}

void TextServer::listen(int listener, Accept accept, TextProtocol protocol, Answer answer) {
  listeners_.push_back({listener, std::move(accept), protocol, std::move(answer)});
}

void TextServer::close(int listener, core::Instant now) {
  for (Listener& one : listeners_) {
    if (one.descriptor != listener) continue;
    accept_from(one, now);
    one.descriptor = -1;  // poll() leaves it out
  }
}

bool TextServer::serve(int wake, core::Duration time, core::Instant now) {
  forget_if([now](const Client& client) { return now >= client.deadline; });
  std::vector<pollfd> all = {{wake, POLLIN, 0}};
  for (const Listener& listener : listeners_) {
    const bool takes = listener.clients < core::kStatusClientsMax && now >= listener.rests_until;
    all.push_back({listener.descriptor, short(takes ? POLLIN : 0), 0});
  }
  for (const Client& client : clients_) {
    all.push_back({client.socket.get(), short(client.answers ? POLLOUT : POLLIN), 0});
  }
  if (::poll(all.data(), all.size(), int(time.ms())) <= 0) return false;
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (all[1 + listeners_.size() + i].revents == 0) continue;
    clients_[i].answers ? write_to(clients_[i]) : read_from(clients_[i]);
  }
  forget_if([](const Client& client) { return client.over; });
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if ((all[1 + i].revents & POLLIN) != 0) accept_from(listeners_[i], now);
  }
  return (all[0].revents & POLLIN) != 0;
}

void TextServer::accept_from(Listener& listener, core::Instant now) {
  for (size_t turns = 0; turns < core::kStatusClientsMax; ++turns) {
    if (listener.clients >= core::kStatusClientsMax) return;
    bool nobody = false;
    errno = 0;
    net::Fd socket = listener.accept(nobody);
    if (nobody && turns == 0 && errno != EAGAIN) listener.rests_until = now + core::seconds(1);
    if (nobody) return;
    if (!socket.is_open()) continue;
    Client client;
    client.socket = std::move(socket);
    client.from = &listener;
    client.deadline = now + core::seconds(core::kStatusTimeoutS);
    clients_.push_back(std::move(client));
    ++listener.clients;
  }
}

template <class Pick>
void TextServer::forget_if(Pick&& pick) {
  std::erase_if(clients_, [&](const Client& client) {
    const bool picked = pick(client);
    if (picked) --client.from->clients;
    return picked;
  });
}

void TextServer::read_from(Client& client) {
  std::array<char, 2048> octets;
  const ssize_t got = ::read(client.socket.get(), octets.data(), octets.size());
  if (may_come_again(got)) return;
  client.over = got <= 0;
  if (client.over) return;
  client.request.append(octets.data(), size_t(got));
  const Listener& listener = *client.from;
  const size_t end = end_of_request(client.request, listener.protocol);
  const std::string_view request = std::string_view(client.request).substr(0, end);
  const bool is_long = client.request.size() > core::kStatusRequestBytesMax;
  if (end == std::string_view::npos && !is_long) return;
  if (listener.protocol == TextProtocol::line) {
    client.answer = is_long ? std::string() : listener.answer(request);
  } else {
    client.answer =
        is_long ? http_reply(kTooLong, "", true) : http_answer(request, listener.answer);
  }
  client.answers = true;
  write_to(client);
}

void TextServer::write_to(Client& client) {
  while (!client.answer.empty()) {
    const ssize_t written =
        ::write(client.socket.get(), client.answer.data(), client.answer.size());
    if (may_come_again(written)) return;
    client.over = written <= 0;
    if (client.over) return;
    client.answer.erase(0, size_t(written));
  }
  client.over = true;
}

}  // namespace mailrace::tools
