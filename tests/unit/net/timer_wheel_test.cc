// SPDX-License-Identifier: GPL-3.0-or-later
// Deadlines fire once, within a tick after they passed, and never before.
#include "net/timer_wheel.h"

#include "core/base/prng.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

namespace mailrace::net {
namespace {

using core::Instant;
using core::milliseconds;
using core::seconds;

constexpr Instant kStart{1'000'000'000'000};

TEST(TimerWheelTest, FiresAfterTheDeadlineAndOnce) {
  TimerWheel wheel(4, kStart);
  wheel.set(2, kStart + seconds(3));
  int fired = 0;
  wheel.advance(kStart + milliseconds(2999), [&](uint32_t) { ++fired; });
  EXPECT_EQ(fired, 0);
  wheel.advance(kStart + seconds(3) + TimerWheel::kTick + TimerWheel::kTick, [&](uint32_t slot) {
    EXPECT_EQ(slot, 2u);
    ++fired;
  });
  EXPECT_EQ(fired, 1);
  EXPECT_TRUE(wheel.empty());
}

TEST(TimerWheelTest, ADeadlineBeyondOneTurnWaits) {
  TimerWheel wheel(1, kStart);
  wheel.set(0, kStart + seconds(10'000));
  int fired = 0;
  for (int64_t s = 0; s < 9'999; s += 7) {
    wheel.advance(kStart + seconds(s), [&](uint32_t) { ++fired; });
  }
  EXPECT_EQ(fired, 0);
  wheel.advance(kStart + seconds(10'001), [&](uint32_t) { ++fired; });
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheelTest, ExpiredMayClearAndMoveItsNeighbours) {
  TimerWheel wheel(3, kStart);
  for (uint32_t slot = 0; slot < 3; ++slot) wheel.set(slot, kStart + seconds(1));
  int fired = 0;
  wheel.advance(kStart + seconds(2), [&](uint32_t slot) {
    ++fired;
    wheel.clear((slot + 1) % 3);
    wheel.set((slot + 2) % 3, kStart + milliseconds(500));
    wheel.set(slot, kStart + seconds(60));
    wheel.clear((slot + 2) % 3);
  });
  EXPECT_EQ(fired, 1);
}

// Against the plain definition: a map from slot to deadline.
TEST(TimerWheelTest, AgreesWithAMapOverRandomOperations) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    core::Prng prng(seed);
    constexpr uint32_t kSlots = 16;
    TimerWheel wheel(kSlots, kStart);
    std::map<uint32_t, Instant> model;
    Instant now = kStart;
    for (int step = 0; step < 2'000; ++step) {
      const auto slot = uint32_t(prng.below(kSlots));
      switch (prng.below(4)) {
        case 0:
          wheel.clear(slot);
          model.erase(slot);
          break;
        case 1:
        case 2: {
          const Instant deadline = now + milliseconds(int64_t(prng.below(600'000)));
          wheel.set(slot, deadline);
          model[slot] = deadline;
          break;
        }
        default:
          now = now + milliseconds(int64_t(prng.below(20'000)));
          wheel.advance(now, [&](uint32_t fired) {
            ASSERT_TRUE(model.contains(fired));
            EXPECT_LE(model[fired], now);
            model.erase(fired);
            if (prng.below(2) == 0) {
              model[fired] = now + seconds(5);
              wheel.set(fired, now + seconds(5));
            }
          });
          // A tick of slack on either side of the deadline's own tick.
          for (const auto& [left, deadline] : model) {
            EXPECT_GT(deadline.ns + 2 * TimerWheel::kTick.ns, now.ns) << left;
          }
      }
      EXPECT_EQ(wheel.empty(), model.empty());
    }
  }
}

}  // namespace
}  // namespace mailrace::net
