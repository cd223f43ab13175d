// SPDX-License-Identifier: GPL-3.0-or-later
// One thread: a ring, tables, a tick, a dispatch. Shares nothing with other workers.
#pragma once

#include "core/base/block_pool.h"
#include "core/port/clock.h"
#include "core/port/file_io.h"
#include "core/port/mail_sink.h"
#include "net/buffer_ring.h"
#include "net/connection_table.h"
#include "net/listener.h"
#include "net/mailbox.h"
#include "net/overload_watch.h"
#include "net/ring.h"
#include "net/ring_file.h"
#include "net/server_connection.h"
#include "net/settings.h"
#include "net/timer_wheel.h"
#include "net/worker_context.h"
#include "net/worker_stats.h"

#include <climits>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace mailrace::net {

struct WorkerOptions {
  uint32_t worker = 0;
  std::vector<ListeningSocket> listeners;
  bool shares_listeners = false;          // another process accepts there until Message::alone
  Terms terms;                            // with settings
  core::ClientUse* client_use = nullptr;  // of all workers; outlives them; nullptr: no limits
  core::Totals* totals = nullptr;         // likewise
  const std::atomic<uint32_t>* memory_used = nullptr;  // see OverloadBudgets
  WorkerStats* stats = nullptr;                        // outlives the worker; nullptr: nobody looks
  EventRing* events = nullptr;    // messages and refusals; outlives the worker; nullptr: no log
  EventRing* failures = nullptr;  // what goes wrong with us; outlives the worker; nullptr: no log
  core::Clock* clock = nullptr;   // outlives the worker
  core::WriteMode write_mode = core::WriteMode::direct;
  RingFeatures usable = kAllRingFeatures;  // as Ring::open() takes it
  RingUse ring_use = RingUse::worker;      // likewise
  int descriptors_max = INT_MAX;           // connections on plain descriptors get smaller ones only
  std::vector<int> helper_cpus;  // where the kernel's helper threads may run; empty: anywhere
  /// Makes the worker's sink, on the worker's thread.
  std::function<std::unique_ptr<core::MailSink>(core::FileIo&, const core::MailSinkEvents&)>
      make_sink;
};

/// A tick: wait, take the time, look at each completion, let the sink write, arm timers. source:
/// net/README.md
class alignas(64) Worker {
 public:
  explicit Worker(WorkerOptions options);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Sets up everything that run() needs. On the thread that will run it.
  /// fails   io: the kernel refused a ring, buffers or descriptors
  core::Result<void> open();

  /// Serves until drained. Requires: open() succeeded.
  void run();

  /// Any thread.
  void post(Message message) noexcept { mailbox_.post(message); }

  /// For one other thread: asks for a sign of life, unless an answer is being waited for.
  /// returns   whether the question before was answered
  bool ask() noexcept;

  /// Any thread: sessions that begin behind the tick that is under way have this. Those that go on
  /// keep what they began with. Of settings and contexts this worker becomes the only owner.
  void renew(Renewal renewal);

 private:
  static void on_committed(void* self, core::MailOwner owner, core::MailOutcome outcome);
  static void on_room(void* self);

  void dispatch(const io_uring_cqe& cqe) noexcept;
  void on_accept(const io_uring_cqe& cqe, uint32_t index) noexcept;
  void on_receive(const io_uring_cqe& cqe, ServerConnection* connection) noexcept;
  void on_mailbox() noexcept;
  void take_renewal() noexcept;
  void obey(const Settings& settings) noexcept;
  void look_for_clients() noexcept;
  void begin_leave() noexcept;
  void begin_drain() noexcept;
  void make_handshake_room() noexcept;
  void give_handshake_turns() noexcept;
  void on_timer() noexcept;
  void settle(uint32_t slot) noexcept;
  void relieve_starvation() noexcept;
  void drain(bool now) noexcept;
  std::optional<core::ReplyId> refusal() const noexcept;
  void watch_overload() noexcept;
  void show_state() noexcept;
  void watch_sink() noexcept;
  void watch_load(const core::Result<void>& ready) noexcept;
  void log_client_refusals() noexcept;
  void log_end() noexcept;
  void end_tick() noexcept;
  void arm_timer() noexcept;
  void arm_flush(std::optional<core::Instant> when) noexcept;
  bool done() noexcept;

  WorkerOptions options_;
  Mailbox mailbox_;
  Ring ring_;
  BufferRing buffers_;
  RingFile files_;
  HeldBuffers held_;
  TimerWheel timers_;
  core::BlockPool session_blocks_;
  core::BlockPool transaction_blocks_;
  core::BlockPool tls_blocks_;
  std::unique_ptr<std::byte[]> tls_plaintext_;
  std::mutex renewing_;                     // of those who call renew(); never of the worker
  std::atomic<Renewal*> renewal_{nullptr};  // on its way from renew()
  bool renewal_due_ = false;
  std::atomic<uint32_t> questions_{0};
  std::atomic<uint32_t> answers_{0};
  WorkerStats own_stats_;
  WorkerContext context_;
  std::unique_ptr<core::MailSink> sink_;
  std::vector<Listener> listeners_;
  OverloadWatch overload_;
  core::SinkLoad sink_load_;
  ConnectionTable<ServerConnection> connections_;

  std::vector<uint32_t> starved_;  // slots that wait for receive buffers
  bool starvation_ = false;        // one was added in this tick
  bool timer_armed_ = false;
  bool flush_armed_ = false;
  core::Instant flush_due_{};  // of the timeout armed last
  bool closing_sink_ = false;
  int sink_errno_ = 0;  // why the sink takes no mail, as last logged
  bool busy_ = false;   // the sink is
  bool busy_logged_ = false;
  uint32_t busy_spells_ = 0;
  uint32_t busy_refusals_logged_ = 0;
  core::Instant fade_at_{};      // BusyNetworks
  core::Instant busy_log_at_{};  // not before
  __kernel_timespec tick_{};
  __kernel_timespec flush_at_{};
  core::Instant drain_deadline_{};
  bool sharing_ = false;  // see WorkerOptions::shares_listeners
  bool leaving_ = false;
  core::Instant leave_deadline_{};
};

}  // namespace mailrace::net
