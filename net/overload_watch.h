// SPDX-License-Identifier: GPL-3.0-or-later
// Watches what a worker uses of its budgets, and tells the log when something follows from it.
#pragma once

#include "core/base/time.h"
#include "core/policy/overload.h"
#include "core/port/mail_sink.h"
#include "net/event_ring.h"

#include <atomic>
#include <cstdint>

namespace mailrace::net {

/// What a worker may use. Of spool memory it may use all there is.
struct OverloadBudgets {
  core::Duration lag = core::milliseconds(core::kLagMaxDefaultMs);           // 0: any
  core::Duration commit_wait = core::seconds(core::kCommitWaitMaxDefaultS);  // 0: any
  const std::atomic<uint32_t>* memory_used = nullptr;  // of the process, thousandths; outlives all
};

/// Of one worker, on its thread.
class OverloadWatch {
 public:
  explicit OverloadWatch(const OverloadBudgets& budgets = {}) noexcept : budgets_(budgets) {}

  /// From now on.
  void set_budgets(const OverloadBudgets& budgets) noexcept { budgets_ = budgets; }

  /// At the end of each tick. begun, ended   the tick
  void look(core::Instant begun, core::Instant ended, const core::SinkLoad& sink) noexcept;

  /// Logs a change: once, and not more often than every kStrainLogIntervalS.
  /// failures   nullptr: nobody listens
  void log(EventRing* failures, core::Instant now, core::WallTime wall, uint32_t worker) noexcept;

  core::Strain strain() const noexcept { return overload_.strain(); }
  const core::Overload& overload() const noexcept { return overload_; }
  core::Duration lag() const noexcept { return {lag_ns_}; }

 private:
  OverloadBudgets budgets_;
  core::Overload overload_;
  core::RecentMean spool_memory_;
  int64_t lag_ns_ = 0;
  core::Instant last_{};
  core::Strain logged_ = core::Strain::none;
  core::Instant log_at_{};  // not before
};

}  // namespace mailrace::net
