// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/overload_watch.h"

#include "core/base/limits.h"

#include <algorithm>

namespace mailrace::net {

using core::Resource;

namespace {

uint32_t used_of(core::Duration used, core::Duration budget) noexcept {
  return core::used_thousandths(uint64_t(std::max<int64_t>(used.ns, 0)), uint64_t(budget.ns));
}

}  // namespace

void OverloadWatch::look(core::Instant begun, core::Instant ended,
                         const core::SinkLoad& sink) noexcept {
  lag_ns_ += ((ended - begun).ns - lag_ns_) / core::kLagTicks;
  spool_memory_.add(sink.memory_used, last_.ns == 0 ? core::Duration{} : ended - last_);
  last_ = ended;
  overload_.note(Resource::lag, used_of(lag(), budgets_.lag));
  // The sink itself says when no mail may begin any more, and when one may again.
  constexpr uint32_t kNotDefer = core::kStrainMarks[2] - 1;
  overload_.note(Resource::spool_memory, std::min(spool_memory_.value(), kNotDefer));
  overload_.note(Resource::commit_wait, used_of(sink.waiting, budgets_.commit_wait));
  if (budgets_.memory_used != nullptr) {
    overload_.note(Resource::memory, budgets_.memory_used->load(std::memory_order_relaxed));
  }
}

void OverloadWatch::log(EventRing* failures, core::Instant now, core::WallTime wall,
                        uint32_t worker) noexcept {
  const core::Strain strain = overload_.strain();
  if (strain == logged_ || now < log_at_ || failures == nullptr) return;
  logged_ = strain;
  log_at_ = now + core::seconds(core::kStrainLogIntervalS);
  const Resource cause = overload_.cause();
  failures->push({.kind = EventKind::overload,
                  .time = wall,
                  .worker = worker,
                  .text = core::kResourceNames[size_t(cause)],
                  .strain = strain,
                  .used = overload_.used(cause)});
}

}  // namespace mailrace::net
