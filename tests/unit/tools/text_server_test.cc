// SPDX-License-Identifier: GPL-3.0-or-later
// Questions in pieces, from too many, too long, and without an end.
#include "tools/lib/text_server.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

std::string echo(std::string_view request) { return "<" + std::string(request) + ">"; }

// A listener of connections that need no address.
class TextServerTest : public testing::Test {
 protected:
  void listen(TextProtocol protocol, const TextServer::Answer& answer = echo) {
    ASSERT_EQ(::pipe2(waiting_.data(), O_CLOEXEC | O_NONBLOCK), 0);
    ASSERT_EQ(::pipe2(wake_.data(), O_CLOEXEC | O_NONBLOCK), 0);
    server_.listen(
        waiting_[0],
        [this](bool& nobody) {
          int fd = -1;
          nobody = ::read(waiting_[0], &fd, sizeof fd) != ssize_t{sizeof fd};
          return net::Fd(fd);
        },
        protocol, answer);
  }
  void TearDown() override {
    for (const int fd : {waiting_[0], waiting_[1], wake_[0], wake_[1]}) ::close(fd);
  }

  net::Fd connect() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    EXPECT_EQ(::write(waiting_[1], &ends[1], sizeof ends[1]), ssize_t{sizeof ends[1]});
    return net::Fd(ends[0]);
  }
  static void say(const net::Fd& client, std::string_view text) {
    ASSERT_EQ(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size()));
  }
  // returns   all of an answer; nothing: it has not ended
  static std::optional<std::string> hear(const net::Fd& client) {
    std::string text;
    std::array<char, 65536> octets;
    while (true) {
      const ssize_t got = ::read(client.get(), octets.data(), octets.size());
      if (got == 0) return text;
      if (got < 0) return std::nullopt;
      text.append(octets.data(), size_t(got));
    }
  }
  void serve(int rounds = 5) {
    for (int i = 0; i < rounds; ++i) server_.serve(wake_[0], core::milliseconds(1), now_);
  }

  TextServer server_;
  std::array<int, 2> waiting_{-1, -1};
  std::array<int, 2> wake_{-1, -1};
  core::Instant now_{core::seconds(100).ns};
};

TEST_F(TextServerTest, AnswersALineThatComesInPieces) {
  listen(TextProtocol::line);
  const net::Fd client = connect();
  serve();
  say(client, "st");
  serve();
  EXPECT_EQ(hear(client), std::nullopt);
  say(client, "atus\nmore");
  serve();
  EXPECT_EQ(hear(client), "<status>");
}

TEST_F(TextServerTest, AnAnswerLargerThanASocketTakesComesInPieces) {
  const std::string large(4 << 20, 'x');
  listen(TextProtocol::line, [&large](std::string_view) { return large; });
  const net::Fd client = connect();
  serve();
  say(client, "\n");
  std::string heard;
  std::array<char, 65536> octets;
  for (int i = 0; i < 10'000 && heard.size() < large.size(); ++i) {
    serve(1);
    const ssize_t got = ::read(client.get(), octets.data(), octets.size());
    if (got > 0) heard.append(octets.data(), size_t(got));
  }
  EXPECT_EQ(heard.size(), large.size());
}

TEST_F(TextServerTest, WhoSaysNothingIsForgottenInTimeAndOthersAreServed) {
  listen(TextProtocol::line);
  std::vector<net::Fd> silent;
  for (size_t i = 0; i < core::kStatusClientsMax; ++i) silent.push_back(connect());
  const net::Fd late = connect();
  say(late, "x\n");
  serve();
  EXPECT_EQ(hear(late), std::nullopt);
  now_ = now_ + core::seconds(core::kStatusTimeoutS);
  serve();
  EXPECT_EQ(hear(late), "<x>");
  for (const net::Fd& client : silent) EXPECT_EQ(hear(client), "");
}

TEST_F(TextServerTest, AQuestionHasABound) {
  for (const TextProtocol protocol : {TextProtocol::line, TextProtocol::http}) {
    SCOPED_TRACE(int(protocol));
    if (waiting_[0] >= 0) TearDown();
    server_ = TextServer();
    listen(protocol);
    const net::Fd client = connect();
    serve();
    const std::string piece(1024, 'x');
    for (size_t sent = 0; sent <= core::kStatusRequestBytesMax; sent += piece.size()) {
      say(client, piece);
      serve(1);
    }
    serve();
    const auto heard = hear(client);
    ASSERT_TRUE(heard.has_value());
    EXPECT_TRUE(protocol == TextProtocol::line ? heard->empty()
                                               : heard->starts_with("HTTP/1.1 431 "));
  }
}

TEST_F(TextServerTest, OneThatHangsUpIsForgotten) {
  listen(TextProtocol::line);
  for (int i = 0; i < 100; ++i) {
    connect();
    serve(2);
  }
  const net::Fd client = connect();
  say(client, "x\n");
  serve();
  EXPECT_EQ(hear(client), "<x>");
}

TEST_F(TextServerTest, IsWokenUp) {
  listen(TextProtocol::line);
  EXPECT_FALSE(server_.serve(wake_[0], core::milliseconds(1), now_));
  ASSERT_EQ(::write(wake_[1], "x", 1), 1);
  EXPECT_TRUE(server_.serve(wake_[0], core::seconds(60), now_));
}

std::string answer_to(std::string_view head) {
  return http_answer(head, [](std::string_view target) {
    return target == "/metrics" ? std::string("a 1\n") : std::string();
  });
}

TEST(HttpAnswerTest, AnswersGetAndHead) {
  const std::string get = answer_to("GET /metrics HTTP/1.1\r\nHost: x");
  EXPECT_TRUE(get.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4;"));
  EXPECT_NE(get.find("\r\nContent-Length: 4\r\n"), std::string::npos);
  EXPECT_TRUE(get.ends_with("\r\n\r\na 1\n"));
  const std::string head = answer_to("HEAD /metrics HTTP/1.0");
  EXPECT_NE(head.find("\r\nContent-Length: 4\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_TRUE(answer_to("GET /metrics?name=x HTTP/1.1").starts_with("HTTP/1.1 200 "));
}

TEST(HttpAnswerTest, RefusesEverythingElse) {
  EXPECT_TRUE(answer_to("GET /other HTTP/1.1").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(answer_to("POST /metrics HTTP/1.1").starts_with("HTTP/1.1 405 "));
  for (const char* wrong : {"", " ", "  ", "GET", "GET /metrics", "GET /metrics SMTP/1.1",
                            "EHLO client.example", "GET  HTTP/1.1"}) {
    EXPECT_FALSE(answer_to(wrong).starts_with("HTTP/1.1 200")) << wrong;
  }
  EXPECT_TRUE(answer_to("GARBAGE").starts_with("HTTP/1.1 400 "));
}

}  // namespace
}  // namespace mailrace::tools
