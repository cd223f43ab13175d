// SPDX-License-Identifier: GPL-3.0-or-later
// A tick is: submit and wait, read the clock once, walk the completions.
#include "tools/load/load_worker.h"

#include "net/system_clock.h"

namespace mailrace::tools {
namespace {

constexpr uint16_t kBufferGroup = 0;
// How often counts are handed over, time-outs looked for, and a stop noticed.
constexpr __kernel_timespec kTick{.tv_sec = 0, .tv_nsec = 100'000'000};
// While connections are still to be opened: few at a time, because some servers have room for few.
constexpr __kernel_timespec kOpeningTick{.tv_sec = 0, .tv_nsec = 5'000'000};
// Messages are numbered by worker, so that no number is given twice.
constexpr unsigned kNumberBits = 48;

}  // namespace

LoadWorker::LoadWorker(const LoadPlan& plan, LoadShare share, const std::atomic<bool>& stopping)
    : share_(share),
      stopping_(stopping),
      context_{.plan = plan,
               .ring = ring_,
               .buffer_group = kBufferGroup,
               .stats = stats_,
               .messages_left = share.messages,
               .next_number = uint64_t{share.index} << kNumberBits,
               .deadline = share.timeline.deadline()} {
  for (uint32_t slot = 0; slot < share.connections; ++slot) {
    connections_.emplace_back(context_, slot);
  }
}

core::Result<void> LoadWorker::open() {
  const LoadTlsOptions& tls = context_.plan.options.tls;
  if (tls.mode != LoadTlsMode::off) {
    tls_ = LoadTls::make(tls);
    if (tls_ == nullptr) return core::fail(core::Errc::unsupported, "--tls-group");
    context_.tls = tls_.get();
  }
  if (auto opened = ring_.open(0); !opened) return opened;
  return buffers_.open(ring_, kBufferGroup, core::kLoadReceiveBufferCount,
                       core::kLoadReceiveBufferBytes);
}

core::Result<void> LoadWorker::run() {
  if (auto opened = open(); !opened) return opened;
  net::SystemClock clock;
  slice_ = share_.timeline.slice_at(clock.now());
  take_time(clock.now());
  start_due_connections();
  set_tick();
  while ((context_.open_count > 0 || started_ < connections_.size()) && !context_.timed_out) {
    ring_.submit_and_wait();
    take_time(clock.now());
    ring_.visit_completions([this](const io_uring_cqe& cqe) { dispatch(cqe); });
  }
  io_uring_submit(&ring_.handle());  // the last closes
  mailbox_.put(slice_, stats_);
  return {};
}

void LoadWorker::dispatch(const io_uring_cqe& cqe) {
  const LoadToken token = LoadToken::unpack(cqe.user_data);
  switch (token.op) {
    case LoadOp::ignore:
      return;
    case LoadOp::connect:
      return connections_[token.slot].on_connect(cqe.res);
    case LoadOp::receive:
      return receive(connections_[token.slot], cqe);
    case LoadOp::send:
      return connections_[token.slot].on_send(cqe.res);
    case LoadOp::send_mail_data:
      return connections_[token.slot].on_send_mail_data(cqe.res);
    case LoadOp::tick:
      return on_tick();
  }
}

void LoadWorker::receive(LoadConnection& connection, const io_uring_cqe& cqe) {
  if (!net::BufferRing::has_buffer(cqe)) return connection.on_receive(cqe, {});
  buffers_.note_lent();
  const uint16_t id = net::BufferRing::buffer_id(cqe);
  const size_t size = cqe.res > 0 ? size_t(cqe.res) : 0;
  connection.on_receive(cqe, buffers_.octets(id, size));
  buffers_.give_back(id);
}

// What is counted from here on belongs to `now`, so slices end before it is.
void LoadWorker::take_time(core::Instant now) {
  context_.now = now;
  const core::Instant measured_from = share_.timeline.measured_from;
  if (now >= measured_from + slice_.end) {
    mailbox_.put(slice_, stats_);
    slice_ = share_.timeline.slice_at(now);
  }
  context_.measuring = now >= measured_from;
}

// Evenly over the first half of the warm-up; all at once without one.
void LoadWorker::start_due_connections() {
  const int64_t opening_ns = (share_.timeline.measured_from - share_.timeline.start).ns / 2;
  const int64_t count = int64_t(connections_.size());
  while (started_ < connections_.size()) {
    const core::Duration due{opening_ns / count * int64_t(started_)};
    if (context_.now - share_.timeline.start < due && context_.may_begin()) return;
    connections_[started_++].start();
  }
}

void LoadWorker::set_tick() {
  const __kernel_timespec& tick = started_ < connections_.size() ? kOpeningTick : kTick;
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_timeout(&sqe, const_cast<__kernel_timespec*>(&tick), 0, 0);
  io_uring_sqe_set_data64(&sqe, LoadToken{LoadOp::tick, 0}.pack());
}

void LoadWorker::on_tick() {
  context_.stopping = stopping_.load(std::memory_order_relaxed);
  start_due_connections();
  for (LoadConnection& connection : connections_) connection.check_time();
  mailbox_.put(slice_, stats_);
  set_tick();
}

}  // namespace mailrace::tools
