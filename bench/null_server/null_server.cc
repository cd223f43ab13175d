// SPDX-License-Identifier: GPL-3.0-or-later
// The limit that the kernel's TCP stack sets: an SMTP server that understands and keeps nothing.
//
//     mailrace_null_server --listen ADDR:PORT [--cpu N]
//
// It looks for line ends and for the end of mail data, and answers by the first letter of a line.
// All else is left out, so what it costs is the floor: accept, receive, send, close. The engine is
// the server's own: multishot accept into direct descriptors, multishot receive from a small ring
// of buffers, one send per received piece.
#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#include "core/base/ip.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "net/buffer_ring.h"
#include "net/listener.h"
#include "net/ring.h"

#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using std::string_view_literals::operator""sv;
namespace core = mailrace::core;
namespace net = mailrace::net;
using net::Op;
using net::Token;

constexpr uint32_t kConnectionsMax = 4096;
constexpr std::string_view kEndOfMailData = "\r\n.\r\n";

struct Connection {
  bool in_mail_data = false;
  bool sending = false;
  bool quitting = false;
  char verb = 0;         // first octet of the line that has begun; 0: none has
  uint32_t matched = 0;  // octets of kEndOfMailData that the input ends with
  uint32_t sent = 0;     // of `replies`, handed to the kernel
  uint32_t size = 0;     // of `replies`
  uint32_t generation = 0;
  char replies[4096] = {};
};

// --- SMTP, as little as there can be -------------------------------------------------------------

std::string_view reply_to(Connection& connection, char verb) {
  verb = core::to_upper(verb);
  if (verb == 'E' || verb == 'H') {
    return "250-null.example\r\n250-8BITMIME\r\n250 PIPELINING\r\n"sv;
  }
  if (verb == 'M' || verb == 'R') return "250 2.0.0 ok\r\n"sv;
  connection.in_mail_data = verb == 'D';
  connection.matched = 2;  // the line end of DATA may begin the end of mail data
  if (verb == 'D') return "354 go on\r\n"sv;
  connection.quitting = verb == 'Q';
  return verb == 'Q' ? "221 2.0.0 bye\r\n"sv : "500 5.5.1 what\r\n"sv;
}

void answer(Connection& connection, std::string_view reply) {
  if (connection.size + reply.size() > sizeof connection.replies) return;  // it reads nothing
  std::memcpy(connection.replies + connection.size, reply.data(), reply.size());
  connection.size += uint32_t(reply.size());
}

// Offset of the first LF at or behind `from` that a dot follows; if none, of the last octet.
size_t find_dot_line(std::string_view data, size_t from) {
#if defined(__SSE2__)
  const __m128i feed = _mm_set1_epi8('\n');
  const __m128i dot = _mm_set1_epi8('.');
  const auto hits = [&](size_t at) {
    const auto* const octets = reinterpret_cast<const __m128i*>(data.data() + at);
    const auto* const next = reinterpret_cast<const __m128i*>(data.data() + at + 1);
    return _mm_and_si128(_mm_cmpeq_epi8(_mm_loadu_si128(octets), feed),
                         _mm_cmpeq_epi8(_mm_loadu_si128(next), dot));
  };
  for (; from + 65 <= data.size(); from += 64) {
    const __m128i any = _mm_or_si128(_mm_or_si128(hits(from), hits(from + 16)),
                                     _mm_or_si128(hits(from + 32), hits(from + 48)));
    if (_mm_movemask_epi8(any) != 0) break;
  }
#endif
  while (from + 1 < data.size() && !(data[from] == '\n' && data[from + 1] == '.')) ++from;
  return from;
}

// Takes mail data up to its end or the end of the input. Returns what is left.
std::string_view skip_mail_data(Connection& connection, std::string_view data) {
  const auto match = [](uint32_t matched, char octet) -> uint32_t {
    if (octet == kEndOfMailData[matched]) return matched + 1;
    return octet == '\r' ? 1 : 0;
  };
  uint32_t matched = connection.matched;
  size_t at = 0;
  while (at < data.size() && matched < kEndOfMailData.size()) {
    if (matched ==
        0) {  // on to the CR of the next line with a dot, or to a tail that may begin one
      const size_t feed = find_dot_line(data, at);
      at = feed > at ? feed - 1 : at;
    }
    matched = match(matched, data[at++]);
  }
  connection.matched = matched;
  if (matched < kEndOfMailData.size()) return {};
  connection.in_mail_data = false;
  answer(connection, "250 2.0.0 ok\r\n"sv);
  return data.substr(at);
}

void read_input(Connection& connection, std::string_view input) {
  while (!input.empty()) {
    if (connection.in_mail_data) {
      input = skip_mail_data(connection, input);
      continue;
    }
    if (connection.verb == 0) connection.verb = input.front();
    const size_t feed = input.find('\n');
    if (feed == input.npos) return;
    answer(connection, reply_to(connection, std::exchange(connection.verb, '\0')));
    input.remove_prefix(feed + 1);
  }
}

// --- the ring ------------------------------------------------------------------------------------

class NullServer {
 public:
  bool open(const core::Endpoint& endpoint) {
    if (!ring_.open(kConnectionsMax)) return false;
    if (!buffers_.open(ring_, 0, core::kReceiveBufferCount, core::kReceiveBufferBytes))
      return false;
    auto listener = net::open_listener(endpoint, net::Sharing::first);
    if (!listener) return false;
    listener_ = std::move(*listener);
    return true;
  }

  [[noreturn]] void serve() {
    accept();
    for (;;) {
      ring_.submit_and_wait();
      ring_.visit_completions([this](const io_uring_cqe& cqe) {
        const Token token = Token::unpack(cqe.user_data);
        if (token.op == Op::accept) on_accept(cqe);
        if (token.op == Op::receive) on_receive(token.slot, cqe);
        if (token.op == Op::send) on_send(token, cqe);
      });
      buffers_.adapt();
    }
  }

 private:
  void finish(io_uring_sqe& sqe, Op op, uint32_t slot, unsigned flags) {
    sqe.flags = uint8_t(sqe.flags | flags);
    io_uring_sqe_set_data64(&sqe, Token{op, connections_[slot].generation, slot}.pack());
  }

  void accept() {
    io_uring_sqe& sqe = ring_.next_sqe();
    io_uring_prep_multishot_accept_direct(&sqe, listener_.get(), nullptr, nullptr, 0);
    finish(sqe, Op::accept, 0, 0);
  }

  void on_accept(const io_uring_cqe& cqe) {
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) accept();
    if (cqe.res < 0) return;
    const uint32_t slot = uint32_t(cqe.res);
    const uint32_t generation = (connections_[slot].generation + 1) & Token::kGenerationMask;
    connections_[slot] = Connection{.generation = generation};
    answer(connections_[slot], "220 null.example ESMTP\r\n"sv);
    receive(slot);
    send(slot);
  }

  void receive(uint32_t slot) {
    io_uring_sqe& sqe = ring_.next_sqe();
    io_uring_prep_recv_multishot(&sqe, int(slot), nullptr, 0, 0);
    sqe.buf_group = buffers_.group();
    finish(sqe, Op::receive, slot, IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT);
  }

  void on_receive(uint32_t slot, const io_uring_cqe& cqe) {
    Connection& connection = connections_[slot];
    if (net::BufferRing::has_buffer(cqe)) {
      buffers_.note_lent(cqe.res);
      const uint16_t id = net::BufferRing::buffer_id(cqe);
      if (cqe.res > 0) read_input(connection, core::as_text(buffers_.octets(id, size_t(cqe.res))));
      buffers_.give_back(id);
      if (!connection.sending && connection.size > 0) send(slot);
    }
    if ((cqe.flags & IORING_CQE_F_MORE) != 0) return;
    if (cqe.res > 0 || cqe.res == -ENOBUFS) return receive(slot);
    io_uring_sqe& sqe = ring_.next_sqe();  // the end: of the peer's stream, or by our shutdown
    io_uring_prep_close_direct(&sqe, slot);
    finish(sqe, Op::ignore, slot, IOSQE_CQE_SKIP_SUCCESS);
  }

  void send(uint32_t slot) {
    Connection& connection = connections_[slot];
    io_uring_sqe& sqe = ring_.next_sqe();
    io_uring_prep_send(&sqe, int(slot), connection.replies, connection.size,
                       MSG_NOSIGNAL | MSG_WAITALL);
    finish(sqe, Op::send, slot, IOSQE_FIXED_FILE);
    connection.sending = true;
    connection.sent = connection.size;
    if (!connection.quitting) return;  // else: the receive holds the socket open
    io_uring_sqe& end = ring_.next_sqe();
    io_uring_prep_cancel64(&end, Token{Op::receive, connection.generation, slot}.pack(), 0);
    finish(end, Op::ignore, slot, IOSQE_CQE_SKIP_SUCCESS);
  }

  void on_send(const Token& token, const io_uring_cqe& cqe) {
    Connection& connection = connections_[token.slot];
    if (token.generation != connection.generation || cqe.res < 0) return;  // gone, or soon
    connection.sending = false;
    connection.size -= connection.sent;
    std::memmove(connection.replies, connection.replies + connection.sent, connection.size);
    if (connection.size > 0) send(token.slot);
  }

  net::Ring ring_;
  net::BufferRing buffers_;
  net::Fd listener_;
  std::vector<Connection> connections_{kConnectionsMax};  // by direct descriptor
};

}  // namespace

int main(int argc, char** argv) {
  std::string_view listen;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (int i = 1; i + 1 < argc; i += 2) {
    if (argv[i] == "--listen"sv) listen = argv[i + 1];
    if (argv[i] == "--cpu"sv) CPU_SET(core::parse_decimal(argv[i + 1]).value_or(0), &cpus);
  }
  const bool pinned = CPU_COUNT(&cpus) == 0 || ::sched_setaffinity(0, sizeof cpus, &cpus) == 0;
  const auto endpoint = core::parse_endpoint(listen);
  NullServer server;
  if (pinned && endpoint && server.open(*endpoint)) server.serve();
  std::fputs("usage: mailrace_null_server --listen ADDR:PORT [--cpu N]\n", stderr);
  return 2;
}
