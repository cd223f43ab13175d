// SPDX-License-Identifier: GPL-3.0-or-later
// A tick is: submit and wait, read the clock once, walk the completions.
#include "tools/load/load_worker.h"

#include "net/system_clock.h"

#include <time.h>

namespace mailrace::tools {
namespace {

constexpr uint16_t kBufferGroup = 0;
// How often counts are handed over, time-outs looked for, and a stop noticed.
constexpr __kernel_timespec kTick{.tv_sec = 0, .tv_nsec = 100'000'000};
// While connections are still to be opened: few at a time, because some servers have room for few.
constexpr __kernel_timespec kOpeningTick{.tv_sec = 0, .tv_nsec = 5'000'000};
// Messages are numbered by worker, so that no number is given twice.
constexpr unsigned kNumberBits = 48;
constexpr core::Instant kNever{INT64_MAX};
constexpr int64_t kNsPerSecond = 1'000'000'000;

core::Duration thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return {int64_t{time.tv_sec} * kNsPerSecond + time.tv_nsec};
}

}  // namespace

LoadWorker::LoadWorker(const LoadPlan& plan, LoadShare share, const std::atomic<bool>& stopping)
    : share_(share),
      stopping_(stopping),
      context_{.plan = plan,
               .ring = ring_,
               .buffer_group = kBufferGroup,
               .stats = stats_,
               .messages_left = share.messages,
               .next_number = uint64_t{share.part.index} << kNumberBits,
               .next_connection = uint64_t{share.part.index} << kNumberBits,
               .deadline = share.timeline.deadline()} {
  for (uint32_t slot = 0; slot < share.connections; ++slot) {
    connections_.emplace_back(context_, slot);
  }
  if (!plan.options.is_open_loop()) return;
  pacer_.emplace(share.messages, stats_);
  context_.pacer = &*pacer_;
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
  slice_ = share_.timeline.slice_at(share_.timeline.start);
  context_.measuring = !slice_.is_warmup();
  begin_step(share_.timeline.start);
  take_time(clock.now());
  start_due_connections();
  set_tick();
  while (is_running()) {
    set_due_timer();
    ring_.submit_and_wait();
    take_time(clock.now());
    send_due_messages();
    ring_.visit_completions([this](const io_uring_cqe& cqe) { dispatch(cqe); });
  }
  io_uring_submit(&ring_.handle());  // the last closes
  if (pacer_) pacer_->end(context_.now);
  count_cpu();
  mailbox_.put(slice_, stats_);
  hand_over_ids();
  return {};
}

bool LoadWorker::is_running() const {
  const bool is_waiting = pacer_ && !context_.resting.empty() && context_.may_begin();
  return !context_.timed_out &&
         (context_.open_count > 0 || started_ < connections_.size() || is_waiting);
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
    case LoadOp::due:
      timer_ = kNever;
      return;
  }
}

void LoadWorker::receive(LoadConnection& connection, const io_uring_cqe& cqe) {
  if (!net::BufferRing::has_buffer(cqe)) return connection.on_receive(cqe, {});
  buffers_.note_lent(cqe.res);
  const uint16_t id = net::BufferRing::buffer_id(cqe);
  const size_t size = cqe.res > 0 ? size_t(cqe.res) : 0;
  connection.on_receive(cqe, buffers_.octets(id, size));
  buffers_.give_back(id);
}

// --- time ----------------------------------------------------------------------------------------

// What is counted from here on belongs to `now`, so slices end before it is.
void LoadWorker::take_time(core::Instant now) {
  context_.now = now;
  while (now >= share_.timeline.measured_from + slice_.end) next_slice();
}

void LoadWorker::next_slice() {
  const core::Instant end = share_.timeline.measured_from + slice_.end;
  const LoadSlice next = share_.timeline.slice_at(end);
  const bool is_new_step = next.step != slice_.step || next.is_warmup() != slice_.is_warmup();
  count_cpu();
  if (pacer_) pacer_->advance({end.ns - 1});
  if (pacer_ && is_new_step) pacer_->give_up(end);
  mailbox_.put(slice_, stats_);
  slice_ = next;
  context_.measuring = !next.is_warmup();
  if (is_new_step) begin_step(end);
}

// A step has a schedule of its own; what the last one left unsent is not sent any more.
void LoadWorker::begin_step(core::Instant start) {
  if (!pacer_) return;
  if (slice_.step >= share_.timeline.step_count) return pacer_->end(start);
  const LoadOptions& options = context_.plan.options;
  pacer_->begin(LoadSchedule(options.rate_of(slice_.step), options.arrivals, share_.part,
                             options.seed, start),
                context_.measuring);
}

void LoadWorker::count_cpu() {
  const core::Duration cpu = thread_cpu_time();
  if (context_.measuring) stats_.cpu.ns += cpu.ns - cpu_.ns;
  cpu_ = cpu;
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
  for (LoadConnection& connection : connections_) connection.on_tick();
  mailbox_.put(slice_, stats_);
  hand_over_ids();
  set_tick();
}

// --- what is begun when --------------------------------------------------------------------------

// Evenly over the first half of the warm-up; all at once without one. In an open loop connections
// whose messages are counted are opened when there is a message for them.
void LoadWorker::start_due_connections() {
  const LoadTimeline& timeline = share_.timeline;
  const int64_t opening_ns = (timeline.measured_from - timeline.start).ns / 2;
  const int64_t count = int64_t(connections_.size());
  const bool is_for_later = pacer_ && !context_.plan.options.messages_per_connection.is_none();
  while (started_ < connections_.size()) {
    const core::Duration due{opening_ns / count * int64_t(started_)};
    if (context_.now - timeline.start < due && context_.may_begin()) return;
    const auto slot = uint32_t(started_++);
    is_for_later ? connections_[slot].rest() : connections_[slot].start();
  }
}

// Before completions are looked at. What became due while a connection rested, and is seen late, is
// late because of this thread.
void LoadWorker::send_due_messages() {
  if (!pacer_) return;
  std::deque<uint32_t>& resting = context_.resting;
  if (context_.may_begin()) {
    pacer_->advance(context_.now);
  } else {
    pacer_->end(context_.now);
    for (const uint32_t slot : resting) connections_[slot].quit_if_resting();
    resting.clear();
  }
  while (pacer_->has_waiting() && !resting.empty()) {
    LoadConnection& connection = connections_[resting.front()];
    resting.pop_front();
    if (!connection.can_send()) continue;
    const core::Instant due = *pacer_->take();
    // Not since it became due, if it waited for a connection then: that is the server's doing.
    const core::Instant possible = std::max(due, connection.rested_since());
    if (context_.measuring) stats_.late_ns.add(uint64_t((context_.now - possible).ns));
    connection.send_due(due);
  }
}

// Only if a connection is free: else the next thing to happen is a reply.
void LoadWorker::set_due_timer() {
  if (!pacer_ || context_.resting.empty() || !context_.may_begin()) return;
  const auto due = pacer_->next_due();
  if (!due || *due >= timer_) return;
  timer_ = *due;
  timer_time_ = {.tv_sec = due->ns / kNsPerSecond, .tv_nsec = due->ns % kNsPerSecond};
  io_uring_sqe& sqe = ring_.next_sqe();
  io_uring_prep_timeout(&sqe, &timer_time_, 0, IORING_TIMEOUT_ABS);
  io_uring_sqe_set_data64(&sqe, LoadToken{LoadOp::due, 0}.pack());
}

void LoadWorker::hand_over_ids() {
  LoadIdWriter* const writer = context_.plan.options.id_writer;
  if (writer != nullptr) writer->put(context_.plan.mail->run(), context_.acknowledged);
}

}  // namespace mailrace::tools
