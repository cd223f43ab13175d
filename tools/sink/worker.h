// SPDX-License-Identifier: GPL-3.0-or-later
// One thread of a sink: a ring, its sockets and connections, and what it hands to the main thread.
#pragma once

#include "core/base/result.h"
#include "net/buffer_ring.h"
#include "net/listener.h"
#include "net/ring.h"
#include "tools/sink/connection.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace mailrace::tools {

/// What workers and the main thread tell each other.
struct SinkSignals {
  std::atomic<bool> stopping{false};  // end where you stand
  std::atomic<bool> draining{false};  // begin no mail, and end once nobody is connected
  std::atomic<uint64_t> messages{0};  // of all workers, if there is a number to end at
};

/// Counts and records from a worker's thread to the main one, a few times a second.
class SinkMailbox {
 public:
  /// Moves `stats` and `records` to what waits here. The worker's thread; waits while
  /// kMailRecordsWaitingMax records wait here, until they are taken or `stopping` is set.
  void put(SinkStats& stats, std::vector<MailRecord>& records, const std::atomic<bool>& stopping);
  /// Moves what waits here to the end of the targets. Any thread.
  void take(SinkStats& stats, std::vector<MailRecord>& records);

 private:
  std::mutex mutex_;
  std::condition_variable taken_;
  SinkStats stats_;
  std::vector<MailRecord> records_;
};

class SinkWorker {
 public:
  /// plan, signals   must outlive this
  /// index           of the worker
  SinkWorker(const SinkPlan& plan, SinkSignals& signals, uint32_t index,
             std::vector<net::ListeningSocket> sockets);

  /// Runs until it is told to stop, or has drained. To be called once, on the worker's thread.
  /// fails   io: the ring could not be set up
  core::Result<void> run();

  SinkMailbox& mailbox() noexcept { return mailbox_; }

 private:
  core::Result<void> open();
  bool is_over() const noexcept;
  void dispatch(const io_uring_cqe& cqe);
  void on_accept(const io_uring_cqe& cqe, uint32_t index);
  void on_receive(const io_uring_cqe& cqe, SinkConnection& connection);
  void on_tick();
  void look_for_end(uint64_t messages_before);
  void drop_idle();
  void settle(uint32_t slot);
  void set_tick();

  const SinkPlan& plan_;
  SinkSignals& signals_;
  uint32_t index_;
  core::BlockPool blocks_;
  SinkStats stats_;
  std::vector<MailRecord> records_;
  SinkContext context_{plan_, stats_, records_};
  // The connections' memory outlives the ring, which may be using it.
  std::vector<std::unique_ptr<SinkConnection>> connections_;  // by descriptor
  net::Ring ring_;
  net::BufferRing buffers_;
  SinkResources resources_;
  std::vector<net::Listener> listeners_;
  uint32_t open_count_ = 0;
  uint64_t accepted_ = 0;
  bool tick_due_ = false;
  core::Instant drain_deadline_{};
  core::Instant idle_look_{};
  SinkMailbox mailbox_;
};

}  // namespace mailrace::tools
