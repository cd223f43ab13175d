// SPDX-License-Identifier: GPL-3.0-or-later
// From accept to the greeting: who the peer is, whom it speaks for, and who speaks first.
#include "core/base/check.h"
#include "net/server_connection.h"
#include "net/socket_address.h"

#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace mailrace::net {

using core::Endpoint;
using core::Limited;
using core::ProxyStatus;
using core::ReplyId;

namespace {

// What XCLIENT says, or what is known without it.
template <class T>
T chosen(const core::XclientValue<T>& said, T otherwise) noexcept {
  return said.value.value_or(otherwise);
}

// What a client is told that has done too much before it came.
ReplyId reply_to(Limited limit) noexcept {
  switch (limit) {
    case Limited::unknown_recipients:
      return ReplyId::too_many_unknown_recipients;
    case Limited::errors:
      return ReplyId::too_many_errors;
    case Limited::handshakes:
      return ReplyId::too_many_handshakes;
    case Limited::concurrent:
    case Limited::half_open:
    case Limited::connections:
    case Limited::messages:
    case Limited::recipients:
      break;
  }
  return ReplyId::too_many_connections;
}

}  // namespace

void ServerConnection::start(int peer_name_bytes) noexcept {
  context_.timers.set(self_.slot, context_.now + clock_.interval());
  if (context_.ring.features().socket_commands) {
    stream_.ask_peer_name(&peer_name_, peer_name_bytes);
    return;
  }
  auto size = socklen_t(peer_name_bytes);
  const int result =
      ::getpeername(stream_.descriptor(), reinterpret_cast<sockaddr*>(&peer_name_), &size);
  on_peer_name(result == 0 ? int(size) : -errno);
}

void ServerConnection::on_peer_name(int result) noexcept {
  stream_.on_peer_name();
  if (over_) return;
  if (result < 0) return end();  // it is gone already
  origin_ = endpoint_of(reinterpret_cast<const sockaddr*>(&peer_name_));
  origin_.address = unmapped(origin_.address);
  peer_ = origin_;
  const bool is_proxy = settings().connection.proxy_from.contains(origin_.address);
  stage_ = is_proxy ? Stage::proxy_header : Stage::greeting;
  // A header that comes when the server is stopping would only lead to a 421.
  if (is_proxy && context_.draining) return end();
  stream_.receive();
  if (!is_proxy) return begin_session();
  proxy_header_ = std::make_unique<core::ProxyHeader>();
  context_.timers.set(self_.slot, context_.now + settings().connection.timeouts.proxy_header);
}

// Something came, or will not come any more, before the greeting was due.
void ServerConnection::go_on_opening() noexcept {
  if (stage_ == Stage::proxy_header) return read_proxy_header();
  if (stage_ == Stage::handshake) return wait_ == Wait::nothing ? go_on_handshake() : rest();
  // Who is not let in need not be kept waiting either.
  const bool is_early = !input_.empty();
  if (is_early && settings().connection.early_talker == EarlyTalker::reject) return greet();
  rest();  // of a handshake the last words may still be here
}

// --- the PROXY header ----------------------------------------------------------------------------

void ServerConnection::read_proxy_header() noexcept {
  core::ProxyHeader& header = *proxy_header_;
  while (!input_.empty() && header.status() == ProxyStatus::incomplete) {
    input_.consume(header.feed(input_.front()));
  }
  switch (header.status()) {
    case ProxyStatus::incomplete:
      if (peer_closed_) return fail_proxy_header("cut");
      return steer_receiving();
    case ProxyStatus::invalid:
      return fail_proxy_header(core::proxy_defect_name(header.defect()));
    case ProxyStatus::proxied: {
      const Endpoint proxy = std::exchange(origin_, header.source());
      origin_.address = unmapped(origin_.address);
      peer_ = origin_;
      log_proxied(proxy, header.destination(), core::Verb::unknown, {});
      break;
    }
    case ProxyStatus::local:
      break;
  }
  proxy_header_.reset();
  begin_session();
}

// Closes without a word: whoever this is does not speak SMTP to us yet.
void ServerConnection::fail_proxy_header(std::string_view reason) noexcept {
  if (context_.events != nullptr) {
    context_.events->push({.kind = EventKind::proxy_failure,
                           .time = context_.wall,
                           .worker = context_.worker,
                           .peer = peer_,
                           .text = reason});
  }
  end();
}

// --- the greeting --------------------------------------------------------------------------------

void ServerConnection::begin_session() noexcept {
  context_.stats->networks.add(peer_.address);
  if (!refusal_) refusal_ = let_in();
  if (listener_.tls != ListenerTls::implicit) return await_greeting();
  // A handshake only to say no costs more than it is worth.
  if (refusal_ || context_.draining) return end();
  if (!client_.may(Limited::handshakes, 1, context_.now)) {
    refuse_beyond(Limited::handshakes, ReplyId::too_many_handshakes);
    return end();
  }
  begin_tls();
}

core::ClientStanding ServerConnection::standing() const noexcept {
  using core::ClientStanding;
  const auto listed =
      terms_->lists != nullptr ? terms_->lists->of(peer_.address) : ClientStanding::unknown;
  if (listed != ClientStanding::unknown) return listed;
  // Whoever may speak for others is trusted, and those others have limits of their own.
  const bool may_speak = settings().connection.xclient_from.contains(peer_.address);
  return may_speak ? ClientStanding::allowed : ClientStanding::unknown;
}

// returns  why the client is refused, if it is
std::optional<ReplyId> ServerConnection::let_in() noexcept {
  if (context_.client_use != nullptr) {
    client_.bind(settings().connection.limits, *context_.client_use);
  }
  const core::ClientStanding standing = this->standing();
  if (standing == core::ClientStanding::blocked) {
    note_refused(ClientRefusals::kBlocked);
    return ReplyId::client_blocked;
  }
  if (standing == core::ClientStanding::allowed) return std::nullopt;
  const auto limit = client_.open(peer_.address, context_.now);
  if (!limit) return std::nullopt;
  return refuse_beyond(*limit, reply_to(*limit)).refusal;
}

// From here on it is somebody else who is spoken for, and who has to answer for it.
void ServerConnection::become(const Endpoint& peer) noexcept {
  log_refusals();
  beyond_errors_ = false;
  peer_ = peer;
  switch (standing()) {
    case core::ClientStanding::unknown:
      return client_.become(peer_.address);
    case core::ClientStanding::allowed:
      return client_.exempt();
    case core::ClientStanding::blocked:
      note_refused(ClientRefusals::kBlocked);
      refusal_ = ReplyId::client_blocked;
      return;
  }
}

void ServerConnection::await_greeting() noexcept {
  const core::Duration delay = settings().connection.greeting_delay;
  if (delay.ns == 0 || refusal_ || context_.draining) return greet();
  stage_ = Stage::greeting;
  wait_ = Wait::greeting;
  context_.timers.set(self_.slot, context_.now + delay);
  go_on_opening();
}

void ServerConnection::greet() noexcept {
  stage_ = Stage::session;
  wait_ = Wait::nothing;
  watch_clock();
  enter(MailStage::banner, idle_since_);
  const bool may_encrypt = tls_ == nullptr && terms_->tls != nullptr;
  run(session_.start({
      .may_xclient = settings().connection.xclient_from.contains(peer_.address),
      .spoke_early = !input_.empty(),
      .refuse_early = settings().connection.early_talker == EarlyTalker::reject,
      .offers_tls = may_encrypt,
      .needs_tls = may_encrypt && listener_.tls == ListenerTls::required,
  }));
}

// --- XCLIENT -------------------------------------------------------------------------------------

// [UNAVAILABLE] leads back to what the connection itself says. The port of another address is not
// known unless it is said as well.
void ServerConnection::speak_for(const core::Xclient& client) noexcept {
  if (client.address.said) {
    become({chosen(client.address, origin_.address),
            client.address.value ? uint16_t{0} : origin_.port});
  }
  if (client.port.said) peer_.port = chosen(client.port, origin_.port);
  const Endpoint destination{chosen(client.dest_address, core::IpAddress{}),
                             chosen(client.dest_port, uint16_t{0})};
  log_proxied(origin_, destination, core::Verb::xclient, client.name.value.view());
}

void ServerConnection::log_proxied(const Endpoint& via, const Endpoint& destination, core::Verb by,
                                   std::string_view name) noexcept {
  if (context_.events == nullptr) return;
  context_.events->push({.kind = EventKind::proxied,
                         .time = context_.wall,
                         .worker = context_.worker,
                         .peer = peer_,
                         .verb = by,
                         .via = via,
                         .destination = destination,
                         .text = name});
}

}  // namespace mailrace::net
