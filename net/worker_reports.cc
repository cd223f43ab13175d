// SPDX-License-Identifier: GPL-3.0-or-later
// What a worker tells of itself: to the log, and to who looks at its numbers.
#include "core/base/limits.h"
#include "net/worker.h"

#include <utility>

namespace mailrace::net {

// An operator must hear of a spool that takes no mail: once, not with every mail.
void Worker::watch_sink() noexcept {
  const auto ready = sink_->ready();
  watch_load(ready);
  const bool failed = !ready && ready.error().code != core::Errc::busy;
  const int error = failed ? ready.error().sys_errno : 0;
  if (std::exchange(sink_errno_, error) == error || !failed) return;
  if (options_.failures == nullptr) return;
  options_.failures->push({.kind = EventKind::spool_failure,
                           .time = context_.wall,
                           .worker = options_.worker,
                           .sys_errno = error,
                           .text = ready.error().where});
}

// A change is logged once, and the log is not filled by a worker that goes to and fro.
void Worker::watch_load(const core::Result<void>& ready) noexcept {
  const bool busy = !closing_sink_ && !ready && ready.error().code == core::Errc::busy;
  if (busy && !std::exchange(busy_, busy)) ++busy_spells_;
  busy_ = busy;
  const bool may_log = context_.now >= busy_log_at_ || closing_sink_;
  if (busy_ == busy_logged_ || !may_log || options_.failures == nullptr) return;
  busy_logged_ = busy_;
  busy_log_at_ = context_.now + core::seconds(core::kBusyLogIntervalS);
  const uint32_t refused = context_.busy_refusals - busy_refusals_logged_;
  busy_refusals_logged_ = context_.busy_refusals;
  options_.failures->push({.kind = busy ? EventKind::spool_busy : EventKind::spool_ready,
                           .time = context_.wall,
                           .worker = options_.worker,
                           .refused = refused,
                           .text = busy ? ready.error().where : ""});
}

void Worker::log_client_refusals() noexcept {
  ClientRefusals& refusals = context_.client_refusals;
  if (context_.now < refusals.log_at && !closing_sink_) return;
  for (size_t i = 0; i < refusals.counts.size(); ++i) {
    const uint32_t count = std::exchange(refusals.counts[i], 0);
    if (count == 0) continue;
    refusals.log_at = context_.now + core::seconds(core::kLimitLogIntervalS);
    if (options_.events == nullptr) continue;
    options_.events->push(
        {.kind = EventKind::client_limited,
         .time = context_.wall,
         .worker = options_.worker,
         .peer = refusals.last[i],
         .refused = count,
         .text = i == ClientRefusals::kBlocked ? "block-list" : core::kLimitedNames[i]});
  }
}

void Worker::log_end() noexcept {
  if (options_.events == nullptr) return;
  options_.events->push({.kind = EventKind::worker_end,
                         .time = context_.wall,
                         .worker = options_.worker,
                         .refused = context_.busy_refusals,
                         .busy_spells = busy_spells_});
}

// As of this tick; what is counted is counted where it happens.
void Worker::show_state() noexcept {
  WorkerStats& stats = *context_.stats;
  const core::Overload& overload = overload_.overload();
  stats.open.set(connections_.size());
  stats.open_mails.set(context_.open_mails);
  stats.receive_buffers_lent.set(buffers_.lent());
  stats.spool_memory.set(overload.used(core::Resource::spool_memory));
  stats.reusable_bytes.set(sink_load_.reusable_bytes + session_blocks_.reusable_bytes() +
                           transaction_blocks_.reusable_bytes() + tls_blocks_.reusable_bytes());
  stats.lag_us.set(uint64_t(overload_.lag().us()));
  stats.strain.set(uint64_t(overload.strain()));
  stats.strain_cause.set(uint64_t(overload.cause()));
  if (context_.now < fade_at_) return;
  fade_at_ = context_.now + core::seconds(core::kBusyNetworksFadeS);
  stats.networks.fade();
}

}  // namespace mailrace::net
