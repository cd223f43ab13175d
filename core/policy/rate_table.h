// SPDX-License-Identifier: GPL-3.0-or-later
// How much each of many keys has done lately, and how much it is doing: tables of fixed size that
// all workers share.
#pragma once

#include "core/base/time.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace mailrace::core {

/// So many events in so long, all of them at once if nothing came before. events 0: no limit.
struct Rate {
  uint32_t events = 0;
  Duration period{};

  bool is_limit() const noexcept { return events > 0; }
  bool operator==(const Rate&) const = default;
};

namespace table {

// One line of the processor's cache: a look-up touches no other.
inline constexpr size_t kEntries = 8;
struct alignas(64) Bucket {
  std::array<std::atomic<uint64_t>, kEntries> entries{};
};

}  // namespace table

/// The generic cell rate algorithm: of each key one number is kept, the instant at which all that
/// it did will have been paid for (its theoretical arrival time). An event moves it on by
/// period / events, and is refused if it would lie more than a period ahead. 64 bits: 24 of the
/// key, and 40 of the instant in units of 1024 ns, which come around every 13 days.
///
/// A key that is in debt to nobody needs no entry; where a bucket is full of others, the one with
/// the least debt is forgotten. Two keys may be taken for one, at odds of one to two million.
///
/// Any thread may call, with clocks that agree. Nobody waits: an entry is replaced as a whole.
/// source   ITU-T I.371, annex A
class RateTable {
 public:
  /// entries   rounded up to eight times a power of two
  explicit RateTable(size_t entries);

  /// Counts events if all of them are within the rate, else none.
  ///
  /// key     as good as random in all of its bits
  /// rate    is_limit(); the same for all calls with the key, unless somebody changes what is
  ///         allowed: a debt that is longer than the new period is forgiven
  bool take(uint64_t key, const Rate& rate, uint32_t events, Instant now) noexcept;

  /// Counts events that have happened, whatever the rate says; never more than a period's.
  void charge(uint64_t key, const Rate& rate, uint32_t events, Instant now) noexcept;

  /// Whether one more event would be within the rate.
  bool allows(uint64_t key, const Rate& rate, Instant now) const noexcept;

 private:
  std::unique_ptr<table::Bucket[]> buckets_;
  uint64_t mask_;
};

/// How many of something each key has at one time. 64 bits: 40 of the key, 24 of the number. A
/// number that is not 0 is never forgotten: where a bucket is full, the key is not counted.
class HeldTable {
 public:
  enum class Taken : uint8_t { yes, refused, uncounted };

  /// entries   rounded up to eight times a power of two; several times as many as there may be keys
  explicit HeldTable(size_t entries);

  /// One more, unless there are `most`. Whoever got `yes` gives it back.
  Taken take(uint64_t key, uint32_t most) noexcept;
  void give_back(uint64_t key) noexcept;

 private:
  std::unique_ptr<table::Bucket[]> buckets_;
  uint64_t mask_;
};

}  // namespace mailrace::core
