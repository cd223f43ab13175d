// SPDX-License-Identifier: GPL-3.0-or-later
// How much memory the process has taken, beside what it may.
#pragma once

#include "net/fd.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailrace::tools {

/// The least of the memory of the machine and the limits of the control groups that the process is
/// in, in octets.
uint64_t memory_of_machine();

/// What a process has to itself, in octets, from /proc/PID/statm: without files and shared memory,
/// which the kernel can write back, or which others have as well.
std::optional<uint64_t> own_memory(std::string_view statm);

/// Looks once in a while, on one thread; everybody may see what it saw.
class MemoryWatch {
 public:
  /// Before the process loses the way to /proc.
  /// budget   in octets; 0: three quarters of memory_of_machine()
  explicit MemoryWatch(uint64_t budget);

  /// reusable   octets that the process has and would use first: with them memory that was needed
  ///            once would count for ever
  void look(uint64_t reusable) noexcept;

  uint64_t budget() const noexcept { return budget_; }
  uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  /// Thousandths of the budget, as of the last look.
  const std::atomic<uint32_t>& used() const noexcept { return used_; }

 private:
  net::Fd statm_;
  uint64_t budget_;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint32_t> used_{0};
};

}  // namespace mailrace::tools
