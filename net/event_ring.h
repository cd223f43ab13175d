// SPDX-License-Identifier: GPL-3.0-or-later
// Events from one worker to the log thread: a bounded ring that never makes the worker wait.
#pragma once

#include "core/base/limits.h"
#include "net/event.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

namespace mailrace::net {

/// One producer, one consumer. Both only load and store; when the ring is full the event is dropped
/// and counted.
class EventRing {
 public:
  EventRing();

  /// Producer. Copies the event with its texts.
  void push(const Event& event) noexcept;

  /// Consumer. Calls visit(const Event&) for each event that is there. returns how many there were
  template <class Visit>
  size_t drain(Visit&& visit) {
    const uint64_t end = written_.load(std::memory_order_acquire);
    uint64_t at = read_.load(std::memory_order_relaxed);
    size_t count = 0;
    while (at != end) {
      Event event;
      const uint64_t next = read(at, event);
      visit(static_cast<const Event&>(event));
      at = next;
      read_.store(at, std::memory_order_release);
      ++count;
    }
    return count;
  }

  /// Events dropped so far. Any thread.
  uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  static constexpr size_t kBytes = core::kEventRingBytes;

 private:
  uint64_t read(uint64_t at, Event& event) noexcept;

  struct Entry {
    uint32_t bytes;  // of the entry with its texts; a multiple of 8; kWrap: go to the start
    uint16_t helo_bytes;
    uint16_t reverse_path_bytes;
    uint16_t text_bytes;
    uint16_t server_name_bytes;
    uint16_t client_bytes;
    Event event;
  };
  static constexpr uint32_t kWrap = UINT32_MAX;

  std::unique_ptr<std::byte[]> memory_;
  alignas(64) std::atomic<uint64_t> written_{0};
  std::atomic<uint64_t> dropped_{0};
  alignas(64) std::atomic<uint64_t> read_{0};
};

}  // namespace mailrace::net
