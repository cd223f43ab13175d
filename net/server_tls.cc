// SPDX-License-Identifier: GPL-3.0-or-later
// TLS of a connection: its handshake, in turn with others, and what is decrypted.
#include "core/base/check.h"
#include "core/base/limits.h"
#include "net/server_connection.h"

#include <functional>
#include <utility>

namespace mailrace::net {

using core::Octets;

// --- the handshake -------------------------------------------------------------------------------

// From here on the stream is TLS: what was received and not used belongs to it already.
void ServerConnection::begin_tls() noexcept {
  MAILRACE_CHECK(tls_ == nullptr);
  MAILRACE_CHECK(replies_.empty());
  MAILRACE_CHECK(!stream_.sending());
  tls_ = std::make_unique<TlsSession>(terms_->tls, context_.tls_blocks, context_.tls_kept_bytes);
  stage_ = Stage::handshake;
  wait_ = Wait::nothing;
  context_.timers.set(self_.slot, context_.now + settings().connection.timeouts.tls_handshake);
  go_on_handshake();
}

void ServerConnection::go_on_handshake() noexcept {
  while (wait_ == Wait::nothing) {
    if (tls_->in_handshake() && !input_.empty() && !take_turn()) return;
    const TlsStep step = advance_tls();
    switch (step.status) {
      case TlsStatus::wants_input:
        if (!input_.empty()) continue;
        if (peer_closed_) return fail_tls("closed by the client");
        flush();
        return steer_receiving();
      case TlsStatus::wants_output:
        wait_ = Wait::output;
        break;
      case TlsStatus::hello:
        if (!take_handshake_turn()) return;
        break;
      case TlsStatus::established:
        return end_handshake();
      case TlsStatus::plaintext:  // not before the handshake has ended
      case TlsStatus::closed:
        return fail_tls("closed by the client");
      case TlsStatus::failed:
        return fail_tls(tls_->failure());
    }
  }
  flush();
  steer_receiving();
}

// What a client sends in its handshake may cost a signature or a key exchange: the ClientHello, the
// second one after a HelloRetryRequest, and what follows. A few of these in each tick, the others
// wait. returns whether it is this one's turn
bool ServerConnection::take_turn() noexcept {
  TlsHandshakes& handshakes = context_.handshakes;
  if (handshakes.left_in_tick > 0) {
    --handshakes.left_in_tick;
    return true;
  }
  wait_for_turn();
  return false;
}

void ServerConnection::wait_for_turn() noexcept {
  wait_ = Wait::turn;
  context_.handshakes.waiting.push_back(self_);
  steer_receiving();
}

// With its first ClientHello a handshake begins, once there is a place for it. If nobody could give
// way, all others wait for their turn as well, and some of them end with it.
bool ServerConnection::take_handshake_turn() noexcept {
  TlsHandshakes& handshakes = context_.handshakes;
  if (handshakes.in_flight >= core::kTlsHandshakesInFlightMax) {
    wait_for_turn();
    return false;
  }
  if (!take_turn()) return false;
  ++handshakes.in_flight;
  handshakes.begun.push_back(self_);
  in_handshake_ = true;
  return true;
}

bool ServerConnection::give_way() noexcept {
  MAILRACE_CHECK(in_handshake_);
  if (wait_ == Wait::turn) return false;
  fail_tls("too many handshakes");
  return true;
}

void ServerConnection::on_handshake_turn() noexcept {
  if (over_ || closing_ || wait_ != Wait::turn) return;
  wait_ = Wait::nothing;
  if (in_handshake_ || take_handshake_turn()) go_on_handshake();
}

void ServerConnection::leave_handshake() noexcept {
  if (std::exchange(in_handshake_, false)) --context_.handshakes.in_flight;
}

void ServerConnection::end_handshake() noexcept {
  leave_handshake();
  session_.set_encrypted();
  clock_.has_spoken(context_.now);
  context_.stats->handshakes.add();
  if (tls_->facts().is_resumed) context_.stats->resumed.add();
  phase_at_ = context_.now;
  if (listener_.tls == ListenerTls::implicit) return await_greeting();
  // Nothing that was said in the clear holds any more, XCLIENT included.
  if (peer_.address != origin_.address) become(origin_);
  peer_ = origin_;
  stage_ = Stage::session;
  watch_clock();
  go_on();
}

// Says why to the log; to the client the library does, by an alert.
void ServerConnection::fail_tls(std::string_view reason) noexcept {
  if (closing_ || over_) return;
  if (context_.events != nullptr) {
    context_.events->push({.kind = EventKind::tls_failure,
                           .time = context_.wall,
                           .worker = context_.worker,
                           .peer = peer_,
                           .helo = session_.helo(),
                           .text = reason});
  }
  begin_closing();
  flush();
  steer_receiving();
}

// --- what is decrypted ---------------------------------------------------------------------------

// One step of TLS with what was received.
TlsStep ServerConnection::advance_tls() noexcept {
  const TlsStep step = tls_->advance(input_.empty() ? Octets{} : input_.front(),
                                     context_.tls_plaintext, /*is_owed=*/mail_open_);
  if (step.consumed > 0) input_.consume(step.consumed);
  return step;
}

// Decrypts a record, if there is a whole one. returns whether there is plaintext now
bool ServerConnection::decrypt() noexcept {
  while (!input_.empty()) {
    const TlsStep step = advance_tls();
    switch (step.status) {
      case TlsStatus::plaintext:
        plaintext_.lend(step.plaintext);
        return true;
      case TlsStatus::wants_input:
        break;
      case TlsStatus::wants_output:
        wait_ = Wait::output;
        return false;
      case TlsStatus::closed:
        peer_closed_ = true;
        input_.clear();
        return false;
      case TlsStatus::hello:  // not behind the handshake
      case TlsStatus::established:
      case TlsStatus::failed:
        fail_tls(tls_->failure());
        return false;
    }
  }
  return false;
}

// Where the octets of `part` are, once `before` has been moved to `after`.
Octets ServerConnection::moved(Octets part, Octets before, Octets after) noexcept {
  const bool is_inside = !part.empty() && std::greater_equal<>{}(part.data(), before.data()) &&
                         std::less<>{}(part.data(), before.data() + before.size());
  return is_inside ? after.subspan(size_t(part.data() - before.data()), part.size()) : part;
}

// The worker's plaintext buffer is somebody else's next: what is left in it is copied.
void ServerConnection::keep_plaintext() noexcept {
  if (!plaintext_.is_lent()) return;
  const Octets before = plaintext_.front();
  if (!plaintext_.keep(/*is_owed=*/mail_open_)) return end();
  unappended_ = moved(unappended_, before, plaintext_.front());
}

// Replies become records. They are only taken while nothing is being sent, so there is room; a
// client that makes us say more than that, by asking for keys again and again, waits.
void ServerConnection::encrypt_replies() noexcept {
  if (!tls_->is_open()) return;
  const Octets replies = replies_.pending();
  const size_t room = tls_->output().room();
  if (room < replies.size() + 2 * core::kTlsRecordOverheadBytes) return;
  if (!replies.empty()) {
    if (!tls_->write(replies)) return fail_tls(tls_->failure());
    replies_.consume(replies.size());
  }
  if (closing_) tls_->close();
}

}  // namespace mailrace::net
