// SPDX-License-Identifier: GPL-3.0-or-later
// Events come out as they went in, in order; what does not fit is dropped and counted.
#include "net/event_ring.h"

#include "core/base/prng.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace mailrace::net {
namespace {

Event numbered(uint64_t number, const std::string& helo, const std::string& path) {
  return {.helo = helo, .reverse_path = path, .queue_id = number};
}

TEST(EventRingTest, KeepsTextsAndOrderOverManyTurns) {
  EventRing ring;
  core::Prng prng(3);
  uint64_t pushed = 0;
  uint64_t seen = 0;
  for (int round = 0; round < 400; ++round) {
    const uint64_t batch = 1 + prng.below(60);
    for (uint64_t i = 0; i < batch; ++i, ++pushed) {
      ring.push(numbered(pushed, std::string(pushed % 255, 'h'), std::to_string(pushed)));
    }
    ring.drain([&](const Event& event) {
      EXPECT_EQ(event.queue_id, seen);
      EXPECT_EQ(event.helo, std::string(seen % 255, 'h'));
      EXPECT_EQ(event.reverse_path, std::to_string(seen));
      ++seen;
    });
  }
  EXPECT_EQ(seen, pushed);
  EXPECT_EQ(ring.dropped(), 0u);
}

TEST(EventRingTest, DropsAndCountsWhatDoesNotFit) {
  EventRing ring;
  const std::string helo(255, 'h');
  constexpr uint64_t kMany = 10'000;
  for (uint64_t i = 0; i < kMany; ++i) ring.push(numbered(i, helo, ""));
  uint64_t seen = 0;
  ring.drain([&](const Event& event) {
    EXPECT_EQ(event.queue_id, seen);
    ++seen;
  });
  EXPECT_GT(ring.dropped(), 0u);
  EXPECT_EQ(seen + ring.dropped(), kMany);
}

TEST(EventRingTest, OneThreadMayFillWhileAnotherDrains) {
  EventRing ring;
  constexpr uint64_t kMany = 200'000;
  std::atomic<bool> filled{false};
  std::thread producer([&] {
    for (uint64_t i = 0; i < kMany; ++i) ring.push(numbered(i, "helo", std::to_string(i)));
    filled = true;
  });
  uint64_t seen = 0;
  uint64_t last = 0;
  bool more = true;
  while (more) {
    more = !filled;
    ring.drain([&](const Event& event) {
      EXPECT_EQ(event.reverse_path, std::to_string(event.queue_id));
      EXPECT_TRUE(seen == 0 || event.queue_id > last);
      last = event.queue_id;
      ++seen;
    });
  }
  producer.join();
  EXPECT_EQ(seen + ring.dropped(), kMany);
}

}  // namespace
}  // namespace mailrace::net
