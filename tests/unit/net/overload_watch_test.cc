// SPDX-License-Identifier: GPL-3.0-or-later
// What a worker is strained by, and what the log hears of it.
#include "net/overload_watch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::net {
namespace {

using core::milliseconds;
using core::seconds;
using core::Strain;

class OverloadWatchTest : public testing::Test {
 protected:
  // A tick of this length behind a moment's rest.
  void tick(core::Duration length, const core::SinkLoad& sink = {}) {
    const core::Instant begun = now_ + milliseconds(1);
    now_ = begun + length;
    watch_.look(begun, now_, sink);
  }

  core::Instant now_{seconds(1000).ns};
  std::atomic<uint32_t> memory_{0};
  OverloadWatch watch_{{.lag = seconds(1), .commit_wait = seconds(10), .memory_used = &memory_}};
};

TEST_F(OverloadWatchTest, OneLongTickIsNoStrainButManyAre) {
  tick(milliseconds(3000));
  EXPECT_EQ(watch_.strain(), Strain::none);
  for (int i = 0; i < 30; ++i) tick(milliseconds(1));
  for (int i = 0; i < 60; ++i) tick(milliseconds(1100));
  EXPECT_EQ(watch_.strain(), Strain::defer);
  EXPECT_EQ(watch_.overload().cause(), core::Resource::lag);
  for (int i = 0; i < 30; ++i) tick(milliseconds(1));
  EXPECT_EQ(watch_.strain(), Strain::none);
}

TEST_F(OverloadWatchTest, ADiskThatHangsIsAStrainUntilItGoesOn) {
  tick(milliseconds(1), {.waiting = seconds(6)});
  EXPECT_EQ(watch_.strain(), Strain::none);
  tick(milliseconds(1), {.waiting = seconds(9)});
  EXPECT_EQ(watch_.strain(), Strain::refuse);
  tick(milliseconds(1), {.waiting = seconds(11)});
  EXPECT_EQ(watch_.strain(), Strain::defer);
  EXPECT_EQ(watch_.overload().cause(), core::Resource::commit_wait);
  tick(milliseconds(1));
  EXPECT_EQ(watch_.strain(), Strain::none);
}

TEST_F(OverloadWatchTest, SpoolMemoryThatStaysUsedUpRefusesClientsButMailIsTheSinksMatter) {
  for (int i = 0; i < 50; ++i) tick(milliseconds(1), {.memory_used = 1000});
  EXPECT_EQ(watch_.strain(), Strain::none);
  for (int i = 0; i < 50'000; ++i) tick(milliseconds(1), {.memory_used = 1000});
  EXPECT_EQ(watch_.strain(), Strain::refuse);
}

TEST_F(OverloadWatchTest, TheMemoryOfTheProcessCounts) {
  memory_ = 1200;
  tick(milliseconds(1));
  EXPECT_EQ(watch_.strain(), Strain::defer);
  memory_ = 870;
  tick(milliseconds(1));
  EXPECT_EQ(watch_.strain(), Strain::refuse);
}

TEST_F(OverloadWatchTest, WithoutBudgetsNothingIsTooMuch) {
  OverloadWatch watch({.lag = {}, .commit_wait = {}});
  for (int i = 0; i < 100; ++i) {
    watch.look(now_, now_ + seconds(100), {.waiting = seconds(1000)});
  }
  EXPECT_EQ(watch.strain(), Strain::none);
}

TEST_F(OverloadWatchTest, TheLogHearsOfAChangeOnceAndNotTooOften) {
  EventRing events;
  const auto heard = [&] {
    std::vector<std::string> lines;
    events.drain([&](const Event& event) {
      EXPECT_EQ(event.kind, EventKind::overload);
      lines.push_back(std::string(core::kStrainNames[size_t(event.strain)]) + " " +
                      std::string(event.text) + " " + std::to_string(event.used));
    });
    return lines;
  };
  const auto look = [&](uint32_t memory) {
    memory_ = memory;
    tick(milliseconds(1));
    watch_.log(&events, now_, {}, 0);
  };
  look(10);
  EXPECT_EQ(heard(), std::vector<std::string>{});
  look(900);
  look(910);
  EXPECT_EQ(heard(), std::vector<std::string>{"refuse memory 900"});
  look(0);
  look(2000);
  look(0);
  EXPECT_EQ(heard(), std::vector<std::string>{}) << "it goes to and fro";
  now_ = now_ + seconds(core::kStrainLogIntervalS);
  look(0);
  look(0);
  const std::vector<std::string> lines = heard();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].starts_with("none "));
  watch_.log(nullptr, now_, {}, 0);
}

}  // namespace
}  // namespace mailrace::net
