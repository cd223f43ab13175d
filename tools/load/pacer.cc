// SPDX-License-Identifier: GPL-3.0-or-later
// One schedule is gone through twice: when messages become due, and when they are sent.
#include "tools/load/pacer.h"

#include "core/base/check.h"

namespace mailrace::tools {

void LoadPacer::begin(const LoadSchedule& schedule, bool is_measured) noexcept {
  MAILRACE_CHECK(waiting_ == 0);
  due_ = schedule;
  taken_ = schedule;
  is_measured_ = is_measured;
}

void LoadPacer::advance(core::Instant now) noexcept {
  for (; left_ > 0 && due_->next() <= now; due_->pass()) {
    --left_;
    if (is_measured_) ++stats_.scheduled;
    if (waiting_ == backlog_max_) give_up_one(now);
    ++waiting_;
  }
}

std::optional<core::Instant> LoadPacer::take() noexcept {
  if (waiting_ == 0) return std::nullopt;
  const core::Instant due = taken_->next();
  taken_->pass();
  --waiting_;
  return due;
}

void LoadPacer::give_up(core::Instant now) noexcept {
  while (waiting_ > 0) give_up_one(now);
}

void LoadPacer::end(core::Instant now) noexcept {
  give_up(now);
  left_ = 0;
}

std::optional<core::Instant> LoadPacer::next_due() const noexcept {
  if (left_ == 0) return std::nullopt;
  return due_->next();
}

// Among latencies: it would be longer if it had been sent, so it must not be missing there.
void LoadPacer::give_up_one(core::Instant now) noexcept {
  const core::Instant due = *take();
  if (!is_measured_) return;
  ++stats_.unsent;
  stats_.latency_ns.add(uint64_t((now - due).ns));
}

}  // namespace mailrace::tools
