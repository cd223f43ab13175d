// SPDX-License-Identifier: GPL-3.0-or-later
// Few, cheap operations: the machine under test often is the one that this runs on.
#include "tools/load/load_connection.h"

#include "net/system_clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>

namespace mailrace::tools {
namespace {

constexpr int kOn = 1;

core::Instant clock_now() noexcept { return net::SystemClock().now(); }

}  // namespace

LoadConnection::LoadConnection(LoadContext& context, uint32_t slot) noexcept
    : context_(context), plan_(context.plan), slot_(slot) {
  plan_.mail.write_header(header_);
}

LoadConnection::~LoadConnection() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

// --- the ring ------------------------------------------------------------------------------------

void LoadConnection::start() noexcept {
  MAILRACE_CHECK(idle());
  if (!due_ && !context_.may_begin()) return;
  ++context_.open_count;
  step_ = Step::connect;
  progress_ = context_.now;
  waiting_since_ = context_.now;
  pipelining_ = false;
  hung_up_ = false;
  messages_done_ = 0;
  parser_.reset();
  open();
}

// Plain descriptors: direct ones were measured to cost the same, with one message per connection
// and with many, and need Linux 6.7 for the option.
void LoadConnection::open() noexcept {
  descriptor_ = ::socket(plan_.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) {
    give_up(LoadError::connect, std::strerror(errno));
    return close_if_quiet();
  }
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  io_uring_sqe& connect = context_.ring.next_sqe();
  io_uring_prep_connect(&connect, descriptor_, reinterpret_cast<const sockaddr*>(&plan_.address),
                        plan_.address_size);
  io_uring_sqe_set_data64(&connect, token(LoadOp::connect));
  connecting_ = true;
}

void LoadConnection::receive() noexcept {
  io_uring_sqe& sqe = context_.ring.next_sqe();
  io_uring_prep_recv_multishot(&sqe, descriptor_, nullptr, 0, 0);
  sqe.buf_group = context_.buffer_group;
  sqe.flags |= IOSQE_BUFFER_SELECT;
  io_uring_sqe_set_data64(&sqe, token(LoadOp::receive));
  receiving_ = true;
}

void LoadConnection::send(std::string_view text) noexcept {
  waiting_since_ = context_.now;
  if (tls_) {
    tls_->write(std::as_bytes(std::span(text)));
    return send_encrypted();
  }
  io_uring_sqe& sqe = context_.ring.next_sqe();
  // MSG_WAITALL: the kernel goes on by itself after a short send.
  io_uring_prep_send(&sqe, descriptor_, text.data(), text.size(), MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(&sqe, token(LoadOp::send));
  ++sends_;
}

// With the line that ends it.
size_t LoadConnection::mail_bytes() const noexcept {
  return LoadMail::kHeaderBytes + plan_.mail.body().size();
}

// The header section and the start of the body in one go; a large body in several.
void LoadConnection::send_mail_data() noexcept {
  const core::Octets body = plan_.mail.body();
  const size_t header_size = LoadMail::kHeaderBytes - std::min(sent_bytes_, LoadMail::kHeaderBytes);
  const size_t body_at = header_size > 0 ? 0 : sent_bytes_ - LoadMail::kHeaderBytes;
  const size_t most = tls_ ? core::kLoadTlsSendBytesMax : core::kLoadSendBytesMax;
  const size_t body_size = std::min(body.size() - body_at, most);
  if (body_at + body_size == body.size()) waiting_since_ = clock_now();
  handed_bytes_ = sent_bytes_ + header_size + body_size;
  const core::Octets header = std::as_bytes(std::span(header_)).last(header_size);
  send_pieces(header, body.subspan(body_at, body_size));
}

void LoadConnection::send_pieces(core::Octets header, core::Octets body) noexcept {
  if (tls_) {
    if (!header.empty()) tls_->write(header);
    tls_->write(body);
    return send_encrypted();
  }
  pieces_[0] = {const_cast<std::byte*>(header.data()), header.size()};
  pieces_[1] = {const_cast<std::byte*>(body.data()), body.size()};
  header_and_body_.msg_iov = pieces_;
  header_and_body_.msg_iovlen = 2;
  io_uring_sqe& sqe = context_.ring.next_sqe();
  io_uring_prep_sendmsg(&sqe, descriptor_, &header_and_body_, MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(&sqe, token(LoadOp::send_mail_data));
  ++sends_;
}

// --- TLS -----------------------------------------------------------------------------------------

void LoadConnection::begin_tls() noexcept {
  waiting_since_ = clock_now();
  tls_.emplace(*context_.tls);
  send_encrypted();
}

// One send at a time: what is encrypted meanwhile goes with the next one.
void LoadConnection::send_encrypted() noexcept {
  if (sends_ > 0 || hung_up_ || tls_->output().empty()) return;
  encrypted_.clear();
  encrypted_.swap(tls_->output());
  io_uring_sqe& sqe = context_.ring.next_sqe();
  io_uring_prep_send(&sqe, descriptor_, encrypted_.data(), encrypted_.size(),
                     MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(&sqe, token(LoadOp::send));
  ++sends_;
}

// What waited meanwhile, then the next piece of the message.
void LoadConnection::go_on_encrypted() noexcept {
  send_encrypted();
  if (step_ != Step::mail_data || sends_ > 0 || handed_bytes_ == mail_bytes()) return;
  progress_ = context_.now;
  sent_bytes_ = handed_bytes_;
  send_mail_data();
}

void LoadConnection::take_encrypted(core::Octets octets) noexcept {
  using Status = LoadTlsSession::Status;
  core::Octets plaintext;
  while (step_ != Step::failed && tls_) {
    switch (tls_->advance(octets, plaintext)) {
      case Status::established:
        on_established();
        break;
      case Status::plaintext:
        take_text(plaintext);
        break;
      case Status::failed:
        give_up(LoadError::tls, tls_->failure());
        break;
      case Status::closed:  // the end of the stream follows, and is judged
      case Status::wants_input:
        return send_encrypted();
    }
  }
}

void LoadConnection::on_established() noexcept {
  count_handshake();
  waiting_since_ = context_.now;
  if (step_ != Step::handshake) return;  // the greeting is still to come
  step_ = Step::ehlo;
  send(plan_.ehlo);
}

// --- completions ---------------------------------------------------------------------------------

void LoadConnection::on_connect(int result) noexcept {
  connecting_ = false;
  if (result < 0) give_up(LoadError::connect, std::strerror(-result));
  if (hung_up_) return close_if_quiet();
  count_phase(LoadPhase::connect, context_.now);
  waiting_since_ = context_.now;
  receive();
  if (plan_.options.tls.mode == LoadTlsMode::implicit) begin_tls();
}

void LoadConnection::on_receive(const io_uring_cqe& cqe, core::Octets octets) noexcept {
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) receiving_ = false;
  if (!octets.empty()) progress_ = context_.now;
  if (!octets.empty()) tls_ ? take_encrypted(octets) : take_text(octets);
  if (!receiving_) {
    const bool goes_on = cqe.res > 0 || cqe.res == -ENOBUFS;
    if (goes_on && !hung_up_) {
      receive();
    } else if (!goes_on) {
      if (step_ != Step::end) {
        give_up(LoadError::closed, cqe.res == 0 ? "end of stream" : std::strerror(-cqe.res));
      }
      hang_up();
    }
  }
  close_if_quiet();
}

// Nothing may follow the reply to STARTTLS before the handshake.
void LoadConnection::take_text(core::Octets octets) noexcept {
  while (!octets.empty() && step_ != Step::failed) {
    const ReplyParser::Taken taken = parser_.take(octets);
    octets = octets.subspan(taken.consumed);
    if (taken.outcome == ParsedReply::complete) on_reply(parser_.code());
    if (taken.outcome == ParsedReply::malformed || (step_ == Step::handshake && !octets.empty())) {
      give_up(LoadError::malformed_reply, parser_.last_line());
    }
  }
}

void LoadConnection::on_send(int result) noexcept {
  --sends_;
  if (result < 0) give_up(LoadError::closed, std::strerror(-result));
  if (tls_ && result > 0) go_on_encrypted();
  close_if_quiet();
}

void LoadConnection::on_send_mail_data(int result) noexcept {
  if (result > 0 && step_ == Step::mail_data) {
    progress_ = context_.now;
    sent_bytes_ += size_t(result);
    if (sent_bytes_ < mail_bytes()) send_mail_data();
  }
  on_send(result);
}

void LoadConnection::check_time() noexcept {
  if (idle() || step_ == Step::resting) return;
  if (context_.now - progress_ < plan_.options.reply_timeout) return;
  give_up(LoadError::timeout, "no progress in time");
  context_.timed_out = true;
}

// --- steps ---------------------------------------------------------------------------------------

// The code that goes on after each step, and the phase that ends with it; that of the message ends
// by a clock of its own.
void LoadConnection::on_reply(uint32_t code) noexcept {
  struct Expected {
    uint32_t code;
    std::optional<LoadPhase> phase = {};
  };
  static constexpr Expected kExpected[] = {{0},
                                           {220, LoadPhase::banner},
                                           {250, LoadPhase::ehlo},
                                           {220},
                                           {0},
                                           {250, LoadPhase::mail},
                                           {250, LoadPhase::rcpt},
                                           {354, LoadPhase::data},
                                           {250},
                                           {0},
                                           {221},
                                           {0},
                                           {0}};
  static_assert(std::size(kExpected) == size_t(Step::failed) + 1);
  const Expected& expected = kExpected[size_t(step_)];
  ++context_.stats.replies[code];
  const bool early = step_ == Step::mail_data && handed_bytes_ < mail_bytes();
  if (code != expected.code || early) {
    return give_up(LoadError::unexpected_reply, parser_.last_line());
  }
  if (expected.phase) count_phase(*expected.phase, context_.now);
  switch (step_) {
    case Step::connect:
      ++context_.stats.connections;
      step_ = Step::ehlo;
      return send(plan_.ehlo);
    case Step::ehlo:
      if (plan_.options.tls.mode == LoadTlsMode::starttls && !tls_) {
        step_ = Step::starttls;
        return send(plan_.starttls);
      }
      pipelining_ = plan_.options.pipelining && parser_.offers_pipelining();
      return next_message();
    case Step::starttls:
      step_ = Step::handshake;
      return begin_tls();
    case Step::mail:
      step_ = Step::rcpt;
      return pipelining_ ? void() : send(plan_.rcpt_command);
    case Step::rcpt:
      step_ = Step::data;
      return pipelining_ ? void() : send(plan_.data_command);
    case Step::data:
      step_ = Step::mail_data;
      sent_bytes_ = 0;
      return send_mail_data();
    case Step::mail_data:
      count_message();
      due_.reset();
      ++messages_done_;
      return next_message();
    case Step::quit:
      step_ = Step::end;
      if (tls_) tls_->keep_for_resumption();
      return hang_up();  // like most clients; some servers wait for it
    case Step::idle:
    case Step::handshake:
    case Step::resting:
    case Step::end:
    case Step::failed:
      return;  // never expects a reply: given up above
  }
}

void LoadConnection::count_phase(LoadPhase phase, core::Instant end) noexcept {
  if (!context_.measuring) return;
  context_.stats.phases_ns[size_t(phase)].add(uint64_t((end - waiting_since_).ns));
}

// By when it is acknowledged: so the rate is right however long a message is on its way.
void LoadConnection::count_message() noexcept {
  if (!context_.measuring) {
    ++context_.stats.warmup_messages;
    return;
  }
  context_.stats.last_reply = clock_now();
  const core::Instant begun = due_.value_or(waiting_since_);
  context_.stats.latency_ns.add(uint64_t((context_.stats.last_reply - begun).ns));
  count_phase(LoadPhase::message, context_.stats.last_reply);
  ++context_.stats.messages;
  context_.stats.bytes += plan_.mail.size();
}

void LoadConnection::count_handshake() noexcept {
  if (!context_.measuring) return;
  ++context_.stats.handshakes;
  if (tls_->was_resumed()) ++context_.stats.resumed;
  count_phase(LoadPhase::tls, clock_now());
}

void LoadConnection::next_message() noexcept {
  const uint64_t most = plan_.options.messages_per_connection;
  if (due_) return send_message();  // it is what the connection was opened for
  if (!context_.may_begin() || (most > 0 && messages_done_ >= most)) return quit();
  if (context_.pacer != nullptr) {
    due_ = context_.pacer->take();
    if (!due_) {
      step_ = Step::resting;
      return context_.resting.push_back(slot_);
    }
  }
  send_message();
}

void LoadConnection::send_message() noexcept {
  --context_.messages_left;
  LoadMail::patch_number(header_, context_.next_number++);
  step_ = Step::mail;
  send(pipelining_ ? plan_.transaction : plan_.mail_command);
}

void LoadConnection::quit() noexcept {
  step_ = Step::quit;
  send(plan_.quit);
}

// --- the open loop -------------------------------------------------------------------------------

void LoadConnection::send_due(core::Instant due) noexcept {
  MAILRACE_CHECK(can_send());
  due_ = due;
  if (idle()) return start();
  progress_ = context_.now;
  send_message();
}

void LoadConnection::quit_if_resting() noexcept {
  if (step_ != Step::resting) return;
  progress_ = context_.now;
  quit();
}

// --- the end -------------------------------------------------------------------------------------

void LoadConnection::give_up(LoadError error, std::string_view what) noexcept {
  if (step_ == Step::failed) return;  // one error each: the others follow from it
  static constexpr const char* kSteps[] = {"",     "connect", "EHLO", "STARTTLS",  "TLS handshake",
                                           "MAIL", "RCPT",    "DATA", "mail data", "rest",
                                           "QUIT", "221",     ""};
  static_assert(std::size(kSteps) == size_t(Step::failed) + 1);
  context_.stats.count_error(error, std::string(kSteps[size_t(step_)]) + ": " + std::string(what));
  step_ = Step::failed;
  hang_up();
}

// Ends what is under way on the socket.
void LoadConnection::hang_up() noexcept {
  if (hung_up_) return;
  hung_up_ = true;
  if (descriptor_ < 0 || (!connecting_ && !receiving_ && sends_ == 0)) return;
  ::shutdown(descriptor_, SHUT_RDWR);
}

// The slot may have a new connection when the kernel is done with the old one.
void LoadConnection::close_if_quiet() noexcept {
  if (!hung_up_ || connecting_ || receiving_ || sends_ > 0) return;
  if (descriptor_ >= 0) {
    io_uring_sqe& sqe = context_.ring.next_sqe();
    io_uring_prep_close(&sqe, descriptor_);
    io_uring_sqe_set_data64(&sqe, LoadToken{}.pack());
    descriptor_ = -1;
  }
  tls_.reset();
  const bool again = step_ == Step::end;
  step_ = Step::idle;
  due_.reset();
  --context_.open_count;
  if (!again) return;
  context_.pacer != nullptr ? context_.resting.push_back(slot_) : start();
}

}  // namespace mailrace::tools
