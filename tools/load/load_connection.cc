// SPDX-License-Identifier: GPL-3.0-or-later
// Few, cheap operations: the machine under test often is the one that this runs on.
#include "tools/load/load_connection.h"

#include "core/base/check.h"
#include "core/base/prng.h"
#include "net/socket_address.h"
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
    : context_(context), plan_(context.plan), slot_(slot), dialog_(context) {}

LoadConnection::~LoadConnection() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

// --- the ring ------------------------------------------------------------------------------------

void LoadConnection::start() noexcept {
  MAILRACE_CHECK(idle());
  if (!dialog_.is_due() && !context_.may_begin()) return;
  ++context_.open_count;
  progress_ = context_.now;
  hung_up_ = false;
  parser_.reset();
  const LoadOptions& options = plan_.options;
  core::Prng random(~options.seed ^ context_.next_connection);
  dialog_.open(options.messages_per_connection.draw(random));
  is_slow_ = random.below(100) < options.slow_percent;
  proxy_header_ = plan_.proxy_header_of(random.next());
  open();
}

// Plain descriptors: direct ones were measured to cost the same, with one message per connection
// and with many, and need Linux 6.7 for the option.
void LoadConnection::open() noexcept {
  descriptor_ = ::socket(plan_.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0 || !bind_to_source()) {
    give_up(LoadError::connect, std::strerror(errno));
    return close_if_quiet();
  }
  if (!plan_.target.is_unix()) {
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  }
  io_uring_sqe& connect = context_.ring.next_sqe();
  io_uring_prep_connect(&connect, descriptor_, reinterpret_cast<const sockaddr*>(&plan_.address),
                        plan_.address_size);
  io_uring_sqe_set_data64(&connect, token(LoadOp::connect));
  connecting_ = true;
}

// The port is chosen at connect, when the other end is known: so that a source address has all its
// ports for each of them.
bool LoadConnection::bind_to_source() noexcept {
  const uint64_t number = context_.next_connection++;
  if (!plan_.options.source) return true;
  ::setsockopt(descriptor_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &kOn, sizeof kOn);
  sockaddr_storage source;
  const socklen_t size = net::to_socket_address({plan_.options.source->at(number), 0}, source);
  return ::bind(descriptor_, reinterpret_cast<const sockaddr*>(&source), size) == 0;
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
  dialog_.wait_from(context_.now);
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

void LoadConnection::perform(LoadAction action) noexcept {
  switch (action) {
    case LoadAction::wait:
      return;
    case LoadAction::send:
      return send(dialog_.text());
    case LoadAction::mail_data:
      if (dialog_.outgoing().taken() == 0) slow_since_ = context_.now;
      return send_mail_data();
    case LoadAction::handshake:
      return begin_tls();
    case LoadAction::rest:
      return rest();
    case LoadAction::end:  // like most clients; some servers wait for it
      if (tls_) tls_->keep_for_resumption();
      return hang_up();
    case LoadAction::unexpected:
      return give_up(LoadError::unexpected_reply, parser_.last_line());
    case LoadAction::not_chunking:
      return give_up(LoadError::unexpected_reply, "CHUNKING is not offered");
  }
}

// The head and the start of the body in one go; a large body in several. A slow connection sends
// what has come due since the mail data began, some times a second.
void LoadConnection::send_mail_data() noexcept {
  LoadOutgoing& outgoing = dialog_.outgoing();
  size_t most = tls_ ? core::kLoadTlsSendBytesMax : core::kLoadSendBytesMax;
  if (is_slow_) {
    const double seconds = double((context_.now - slow_since_).ns) * 1e-9;
    const double due = seconds * double(plan_.options.slow_rate) - double(outgoing.taken());
    if (due < 1.0) return;
    if (due < double(most)) most = size_t(due);
  }
  const LoadOutgoing::Pieces pieces = outgoing.hand_over(most);
  if (outgoing.is_handed()) dialog_.wait_from(clock_now());
  send_pieces(pieces);
}

void LoadConnection::send_pieces(const LoadOutgoing::Pieces& pieces) noexcept {
  if (tls_) {
    for (const core::Octets& piece : {pieces.command, pieces.head, pieces.body}) {
      if (!piece.empty()) tls_->write(piece);
    }
    dialog_.outgoing().take(pieces.size());
    return send_encrypted();
  }
  message_.msg_iov = pieces_;
  message_.msg_iovlen = 0;
  for (const core::Octets& piece : {pieces.command, pieces.head, pieces.body}) {
    if (piece.empty()) continue;
    pieces_[message_.msg_iovlen++] = {const_cast<std::byte*>(piece.data()), piece.size()};
  }
  io_uring_sqe& sqe = context_.ring.next_sqe();
  io_uring_prep_sendmsg(&sqe, descriptor_, &message_, MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(&sqe, token(LoadOp::send_mail_data));
  ++sends_;
}

// What was sent is gone.
void LoadConnection::go_on_with_mail_data() noexcept {
  if (dialog_.step() != LoadStep::mail_data) return;
  progress_ = context_.now;
  if (!dialog_.outgoing().is_taken()) {
    if (!is_slow_) send_mail_data();
  } else if (dialog_.outgoing().is_cut() && dialog_.outgoing().is_last()) {
    perform(dialog_.on_cut());
  }
}

// --- TLS -----------------------------------------------------------------------------------------

void LoadConnection::begin_tls() noexcept {
  dialog_.wait_from(clock_now());
  tls_.emplace(*context_.tls);
  if (plan_.options.tls.mode == LoadTlsMode::implicit) {  // what a proxy says is in the clear
    const core::Octets header = core::as_octets(proxy_header_);
    tls_->output().insert(tls_->output().begin(), header.begin(), header.end());
  }
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
  if (sends_ == 0) go_on_with_mail_data();
}

void LoadConnection::take_encrypted(core::Octets octets) noexcept {
  using Status = LoadTlsSession::Status;
  core::Octets plaintext;
  while (dialog_.step() != LoadStep::failed && tls_) {
    switch (tls_->advance(octets, plaintext)) {
      case Status::established:
        count_handshake();
        progress_ = context_.now;
        dialog_.wait_from(context_.now);
        perform(dialog_.on_established());
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

// --- completions ---------------------------------------------------------------------------------

void LoadConnection::on_connect(int result) noexcept {
  connecting_ = false;
  if (result < 0) give_up(LoadError::connect, std::strerror(-result));
  if (hung_up_) return close_if_quiet();
  progress_ = context_.now;
  dialog_.count_phase(LoadPhase::connect, context_.now);
  dialog_.wait_from(context_.now);
  receive();
  if (plan_.options.tls.mode == LoadTlsMode::implicit) return begin_tls();
  if (!proxy_header_.empty()) send(proxy_header_);
}

void LoadConnection::on_receive(const io_uring_cqe& cqe, core::Octets octets) noexcept {
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) receiving_ = false;
  if (!octets.empty()) tls_ ? take_encrypted(octets) : take_text(octets);
  if (!receiving_) {
    const bool goes_on = cqe.res > 0 || cqe.res == -ENOBUFS;
    if (goes_on && !hung_up_) {
      receive();
    } else if (!goes_on) {
      if (dialog_.step() != LoadStep::end) {
        give_up(LoadError::closed, cqe.res == 0 ? "end of stream" : std::strerror(-cqe.res));
      }
      hang_up();
    }
  }
  close_if_quiet();
}

// Nothing may follow the reply to STARTTLS before the handshake.
void LoadConnection::take_text(core::Octets octets) noexcept {
  while (!octets.empty() && !hung_up_) {
    const ReplyParser::Taken taken = parser_.take(octets);
    octets = octets.subspan(taken.consumed);
    if (taken.outcome == ParsedReply::complete) {
      progress_ = context_.now;  // not with each octet: of these there may be one a minute
      perform(is_unasked() ? LoadAction::unexpected : dialog_.on_reply(parser_));
    }
    const bool early = dialog_.step() == LoadStep::handshake && !octets.empty();
    if (taken.outcome == ParsedReply::malformed || early) {
      give_up(LoadError::malformed_reply, parser_.last_line());
    }
  }
}

// Whether what comes cannot answer anything: the kernel has not taken yet what we have to say.
// Under TLS records are under way that nobody answers, and a greeting may meet a PROXY header.
bool LoadConnection::is_unasked() const noexcept {
  return sends_ > 0 && !tls_ && dialog_.step() != LoadStep::connect;
}

void LoadConnection::on_send(int result) noexcept {
  --sends_;
  if (result < 0) give_up(LoadError::closed, std::strerror(-result));
  if (tls_ && result > 0) go_on_encrypted();
  close_if_quiet();
}

void LoadConnection::on_send_mail_data(int result) noexcept {
  if (result > 0) {
    dialog_.outgoing().take(size_t(result));
    go_on_with_mail_data();
  }
  on_send(result);
}

void LoadConnection::on_tick() noexcept {
  if (idle() || is_resting()) return;
  const bool waits = is_slow_ && dialog_.step() == LoadStep::mail_data && sends_ == 0;
  if (waits && !hung_up_ && !dialog_.outgoing().is_taken()) send_mail_data();
  if (context_.now - progress_ < plan_.options.reply_timeout) return;
  give_up(LoadError::timeout, "no progress in time");
  context_.timed_out = true;
}

void LoadConnection::count_handshake() noexcept {
  if (!context_.measuring) return;
  ++context_.stats.handshakes;
  if (tls_->was_resumed()) ++context_.stats.resumed;
  dialog_.count_phase(LoadPhase::tls, clock_now());
}

// --- the open loop -------------------------------------------------------------------------------

void LoadConnection::rest() noexcept {
  rested_since_ = context_.now;
  context_.resting.push_back(slot_);
}

void LoadConnection::send_due(core::Instant due) noexcept {
  MAILRACE_CHECK(can_send());
  if (idle()) {
    dialog_.expect_due(due);
    return start();
  }
  progress_ = context_.now;
  perform(dialog_.begin_due(due));
}

void LoadConnection::quit_if_resting() noexcept {
  if (!is_resting()) return;
  progress_ = context_.now;
  perform(dialog_.quit());
}

// --- the end -------------------------------------------------------------------------------------

void LoadConnection::give_up(LoadError error, std::string_view what) noexcept {
  if (dialog_.step() == LoadStep::failed) return;  // one error each: the others follow from it
  context_.stats.count_error(error, std::string(dialog_.step_name()) + ": " + std::string(what));
  dialog_.fail();
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
  const bool again = dialog_.step() == LoadStep::end;
  dialog_.close();
  --context_.open_count;
  if (!again) return;
  context_.pacer != nullptr ? rest() : start();
}

}  // namespace mailrace::tools
