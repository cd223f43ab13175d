// SPDX-License-Identifier: GPL-3.0-or-later
// Port: where the time comes from.
#pragma once

#include "core/base/time.h"

namespace mailrace::core {

/// The system's clock in production, a simulated one in tests. Called by drivers only, once per
/// tick; engines are given the result.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() noexcept = 0;
  virtual WallTime wall_now() noexcept = 0;
};

}  // namespace mailrace::core
