// SPDX-License-Identifier: GPL-3.0-or-later
// One thread of the load generator: a ring, its share of the connections, what they counted.
#pragma once

#include "core/base/result.h"
#include "net/buffer_ring.h"
#include "net/ring.h"
#include "tools/load/load_connection.h"
#include "tools/load/mailbox.h"
#include "tools/load/timeline.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

namespace mailrace::tools {

/// What one worker is to do.
struct LoadShare {
  LoadPart part;
  uint32_t connections = 0;
  uint64_t messages = 0;
  LoadTimeline timeline;
};

class LoadWorker {
 public:
  /// plan      must outlive this
  /// stopping  set from outside to end early: messages under way are finished, none is begun
  LoadWorker(const LoadPlan& plan, LoadShare share, const std::atomic<bool>& stopping);

  /// Runs until its messages are sent, its time is over, or nobody answers any more. To be called
  /// once.
  ///
  /// fails   io: the ring could not be set up; unsupported: the library has not got the TLS group
  core::Result<void> run();

  LoadMailbox& mailbox() noexcept { return mailbox_; }

 private:
  core::Result<void> open();
  void dispatch(const io_uring_cqe& cqe);
  void receive(LoadConnection& connection, const io_uring_cqe& cqe);
  bool is_running() const;
  void take_time(core::Instant now);
  void next_slice();
  void begin_step(core::Instant start);
  void count_cpu();
  void start_due_connections();
  void send_due_messages();
  void set_due_timer();
  void set_tick();
  void on_tick();
  void hand_over_ids();

  LoadShare share_;
  const std::atomic<bool>& stopping_;
  std::unique_ptr<LoadTls> tls_;
  // The connections' memory outlives the ring, which may be using it.
  std::deque<LoadConnection> connections_;
  size_t started_ = 0;  // of them
  net::Ring ring_;
  net::BufferRing buffers_;
  LoadStats stats_;  // of this slice, since they were last handed over
  LoadSlice slice_;
  core::Duration cpu_{};  // of this thread, when it was last looked at
  std::optional<LoadPacer> pacer_;
  core::Instant timer_{INT64_MAX};  // when it wakes us for a message; INT64_MAX: none is set
  __kernel_timespec timer_time_{};
  LoadContext context_;
  LoadMailbox mailbox_;
};

}  // namespace mailrace::tools
