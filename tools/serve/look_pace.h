// SPDX-License-Identifier: GPL-3.0-or-later
// When housekeeping looks again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace mailrace::tools {

/// Once a second; four times a second behind a look that took a segment away, for three seconds.
/// Where segments are given back the next one is soon wanted, and a worker that finds none makes a
/// new one, and fills it with zeros at the cost of the mail that is written meanwhile.
class LookPace {
 public:
  static constexpr std::chrono::milliseconds kIdle{1000};
  static constexpr std::chrono::milliseconds kInUse{250};
  static constexpr uint32_t kLooksInUse = 12;

  /// taken   segments that a look took away
  void note_look(size_t taken) noexcept {
    if (taken > 0) {
      looks_in_use_ = kLooksInUse;
    } else if (looks_in_use_ > 0) {
      --looks_in_use_;
    }
  }

  /// How long from the last look to the next one.
  std::chrono::milliseconds interval() const noexcept { return looks_in_use_ > 0 ? kInUse : kIdle; }

 private:
  uint32_t looks_in_use_ = 0;
};

}  // namespace mailrace::tools
