// SPDX-License-Identifier: GPL-3.0-or-later
// Time that we took is taken out by moving the beginnings.
#include "net/session_clock.h"

#include "core/base/check.h"

#include <algorithm>

namespace mailrace::net {

using core::Duration;
using core::Instant;

SessionClock::SessionClock(const Timeouts& limits, Instant now) noexcept
    : limits_(limits),
      mail_since_(now),
      turn_since_(now),
      saying_since_(now),
      heard_at_(now),
      data_since_(now),
      held_since_(now) {}

void SessionClock::data_begins(Instant now) noexcept {
  data_since_ = now;
  heard_at_ = now;
  data_octets_ = 0;
}

void SessionClock::release(Instant now) noexcept {
  MAILRACE_CHECK(holds_ > 0);
  if (--holds_ > 0) return;
  const Duration held = now - held_since_;
  mail_since_ = mail_since_ + held;
  turn_since_ = turn_since_ + held;
  data_since_ = data_since_ + held;
  heard_at_ = now;
}

// When mail data of so many octets would be slower than the least rate if nothing more came.
Instant SessionClock::slowest_end() const noexcept {
  if (limits_.data_rate_min == 0) return {INT64_MAX};
  // Whole seconds are exact enough: one more than that many octets take.
  const uint64_t paid_for =
      std::min<uint64_t>(data_octets_ / limits_.data_rate_min, core::kDurationMaxS - 1) + 1;
  return data_since_ + std::max(limits_.data_block, core::seconds(int64_t(paid_for)));
}

Instant SessionClock::due(Turn turn) const noexcept {
  const Instant total = mail_since_ + limits_.transaction;
  switch (turn) {
    case Turn::command:
      return std::min(total, turn_since_ + limits_.command);
    case Turn::data:
      return std::min({total, heard_at_ + limits_.data_block, slowest_end()});
    case Turn::reply:
      return std::min(total, saying_since_ + limits_.reply);
  }
  return total;
}

Duration SessionClock::interval() const noexcept {
  return std::min({limits_.command, limits_.data_block, limits_.reply, limits_.transaction});
}

}  // namespace mailrace::net
