// SPDX-License-Identifier: GPL-3.0-or-later
// How much of its budgets a worker has used up, and what is to be done about it.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailrace::core {

/// What there can be too little of.
enum class Resource : uint8_t {
  memory,        // of the process
  spool_memory,  // mail data of the worker on its way to the disk
  commit_wait,   // time since a commit has ended, while one is waited for
  lag,           // how long the worker's event loop takes to come round
};
inline constexpr size_t kResourceCount = 4;
inline constexpr std::array<std::string_view, kResourceCount> kResourceNames = {
    "memory", "spool-memory", "commit-wait", "lag"};

/// What is done for want of it. Each includes those before it; a mail that has begun is never
/// affected.
enum class Strain : uint8_t {
  none,
  slow,    // few connections are accepted at a time, the others wait in the kernel
  refuse,  // new sessions are told 421 4.3.2
  defer,   // and open ones 452 4.3.1 at MAIL
};
inline constexpr size_t kStrainCount = 4;
inline constexpr std::array<std::string_view, kStrainCount> kStrainNames = {"none", "slow",
                                                                            "refuse", "defer"};

/// The strain that follows from what is used, with hysteresis: it grows where one of kStrainMarks
/// is reached, and falls only once an eighth less than the mark is used.
class Overload {
 public:
  /// used   thousandths of the budget; may be more than 1000
  void note(Resource resource, uint32_t used) noexcept;

  Strain strain() const noexcept;
  /// What the strain comes from; of several, the one that is used up most.
  Resource cause() const noexcept;
  uint32_t used(Resource resource) const noexcept { return used_[size_t(resource)]; }

 private:
  std::array<uint32_t, kResourceCount> used_{};
  std::array<Strain, kResourceCount> strains_{};
};

/// A mean over the last kStrainSpanMs or so: what is over in a moment is no strain.
class RecentMean {
 public:
  /// used   thousandths, up to 1,000,000, that held for `time`
  void add(uint32_t used, Duration time) noexcept;
  uint32_t value() const noexcept { return uint32_t(scaled_ >> kScaleBits); }

 private:
  // Ticks may be a millionth of the span: their part must not be rounded away.
  static constexpr unsigned kScaleBits = 16;
  uint64_t scaled_ = 0;
};

/// Thousandths of a budget. budget   0: there is none
constexpr uint32_t used_thousandths(uint64_t used, uint64_t budget) noexcept {
  if (budget == 0) return 0;
  const uint64_t whole = used / budget;
  if (whole >= 1000) return 1'000'000;
  return uint32_t(budget >= 1'000'000 ? used / (budget / 1000) : used * 1000 / budget);
}

}  // namespace mailrace::core
