// SPDX-License-Identifier: GPL-3.0-or-later
// What each key may do in a time, and at a time, also when many threads ask at once.
#include "core/policy/rate_table.h"

#include "core/base/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <thread>
#include <vector>

namespace mailrace::core {
namespace {

constexpr Rate kTenASecond{10, seconds(1)};
constexpr Instant kNow{123'456'789'000};
// Keys of one bucket: their lower bits are the same.
uint64_t key_of(uint64_t tag) { return tag << 40 | 5; }

uint32_t taken(RateTable& table, uint64_t key, const Rate& rate, Instant now) {
  uint32_t count = 0;
  while (count < 10'000 && table.take(key, rate, 1, now)) ++count;
  return count;
}

TEST(RateTableTest, ABurstOfAllIsTakenAndThenOneAtATime) {
  RateTable table(64);
  EXPECT_EQ(taken(table, key_of(1), kTenASecond, kNow), 10u);
  EXPECT_FALSE(table.take(key_of(1), kTenASecond, 1, kNow + milliseconds(99)));
  EXPECT_EQ(taken(table, key_of(1), kTenASecond, kNow + milliseconds(101)), 1u);
  EXPECT_EQ(taken(table, key_of(1), kTenASecond, kNow + milliseconds(560)), 4u);
  EXPECT_EQ(taken(table, key_of(1), kTenASecond, kNow + seconds(60)), 10u)
      << "no more than a burst";
  EXPECT_EQ(taken(table, key_of(2), kTenASecond, kNow + seconds(60)), 10u) << "another key";
}

// The definition, over random times: of any stretch of one period, no more than two bursts; over
// long, the rate.
TEST(RateTableTest, OverLongItIsTheRate) {
  Prng random(3);
  for (const Rate rate : {Rate{1, seconds(1)}, Rate{7, seconds(3)}, Rate{10'000, seconds(1)},
                          Rate{1000, seconds(86'400)}}) {
    RateTable table(64);
    Instant now = kNow;
    uint64_t count = 0;
    const uint64_t step = uint64_t(rate.period.ns) / rate.events;
    for (int i = 0; i < 20'000; ++i) {
      now = now + Duration{int64_t(random.below(2 * step))};
      count += table.take(key_of(9), rate, 1, now) ? 1 : 0;
    }
    const double periods = double((now - kNow).ns) / double(rate.period.ns);
    const double most = (periods + 1) * rate.events;
    EXPECT_LE(double(count), most * 1.01 + 1);
    EXPECT_GE(double(count), 0.5 * std::min(most, 20'000.0));
  }
}

TEST(RateTableTest, ManyAtOnceAreTakenWholeOrNotAtAll) {
  RateTable table(64);
  EXPECT_FALSE(table.take(key_of(1), kTenASecond, 11, kNow));
  EXPECT_TRUE(table.take(key_of(1), kTenASecond, 6, kNow));
  EXPECT_FALSE(table.take(key_of(1), kTenASecond, 5, kNow));
  EXPECT_TRUE(table.take(key_of(1), kTenASecond, 4, kNow));
}

TEST(RateTableTest, WhatHasHappenedIsChargedUpToAPeriod) {
  RateTable table(64);
  EXPECT_TRUE(table.allows(key_of(1), kTenASecond, kNow));
  table.charge(key_of(1), kTenASecond, 9, kNow);
  EXPECT_TRUE(table.allows(key_of(1), kTenASecond, kNow));
  for (int i = 0; i < 100; ++i) table.charge(key_of(1), kTenASecond, 1, kNow);
  EXPECT_FALSE(table.allows(key_of(1), kTenASecond, kNow));
  EXPECT_TRUE(table.allows(key_of(1), kTenASecond, kNow + milliseconds(101)));
}

TEST(RateTableTest, TheOneWithTheLeastDebtIsForgotten) {
  RateTable table(8);
  for (uint64_t tag = 1; tag <= 8; ++tag) {
    EXPECT_TRUE(table.take(key_of(tag), kTenASecond, uint32_t(tag), kNow));
  }
  EXPECT_TRUE(table.take(key_of(100), kTenASecond, 10, kNow));
  EXPECT_FALSE(table.allows(key_of(100), kTenASecond, kNow));
  EXPECT_TRUE(table.take(key_of(8), kTenASecond, 2, kNow));
  EXPECT_FALSE(table.take(key_of(8), kTenASecond, 1, kNow)) << "it was not the one";
  EXPECT_TRUE(table.take(key_of(1), kTenASecond, 10, kNow)) << "it was";
}

TEST(RateTableTest, PaidDebtsMakeRoomBeforeOthers) {
  RateTable table(8);
  for (uint64_t tag = 1; tag <= 4; ++tag) table.charge(key_of(tag), kTenASecond, 10, kNow);
  const Instant later = kNow + seconds(2);
  for (uint64_t tag = 11; tag <= 14; ++tag) table.charge(key_of(tag), kTenASecond, 10, later);
  for (uint64_t tag = 21; tag <= 24; ++tag) table.charge(key_of(tag), kTenASecond, 10, later);
  for (uint64_t tag = 11; tag <= 14; ++tag) {
    EXPECT_FALSE(table.allows(key_of(tag), kTenASecond, later)) << tag;
  }
}

// 40 bits of 1024 ns: an entry of 13 days ago lies in the future again.
TEST(RateTableTest, AnEntryFromBeforeTheCircleClosedIsNoDebt) {
  constexpr int64_t kCircle = int64_t{1} << 50;
  for (const int64_t back : {int64_t{1}, int64_t{400'000'000}, int64_t{2'000'000'000}, kCircle / 3,
                             kCircle / 2, kCircle - 100'000'000'000}) {
    RateTable table(8);
    const Instant then{kCircle - 1'000'000};
    table.charge(key_of(1), kTenASecond, 10, then);
    const Instant now{then.ns + back};
    const bool is_paid = back >= 200'000'000;
    EXPECT_EQ(table.allows(key_of(1), kTenASecond, now), is_paid) << back;
  }
}

// Workers take the time once a tick, each for itself.
TEST(RateTableTest, AClockThatIsALittleBehindForgivesNothing) {
  RateTable table(8);
  table.charge(key_of(1), kTenASecond, 10, kNow);
  for (const Duration behind : {microseconds(2), milliseconds(1), milliseconds(500), seconds(10)}) {
    const Instant before{kNow.ns - behind.ns};
    EXPECT_FALSE(table.allows(key_of(1), kTenASecond, before)) << behind.ns;
    EXPECT_FALSE(table.take(key_of(1), kTenASecond, 1, before)) << behind.ns;
    EXPECT_FALSE(table.allows(key_of(1), kTenASecond, kNow)) << behind.ns;
  }
}

// Half of the circle lies ahead of any instant, entries that nobody has among it.
TEST(RateTableTest, AllEntriesOfABucketAreUsedAtAnyTime) {
  constexpr int64_t kDay = 86'400'000'000'000;
  for (int64_t days = 0; days < 14; ++days) {
    RateTable table(8);
    const Instant now{kDay * days + 1'000'000'000};
    for (uint64_t tag = 1; tag <= 8; ++tag) table.charge(key_of(tag), kTenASecond, 10, now);
    for (uint64_t tag = 1; tag <= 8; ++tag) {
      EXPECT_FALSE(table.allows(key_of(tag), kTenASecond, now)) << tag << " on day " << days;
    }
  }
}

TEST(RateTableTest, ManyThreadsTakeNoMoreThanOne) {
  constexpr Rate kRate{5000, seconds(10)};
  RateTable table(64);
  std::atomic<uint32_t> count{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 3000; ++j) count += table.take(key_of(1), kRate, 1, kNow) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 5000u);
}

// --- numbers at one time -------------------------------------------------------------------------

using Taken = HeldTable::Taken;

TEST(HeldTableTest, TakesUpToTheMostAndGivesBack) {
  HeldTable table(64);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(table.take(key_of(1), 3), Taken::yes);
  EXPECT_EQ(table.take(key_of(1), 3), Taken::refused);
  EXPECT_EQ(table.take(key_of(2), 3), Taken::yes);
  table.give_back(key_of(1));
  EXPECT_EQ(table.take(key_of(1), 3), Taken::yes);
  EXPECT_EQ(table.take(key_of(1), 3), Taken::refused);
}

TEST(HeldTableTest, AFullBucketForgetsNobody) {
  HeldTable table(8);
  for (uint64_t tag = 1; tag <= 8; ++tag) EXPECT_EQ(table.take(key_of(tag), 1), Taken::yes);
  EXPECT_EQ(table.take(key_of(9), 1), Taken::uncounted);
  table.give_back(key_of(9));
  for (uint64_t tag = 1; tag <= 8; ++tag) EXPECT_EQ(table.take(key_of(tag), 1), Taken::refused);
  table.give_back(key_of(3));
  EXPECT_EQ(table.take(key_of(9), 1), Taken::yes);
}

TEST(HeldTableTest, AgreesWithAMap) {
  HeldTable table(1 << 12);
  std::map<uint64_t, uint32_t> numbers;
  Prng random(11);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t key = Prng(random.below(500)).next();
    if (random.below(2) == 0) {
      const Taken taken = table.take(key, 5);
      ASSERT_EQ(taken, numbers[key] < 5 ? Taken::yes : Taken::refused);
      if (taken == Taken::yes) ++numbers[key];
    } else if (numbers[key] > 0) {
      --numbers[key];
      table.give_back(key);
    }
  }
}

TEST(HeldTableTest, ManyThreadsHoldNoMoreThanTheMost) {
  HeldTable table(64);
  std::atomic<int> held{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20'000; ++j) {
        if (table.take(key_of(1), 3) != Taken::yes) continue;
        const int now = ++held;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --held;
        table.give_back(key_of(1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(table.take(key_of(1), 3), Taken::yes) << "all came back";
}

}  // namespace
}  // namespace mailrace::core
