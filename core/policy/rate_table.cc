// SPDX-License-Identifier: GPL-3.0-or-later
// Every change is one compare-and-exchange; who loses it looks again.
#include "core/policy/rate_table.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace mailrace::core {
namespace {

using table::Bucket;
using table::kEntries;
using Entry = std::atomic<uint64_t>;

// Bits of the key choose the bucket from below, and are the tag from above.
size_t bucket_mask(size_t entries) {
  return std::bit_ceil(std::max<size_t>(entries / kEntries, 1)) - 1;
}

// --- rates ---------------------------------------------------------------------------------------

constexpr int kInstantBits = 40;
constexpr int kUnitBits = 10;  // 1024 ns
constexpr int64_t kSkewUnits = seconds(kRateSkewMaxS).ns >> kUnitBits;
constexpr int64_t kPeriodUnitsMax = seconds(kLimitPeriodMaxS).ns >> kUnitBits;
constexpr uint64_t kInstantMask = (uint64_t{1} << kInstantBits) - 1;

uint64_t tag_of(uint64_t key) noexcept { return key >> kInstantBits; }
uint64_t units_of(Instant at) noexcept { return uint64_t(at.ns) >> kUnitBits & kInstantMask; }
int64_t units_of(Duration span) noexcept { return span.ns >> kUnitBits; }
int64_t cost_of(const Rate& rate) noexcept {
  return std::max<int64_t>(rate.period.ns / rate.events >> kUnitBits, 1);
}

// How far an entry's instant lies ahead, negative if it is past; instants go around in a circle.
int64_t ahead(uint64_t entry, uint64_t now) noexcept {
  const uint64_t distance = (entry - now) & kInstantMask;
  constexpr int kShift = 64 - kInstantBits;
  return int64_t(distance << kShift) >> kShift;
}

// The same as a debt, of `most` at most. What is past is paid; what lies further ahead than any
// debt could is from a circle before. A little further it may: the time of another worker's tick
// may be a little later, and a debt that is taken for none then would be forgiven.
int64_t debt(uint64_t entry, uint64_t now, int64_t most) noexcept {
  const int64_t units = ahead(entry, now);
  return units < 0 || units > most + kSkewUnits ? 0 : std::min(units, most);
}

struct Found {
  Entry* entry;
  uint64_t seen;
  bool is_own;  // or else the one to be forgotten
};

Found find(Bucket& bucket, uint64_t tag, uint64_t now) noexcept {
  Found least{nullptr, 0, false};
  int64_t least_debt = 0;
  for (Entry& entry : bucket.entries) {
    const uint64_t seen = entry.load(std::memory_order_relaxed);
    if (seen >> kInstantBits == tag) return {&entry, seen, true};
    const int64_t its_debt = seen == 0 ? 0 : debt(seen, now, kPeriodUnitsMax);  // 0: nobody's
    if (least.entry != nullptr && its_debt >= least_debt) continue;
    least = {&entry, seen, false};
    least_debt = its_debt;
  }
  return least;
}

// Moves a key's instant on. `bounded`: to a period ahead at most, else not at all past it.
bool move_on(Bucket& bucket, uint64_t key, const Rate& rate, uint32_t events, Instant at,
             bool bounded) noexcept {
  const int64_t most = units_of(rate.period);
  const uint64_t now = units_of(at);
  for (int i = 0; i < kRateAttemptsMax; ++i) {
    Found found = find(bucket, tag_of(key), now);
    int64_t next = (found.is_own ? debt(found.seen, now, most) : 0) + cost_of(rate) * events;
    if (next > most && !bounded) return false;
    next = std::min(next, most);
    const uint64_t entry = tag_of(key) << kInstantBits | ((now + uint64_t(next)) & kInstantMask);
    if (found.entry->compare_exchange_weak(found.seen, entry, std::memory_order_relaxed)) {
      return true;
    }
  }
  return true;
}

}  // namespace

RateTable::RateTable(size_t entries)
    : buckets_(std::make_unique<Bucket[]>(bucket_mask(entries) + 1)), mask_(bucket_mask(entries)) {}

bool RateTable::take(uint64_t key, const Rate& rate, uint32_t events, Instant now) noexcept {
  MAILRACE_DCHECK(rate.is_limit());
  return move_on(buckets_[key & mask_], key, rate, events, now, /*bounded=*/false);
}

void RateTable::charge(uint64_t key, const Rate& rate, uint32_t events, Instant now) noexcept {
  MAILRACE_DCHECK(rate.is_limit());
  move_on(buckets_[key & mask_], key, rate, events, now, /*bounded=*/true);
}

bool RateTable::allows(uint64_t key, const Rate& rate, Instant now) const noexcept {
  MAILRACE_DCHECK(rate.is_limit());
  const Found found = find(buckets_[key & mask_], tag_of(key), units_of(now));
  if (!found.is_own) return true;
  const int64_t most = units_of(rate.period);
  return debt(found.seen, units_of(now), most) + cost_of(rate) <= most;
}

// --- numbers -------------------------------------------------------------------------------------

namespace {

constexpr int kNumberBits = 24;
constexpr uint64_t kNumberMask = (uint64_t{1} << kNumberBits) - 1;

// The key's entry, or one that nobody has; nullptr: neither.
Entry* find_held(Bucket& bucket, uint64_t tag, uint64_t& seen) noexcept {
  Entry* unused = nullptr;
  uint64_t unused_seen = 0;
  for (Entry& entry : bucket.entries) {
    seen = entry.load(std::memory_order_relaxed);
    const bool is_unused = (seen & kNumberMask) == 0;
    if (!is_unused && seen >> kNumberBits == tag) return &entry;
    if (!is_unused || unused != nullptr) continue;
    unused = &entry;
    unused_seen = seen;
  }
  seen = unused_seen;
  return unused;
}

}  // namespace

HeldTable::HeldTable(size_t entries)
    : buckets_(std::make_unique<Bucket[]>(bucket_mask(entries) + 1)), mask_(bucket_mask(entries)) {}

HeldTable::Taken HeldTable::take(uint64_t key, uint32_t most) noexcept {
  const uint64_t tag = key >> kNumberBits;
  for (int i = 0; i < kRateAttemptsMax; ++i) {
    uint64_t seen = 0;
    Entry* const entry = find_held(buckets_[key & mask_], tag, seen);
    if (entry == nullptr) return Taken::uncounted;
    const uint64_t number = seen >> kNumberBits == tag ? seen & kNumberMask : 0;
    if (number >= std::min<uint64_t>(most, kNumberMask)) return Taken::refused;
    const uint64_t next = tag << kNumberBits | (number + 1);
    if (entry->compare_exchange_weak(seen, next, std::memory_order_relaxed)) return Taken::yes;
  }
  return Taken::uncounted;
}

// Two threads that began with the key at once may have made two entries of it: either will do.
void HeldTable::give_back(uint64_t key) noexcept {
  const uint64_t tag = key >> kNumberBits;
  for (;;) {
    uint64_t seen = 0;
    Entry* const entry = find_held(buckets_[key & mask_], tag, seen);
    if (entry == nullptr || seen >> kNumberBits != tag || (seen & kNumberMask) == 0) return;
    if (entry->compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed)) return;
  }
}

}  // namespace mailrace::core
