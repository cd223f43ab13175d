// SPDX-License-Identifier: GPL-3.0-or-later
// One switch over what a completion is about; everything else is bookkeeping between ticks.
#include "net/worker.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

namespace mailrace::net {
namespace {

constexpr uint16_t kBufferGroup = 0;

__kernel_timespec timespec_of(core::Duration duration) noexcept {
  __kernel_timespec spec{};
  spec.tv_sec = duration.ns / 1'000'000'000;
  spec.tv_nsec = duration.ns % 1'000'000'000;
  return spec;
}

}  // namespace

Worker::Worker(WorkerOptions options)
    : options_(std::move(options)),
      files_(ring_, options_.write_mode),
      held_(buffers_),
      timers_(core::kConnectionsPerWorkerMax, options_.clock->now()),
      session_blocks_(core::kSessionBlockBytes, core::kSessionBlocksReserved),
      transaction_blocks_(core::kSessionBlockBytes,
                          core::kTransactionBlocksReserved + core::kTransactionBlocksShared),
      tls_blocks_(core::kTlsOutputBytes, core::kConnectionsPerWorkerMax),
      tls_plaintext_(new std::byte[core::kTlsRecordBytesMax]),
      context_{.worker = options_.worker,
               .ring = ring_,
               .buffers = buffers_,
               .held = held_,
               .timers = timers_,
               .session_blocks = session_blocks_,
               .transaction_blocks = transaction_blocks_,
               .terms = TermsHold(std::move(options_.terms)),
               .tls_blocks = tls_blocks_,
               .tls_plaintext = {tls_plaintext_.get(), core::kTlsRecordBytesMax},
               .client_use = options_.client_use,
               .totals = options_.totals,
               .stats = options_.stats != nullptr ? options_.stats : &own_stats_,
               .now = options_.clock->now(),
               .wall = options_.clock->wall_now()},
      connections_(core::kConnectionsPerWorkerMax) {
  obey(*context_.terms->settings);
  starved_.reserve(core::kConnectionsPerWorkerMax);
  sharing_ = options_.shares_listeners;
  for (ListeningSocket& socket : options_.listeners) listeners_.emplace_back(std::move(socket));
}

Worker::~Worker() { delete renewal_.load(); }

core::Result<void> Worker::open() {
  auto opened = ring_.open(core::kConnectionsPerWorkerMax, options_.usable, options_.ring_use);
  if (!opened) return opened;
  auto buffers =
      buffers_.open(ring_, kBufferGroup, core::kReceiveBufferCount, core::kReceiveBufferBytes);
  if (!buffers) return buffers;
  files_.set_up();
  if (!options_.helper_cpus.empty()) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (const int cpu : options_.helper_cpus) CPU_SET(size_t(cpu), &cpus);
    // A hint: without it the helpers run wherever the process may, which is right as well.
    io_uring_register_iowq_aff(&ring_.handle(), sizeof cpus, &cpus);
  }
  sink_ = options_.make_sink(files_, {this, &on_committed, &on_room});
  context_.sink = sink_.get();
  return {};
}

void Worker::run() {
  MAILRACE_CHECK(sink_ != nullptr);
  mailbox_.wait(ring_);
  for (uint32_t i = 0; i < listeners_.size(); ++i) listeners_[i].accept(ring_, i);
  end_tick();
  while (!done()) {
    ring_.submit_and_wait();
    context_.now = options_.clock->now();
    context_.wall = options_.clock->wall_now();
    if (ring_.has_overflowed()) context_.stats->overflows.add();
    make_handshake_room();
    give_handshake_turns();
    ring_.visit_completions([this](const io_uring_cqe& cqe) { dispatch(cqe); });
    end_tick();
  }
  log_end();
}

void Worker::dispatch(const io_uring_cqe& cqe) noexcept {
  const Token token = Token::unpack(cqe.user_data);
  switch (token.op) {
    case Op::ignore:
      return;
    case Op::accept:
      return on_accept(cqe, token.slot);
    case Op::timer:
      timer_armed_ = false;
      return on_timer();
    case Op::flush:
      flush_armed_ = false;
      return;
    case Op::mailbox:
      return on_mailbox();
    case Op::file:
      return files_.on_completion(token.slot, cqe.res);
    case Op::peer_name:
    case Op::receive:
    case Op::send:
    case Op::shutdown:
      break;
  }
  ServerConnection* const connection = connections_.find(token.slot, token.generation);
  if (token.op == Op::receive) {
    on_receive(cqe, connection);
  } else if (connection != nullptr) {
    if (token.op == Op::send) connection->on_send(cqe.res);
    if (token.op == Op::peer_name) connection->on_peer_name(cqe.res);
    if (token.op == Op::shutdown) connection->on_shutdown();
  }
  if (connection != nullptr) settle(token.slot);
}

void Worker::on_accept(const io_uring_cqe& cqe, uint32_t index) noexcept {
  listeners_[index].on_accept(cqe);
  // Out of descriptors or memory: the accept has ended, and the next timer tries again.
  if (cqe.res < 0) {
    if (cqe.res != -ECANCELED) context_.stats->accept_failures.add();
    return;
  }
  context_.stats->connections.add();
  const bool is_plain = !ring_.features().socket_commands;
  if (connections_.full() || (is_plain && cqe.res >= options_.descriptors_max)) {
    // Even those who are told that we are full are too many, or the spool needs what is left. The
    // table of direct descriptors is as large as this one, so only plain descriptors come here.
    io_uring_sqe& sqe = ring_.next_sqe();
    io_uring_prep_close(&sqe, cqe.res);
    io_uring_sqe_set_data64(&sqe, Token{}.pack());
    context_.stats->dropped.add();
    return;
  }
  const Listener& listener = listeners_[index];
  ServerConnection& connection =
      connections_.emplace(context_, listener.options(), cqe.res, refusal());
  const uint32_t slot = connection.slot();
  connection.start(listener.peer_name_bytes());
  settle(slot);
}

// Why a session that begins now is to end at once. Those who are told so are connections as well.
std::optional<core::ReplyId> Worker::refusal() const noexcept {
  const uint32_t most = context_.terms->settings->sessions_max;
  if (connections_.size() >= most) return core::ReplyId::too_many_sessions;
  if (overload_.strain() >= core::Strain::refuse) return core::ReplyId::overloaded;
  return std::nullopt;
}

void Worker::on_receive(const io_uring_cqe& cqe, ServerConnection* connection) noexcept {
  if (connection == nullptr) {
    // The connection is gone, the buffer is not.
    if (!BufferRing::has_buffer(cqe)) return;
    buffers_.note_lent(cqe.res);
    return buffers_.give_back(BufferRing::buffer_id(cqe));
  }
  const bool starved_before = connection->waits_for_buffers();
  connection->on_receive(cqe);
  if (!starved_before && connection->waits_for_buffers()) {
    starved_.push_back(Token::unpack(cqe.user_data).slot);
    starvation_ = true;
  }
}

// Takes a connection down once nothing of it is under way.
void Worker::settle(uint32_t slot) noexcept {
  ServerConnection* const connection = connections_.at(slot);
  if (connection == nullptr || !connection->finished()) return;
  connection->close();
  timers_.clear(slot);
  connections_.erase(slot);
}

void Worker::on_committed(void* self, core::MailOwner owner, core::MailOutcome outcome) {
  Worker& worker = *static_cast<Worker*>(self);
  ServerConnection* const connection = worker.connections_.find(owner.slot, owner.generation);
  if (connection == nullptr) return;
  connection->on_committed(outcome);
  worker.settle(owner.slot);
}

void Worker::on_room(void* self) {
  Worker& worker = *static_cast<Worker*>(self);
  for (uint32_t slot = 0; slot < worker.connections_.slot_count(); ++slot) {
    if (ServerConnection* const connection = worker.connections_.at(slot)) {
      connection->on_room();
      worker.settle(slot);
    }
  }
}

void Worker::on_mailbox() noexcept {
  const uint32_t messages = mailbox_.take();
  mailbox_.wait(ring_);
  answers_.store(questions_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  if ((messages & uint32_t(Message::renewal)) != 0) renewal_due_ = true;
  if ((messages & uint32_t(Message::alone)) != 0 && std::exchange(sharing_, false)) {
    look_for_clients();
  }
  if ((messages & uint32_t(Message::leave)) != 0 && !leaving_) begin_leave();
  if ((messages & uint32_t(Message::drain)) != 0 && !context_.draining) begin_drain();
}

bool Worker::ask() noexcept {
  const uint32_t asked = questions_.load(std::memory_order_relaxed);
  if (answers_.load(std::memory_order_relaxed) != asked) return false;
  questions_.store(asked + 1, std::memory_order_relaxed);
  post(Message::question);
  return true;
}

// What waits here was not taken yet: of both the worker takes the newer parts, and all in one tick.
void Worker::renew(Renewal renewal) {
  const std::lock_guard lock(renewing_);
  const std::unique_ptr<Renewal> before(renewal_.exchange(nullptr));
  if (before != nullptr) renewal.complete(std::move(*before));
  renewal_.store(new Renewal(std::move(renewal)));
  post(Message::renewal);
}

void Worker::take_renewal() noexcept {
  const std::unique_ptr<Renewal> taken(renewal_.exchange(nullptr));
  if (taken == nullptr) return;
  context_.terms = TermsHold(std::move(*taken).applied_to(*context_.terms));
  obey(*context_.terms->settings);
}

void Worker::obey(const Settings& settings) noexcept {
  context_.events = settings.tells_sessions ? options_.events : nullptr;
  overload_.set_budgets({.lag = settings.lag_max,
                         .commit_wait = settings.commit_wait_max,
                         .memory_used = options_.memory_used});
}

// All that may begin in a tick have a place: the oldest that wait for their clients give way. An
// honest one takes a few round trips; who holds a place for longer holds it for others.
void Worker::make_handshake_room() noexcept {
  constexpr uint32_t kEnough = core::kTlsHandshakesInFlightMax - core::kTlsHandshakesPerTickMax;
  TlsHandshakes& handshakes = context_.handshakes;
  handshakes.is_full = false;
  if (handshakes.in_flight <= kEnough && handshakes.begun.size() <= core::kTlsHandshakesBegunMax) {
    return;
  }
  std::erase_if(handshakes.begun, [this, &handshakes](Token token) {
    ServerConnection* const connection = connections_.find(token.slot, token.generation);
    if (connection == nullptr || !connection->in_handshake()) return true;
    if (handshakes.in_flight <= kEnough || !connection->give_way()) return false;
    settle(token.slot);
    return true;
  });
  handshakes.is_full = handshakes.in_flight > kEnough;
}

// Those who wait come before those who have just come. Who is gone takes nobody's turn.
void Worker::give_handshake_turns() noexcept {
  TlsHandshakes& handshakes = context_.handshakes;
  handshakes.left_in_tick = core::kTlsHandshakesPerTickMax;
  std::vector<Token>& waiting = handshakes.waiting;
  size_t turns = 0;
  size_t looked_at = 0;
  for (; looked_at < waiting.size() && turns < core::kTlsHandshakesPerTickMax; ++looked_at) {
    const Token token = waiting[looked_at];
    ServerConnection* const connection = connections_.find(token.slot, token.generation);
    if (connection == nullptr) continue;
    ++turns;
    connection->on_handshake_turn();
    settle(token.slot);
  }
  waiting.erase(waiting.begin(), waiting.begin() + ptrdiff_t(looked_at));
  if (waiting.size() <= core::kTlsHandshakesWaitingMax) return;
  std::erase_if(waiting, [this](Token token) {
    return connections_.find(token.slot, token.generation) == nullptr;
  });
}

void Worker::look_for_clients() noexcept {
  for (uint32_t i = 0; i < listeners_.size(); ++i) listeners_[i].look_again(ring_, i);
}

// Somebody else accepts at the same sockets, so nobody has to be sent away.
void Worker::begin_leave() noexcept {
  leaving_ = true;
  leave_deadline_ = context_.now + context_.terms->settings->drain_timeout;
  for (uint32_t i = 0; i < listeners_.size(); ++i) listeners_[i].stop(ring_, i);
}

void Worker::begin_drain() noexcept {
  context_.draining = true;
  drain_deadline_ = context_.now + context_.terms->settings->drain_timeout;
  for (uint32_t i = 0; i < listeners_.size(); ++i) listeners_[i].stop(ring_, i);
  drain(false);
}

void Worker::drain(bool now) noexcept {
  for (uint32_t slot = 0; slot < connections_.slot_count(); ++slot) {
    if (ServerConnection* const connection = connections_.at(slot)) {
      connection->drain(now);
      settle(slot);
    }
  }
}

void Worker::on_timer() noexcept {
  timers_.advance(context_.now, [this](uint32_t slot) {
    connections_.at(slot)->on_timeout();
    settle(slot);
  });
  for (Listener& listener : listeners_) listener.go_on();  // the next end_tick() arms it
  if (sharing_) look_for_clients();
  if (leaving_ && !context_.draining && context_.now >= leave_deadline_) {
    begin_drain();
    drain_deadline_ = context_.now;  // one timeout in all
  }
  if (context_.draining && context_.now >= drain_deadline_) drain(true);
}

// Buffers that slow peers keep from the others go back, then the others may receive again.
void Worker::relieve_starvation() noexcept {
  if (std::exchange(starvation_, false) && buffers_.lent() == buffers_.count()) {
    for (const HeldBuffers::Entry& entry : held_.entries) {
      if (entry.owner == UINT32_MAX) continue;
      const uint32_t slot = entry.owner;
      connections_.at(slot)->relieve();
      settle(slot);
    }
  }
  if (starved_.empty() || buffers_.lent() == buffers_.count()) return;
  for (const uint32_t slot : starved_) {
    ServerConnection* const connection = connections_.at(slot);
    if (connection != nullptr && connection->waits_for_buffers()) connection->on_buffers();
  }
  starved_.clear();
}

void Worker::watch_overload() noexcept {
  const core::Instant ended = options_.clock->now();
  sink_load_ = sink_->load(ended);
  overload_.look(context_.now, ended, sink_load_);
  context_.defers_mail = overload_.strain() == core::Strain::defer;
  overload_.log(options_.failures, context_.now, context_.wall, options_.worker);
}

void Worker::end_tick() noexcept {
  const auto next_flush = sink_->flush(context_.now, context_.wall);
  watch_sink();
  watch_overload();
  log_client_refusals();
  buffers_.adapt();
  relieve_starvation();
  const bool strained = overload_.strain() != core::Strain::none;
  for (uint32_t i = 0; i < listeners_.size(); ++i) {
    if (connections_.full()) break;
    listeners_[i].accept(ring_, i, strained ? AcceptPace::few : AcceptPace::all);
  }
  show_state();
  if (!context_.handshakes.waiting.empty()) {
    // The next tick comes at once.
    io_uring_sqe& sqe = ring_.next_sqe();
    io_uring_prep_nop(&sqe);
    io_uring_sqe_set_data64(&sqe, Token{}.pack());
  }
  arm_flush(next_flush);
  arm_timer();
  if (std::exchange(renewal_due_, false)) take_renewal();
}

void Worker::arm_flush(std::optional<core::Instant> when) noexcept {
  // A timeout that is armed for later does not do: another one is armed besides, and the one that
  // is left over costs an empty tick.
  if (!when || (flush_armed_ && flush_due_ <= *when)) return;
  flush_due_ = *when;
  const core::Duration wait = std::max(*when - context_.now, core::Duration{1});
  flush_at_ = timespec_of(wait);
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_timeout(&sqe, &flush_at_, 0, 0);
  io_uring_sqe_set_data64(&sqe, Token{Op::flush, 0, 0}.pack());
  flush_armed_ = true;
}

void Worker::arm_timer() noexcept {
  const bool paused = std::any_of(listeners_.begin(), listeners_.end(),
                                  [](const Listener& listener) { return listener.paused(); });
  const bool has_to_log = std::ranges::any_of(context_.client_refusals.counts, std::identity{});
  // A strain that nobody feels must be found to be over.
  const bool strained = overload_.strain() != core::Strain::none;
  const bool needed = !timers_.empty() || context_.draining || leaving_ || sharing_ || paused ||
                      has_to_log || strained;
  if (!needed || timer_armed_) return;
  tick_ = timespec_of(TimerWheel::kTick);
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_timeout(&sqe, &tick_, 0, 0);
  io_uring_sqe_set_data64(&sqe, Token{Op::timer, 0, 0}.pack());
  timer_armed_ = true;
}

bool Worker::done() noexcept {
  if ((!context_.draining && !leaving_) || connections_.size() > 0) return false;
  // Whoever comes by an accept that is not ended yet is served as before.
  if (leaving_ && std::ranges::any_of(listeners_, &Listener::armed)) return false;
  if (!std::exchange(closing_sink_, true)) {
    sink_->close();
    end_tick();
  }
  return sink_->closed();
}

}  // namespace mailrace::net
