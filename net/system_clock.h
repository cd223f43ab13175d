// SPDX-License-Identifier: GPL-3.0-or-later
// The system's clocks.
#pragma once

#include "core/port/clock.h"

#include <time.h>

namespace mailrace::net {

class SystemClock final : public core::Clock {
 public:
  core::Instant now() noexcept override { return {read(CLOCK_MONOTONIC)}; }
  core::WallTime wall_now() noexcept override { return {read(CLOCK_REALTIME)}; }

 private:
  static int64_t read(clockid_t clock) noexcept {
    timespec t{};
    ::clock_gettime(clock, &t);
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  }
};

}  // namespace mailrace::net
