// SPDX-License-Identifier: GPL-3.0-or-later
// A tick is: submit and wait, read the clock once, walk the completions.
#include "tools/sink/worker.h"

#include "net/system_clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr uint16_t kBufferGroup = 0;
// How often counts are handed over and signals looked for.
constexpr __kernel_timespec kTick{.tv_sec = 0, .tv_nsec = 100'000'000};
constexpr std::chrono::milliseconds kStopLook{100};

}  // namespace

void SinkMailbox::put(SinkStats& stats, std::vector<MailRecord>& records,
                      const std::atomic<bool>& stopping) {
  std::unique_lock lock(mutex_);
  stats_.merge(stats);
  stats = SinkStats{};
  while (records_.size() >= core::kMailRecordsWaitingMax &&
         !stopping.load(std::memory_order_relaxed)) {
    taken_.wait_for(lock, kStopLook);
  }
  records_.insert(records_.end(), records.begin(), records.end());
  records.clear();
}

void SinkMailbox::take(SinkStats& stats, std::vector<MailRecord>& records) {
  const std::lock_guard lock(mutex_);
  stats.merge(stats_);
  stats_ = SinkStats{};
  records.insert(records.end(), records_.begin(), records_.end());
  records_.clear();
  taken_.notify_one();
}

SinkWorker::SinkWorker(const SinkPlan& plan, SinkSignals& signals, uint32_t index,
                       std::vector<net::ListeningSocket> sockets)
    : plan_(plan),
      signals_(signals),
      index_(index),
      blocks_(core::kSessionBlockBytes, 2 * size_t{core::kSinkConnectionsPerWorkerMax}),
      connections_(core::kSinkConnectionsPerWorkerMax),
      resources_{.ring = ring_, .buffer_group = kBufferGroup, .blocks = blocks_} {
  for (net::ListeningSocket& socket : sockets) listeners_.emplace_back(std::move(socket));
}

core::Result<void> SinkWorker::open() {
  if (auto opened = ring_.open(core::kSinkConnectionsPerWorkerMax); !opened) return opened;
  return buffers_.open(ring_, kBufferGroup, core::kReceiveBufferCount, core::kReceiveBufferBytes);
}

core::Result<void> SinkWorker::run() {
  if (auto opened = open(); !opened) return opened;
  net::SystemClock clock;
  context_.now = clock.now();
  set_tick();
  while (!is_over()) {
    for (uint32_t index = 0; index < listeners_.size() && !context_.draining; ++index) {
      listeners_[index].accept(ring_, index);
    }
    ring_.submit_and_wait();
    context_.now = clock.now();
    const uint64_t messages_before = stats_.messages;
    ring_.visit_completions([this](const io_uring_cqe& cqe) { dispatch(cqe); });
    buffers_.adapt();
    look_for_end(messages_before);
    if (std::exchange(tick_due_, false)) on_tick();
  }
  io_uring_submit(&ring_.handle());  // the last replies and closes
  mailbox_.put(stats_, records_, signals_.stopping);
  return {};
}

bool SinkWorker::is_over() const noexcept {
  if (signals_.stopping.load(std::memory_order_relaxed)) return true;
  return context_.draining && (open_count_ == 0 || context_.now >= drain_deadline_);
}

void SinkWorker::dispatch(const io_uring_cqe& cqe) {
  const net::Token token = net::Token::unpack(cqe.user_data);
  if (token.op == net::Op::ignore) return;
  if (token.op == net::Op::accept) return on_accept(cqe, token.slot);
  if (token.op == net::Op::timer) {
    tick_due_ = true;
    return;
  }
  SinkConnection& connection = *connections_[token.slot];
  if (token.op == net::Op::receive) on_receive(cqe, connection);
  if (token.op == net::Op::send) connection.on_send(cqe.res);
  if (token.op == net::Op::flush) connection.on_delay();
  if (token.op == net::Op::shutdown) connection.on_shutdown();
  settle(token.slot);
}

void SinkWorker::on_accept(const io_uring_cqe& cqe, uint32_t index) {
  listeners_[index].on_accept(cqe);
  if (cqe.res < 0) return;  // the listener pauses until the next tick
  const uint32_t slot = uint32_t(cqe.res);
  ++stats_.connections;
  stats_.first_connection = std::min(stats_.first_connection, context_.now);
  if (slot >=
      connections_.size()) {  // a plain descriptor; direct ones are as many as there is room
    ++stats_.dropped;
    io_uring_sqe& sqe = ring_.next_sqe();
    io_uring_prep_close(&sqe, cqe.res);
    io_uring_sqe_set_data64(&sqe, net::Token{}.pack());
    return;
  }
  // One connection after the other has the same faults in each run.
  core::Prng seed(plan_.options.seed ^ uint64_t{index_} << 40 ^ ++accepted_);
  connections_[slot] = std::make_unique<SinkConnection>(context_, resources_, cqe.res, seed.next());
  ++open_count_;
  connections_[slot]->start();
  settle(slot);
}

void SinkWorker::on_receive(const io_uring_cqe& cqe, SinkConnection& connection) {
  if (!net::BufferRing::has_buffer(cqe)) return connection.on_receive(cqe, {});
  buffers_.note_lent(cqe.res);
  const uint16_t id = net::BufferRing::buffer_id(cqe);
  const size_t size = cqe.res > 0 ? size_t(cqe.res) : 0;
  connection.on_receive(cqe, buffers_.octets(id, size));
  buffers_.give_back(id);
}

// Takes a connection down once nothing of it is under way.
void SinkWorker::settle(uint32_t slot) {
  if (!connections_[slot]->finished()) return;
  connections_[slot]->close();
  connections_[slot].reset();
  --open_count_;
}

void SinkWorker::look_for_end(uint64_t messages_before) {
  const uint64_t most = plan_.options.messages;
  const uint64_t taken = stats_.messages - messages_before;
  if (most > 0 && taken > 0 && signals_.messages.fetch_add(taken) + taken >= most) {
    signals_.draining.store(true, std::memory_order_relaxed);
  }
  if (context_.draining || !signals_.draining.load(std::memory_order_relaxed)) return;
  context_.draining = true;
  drain_deadline_ = context_.now + core::seconds(core::kSinkDrainTimeoutS);
  for (uint32_t index = 0; index < listeners_.size(); ++index) listeners_[index].stop(ring_, index);
}

void SinkWorker::on_tick() {
  mailbox_.put(stats_, records_, signals_.stopping);
  for (net::Listener& listener : listeners_) listener.go_on();
  if (context_.now - idle_look_ >= core::seconds(1)) drop_idle();
  set_tick();
}

void SinkWorker::drop_idle() {
  idle_look_ = context_.now;
  for (uint32_t slot = 0; slot < connections_.size(); ++slot) {
    SinkConnection* const connection = connections_[slot].get();
    if (connection == nullptr) continue;
    connection->check_time();
    settle(slot);
  }
}

void SinkWorker::set_tick() {
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_timeout(&sqe, const_cast<__kernel_timespec*>(&kTick), 0, 0);
  io_uring_sqe_set_data64(&sqe, net::Token{net::Op::timer, 0, 0}.pack());
}

}  // namespace mailrace::tools
