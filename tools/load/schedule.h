// SPDX-License-Identifier: GPL-3.0-or-later
// When messages are due, whatever becomes of them: an endless sequence, made as it is needed.
#pragma once

#include "core/base/prng.h"
#include "core/base/time.h"
#include "tools/load/rate.h"

#include <cstdint>

namespace mailrace::tools {

enum class LoadArrivals : uint8_t {
  constant,  // at equal distances
  poisson,   // independent of each other, as from many senders
};

/// The part of one worker in the messages of a run.
struct LoadPart {
  uint32_t index = 0;
  uint32_t count = 1;  // of workers
};

/// Where it stands is all that it keeps: a copy goes on from there, and says the same once more.
class LoadSchedule {
 public:
  /// rate    of all workers together, above 0. Constant arrivals are dealt out to workers in turn;
  ///         of Poisson arrivals each has a sequence of its own
  /// seed    the same one gives the same times
  /// start   no message is due before it
  LoadSchedule(LoadRate rate, LoadArrivals arrivals, LoadPart part, uint64_t seed,
               core::Instant start) noexcept;

  /// When the next message is due.
  core::Instant next() const noexcept { return next_; }
  void pass() noexcept;

 private:
  void draw() noexcept;

  LoadRate rate_;
  LoadArrivals arrivals_;
  uint64_t number_;  // of the next message, among those of all workers
  uint64_t stride_;
  core::Prng prng_;
  core::Instant start_;
  double offset_ns_ = 0;  // of Poisson arrivals, from the start
  core::Instant next_;
};

}  // namespace mailrace::tools
