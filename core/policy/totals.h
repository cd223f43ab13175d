// SPDX-License-Identifier: GPL-3.0-or-later
// How much there may be of something in the whole process, all workers together.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace mailrace::core {

/// Places that workers take and give back, without ever waiting for each other. Once for a
/// connection or a mail, never for an octet.
class Places {
 public:
  /// most   0: no end to them, and nothing is counted
  explicit Places(uint32_t most) noexcept : most_(most) {}
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  /// returns   whether there was one
  bool take() noexcept {
    if (most_ == 0) return true;
    if (taken_.fetch_add(1, std::memory_order_relaxed) < most_) return true;
    give_back();
    return false;
  }
  void give_back() noexcept {
    if (most_ > 0) taken_.fetch_sub(1, std::memory_order_relaxed);
  }
  /// Whether take() would find one now.
  bool has_room() const noexcept {
    return most_ == 0 || taken_.load(std::memory_order_relaxed) < most_;
  }

 private:
  uint32_t most_;
  alignas(64) std::atomic<uint32_t> taken_{0};
};

/// One of the Places, or none; given back at its end.
class Place {
 public:
  Place() = default;
  Place(Place&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
  Place& operator=(Place&& other) noexcept {
    std::swap(of_, other.of_);
    return *this;
  }
  ~Place() { reset(); }

  /// of   nullptr: there is no end to them. Must outlive this. returns   whether there was one
  bool take(Places* of) noexcept {
    reset();
    if (of == nullptr) return true;
    if (!of->take()) return false;
    of_ = of;
    return true;
  }
  void reset() noexcept {
    if (of_ != nullptr) std::exchange(of_, nullptr)->give_back();
  }

 private:
  Places* of_ = nullptr;
};

/// Of a process; see --max-connections and --max-transactions.
struct Totals {
  Places connections;
  Places mails;  // that are received, from DATA to the reply
};

}  // namespace mailrace::core
