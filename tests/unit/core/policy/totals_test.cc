// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/policy/totals.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

namespace mailrace::core {
namespace {

TEST(PlacesTest, AreGivenBackAtTheEnd) {
  Places places(2);
  Place first;
  EXPECT_TRUE(first.take(&places));
  {
    Place second;
    EXPECT_TRUE(second.take(&places));
    EXPECT_FALSE(places.has_room());
    Place third;
    EXPECT_FALSE(third.take(&places));
    Place moved = std::move(second);
    EXPECT_FALSE(third.take(&places)) << "a place that moves is not given back";
  }
  EXPECT_TRUE(places.has_room());
  EXPECT_TRUE(first.take(&places)) << "instead of the one it had";
  first.reset();
  first.reset();
  Place a;
  Place b;
  Place c;
  EXPECT_TRUE(a.take(&places));
  EXPECT_TRUE(b.take(&places));
  EXPECT_FALSE(c.take(&places)) << "none was given back twice";
}

TEST(PlacesTest, NoneAreAsManyAsThereAreAskedFor) {
  Places places(0);
  std::vector<Place> all(1000);
  for (Place& place : all) EXPECT_TRUE(place.take(&places));
  EXPECT_TRUE(places.has_room());
  Place unbound;
  EXPECT_TRUE(unbound.take(nullptr));
}

TEST(PlacesTest, ThreadsNeverHaveMoreThanThereAre) {
  constexpr uint32_t kMost = 3;
  Places places(kMost);
  std::atomic<uint32_t> held{0};
  std::atomic<bool> beyond{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20'000; ++round) {
        Place place;
        if (!place.take(&places)) continue;
        if (held.fetch_add(1) >= kMost) beyond = true;
        held.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(beyond);
  std::vector<Place> all(kMost);
  for (Place& place : all) EXPECT_TRUE(place.take(&places));
  EXPECT_FALSE(places.has_room());
}

}  // namespace
}  // namespace mailrace::core
