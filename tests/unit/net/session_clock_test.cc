// SPDX-License-Identifier: GPL-3.0-or-later
// Whose time is up when: each limit alone, and that nothing but its own event moves it.
#include "net/session_clock.h"

#include <gtest/gtest.h>

namespace mailrace::net {
namespace {

using core::Duration;
using core::Instant;
using core::seconds;

constexpr Instant at(int64_t s) { return {seconds(1'000'000 + s).ns}; }
int64_t second_of(Instant instant) { return (instant.ns - at(0).ns) / 1'000'000'000; }

Timeouts limits() {
  Timeouts timeouts;
  timeouts.command = seconds(300);
  timeouts.data_block = seconds(180);
  timeouts.reply = seconds(200);
  timeouts.transaction = seconds(3600);
  timeouts.data_rate_min = 64;
  return timeouts;
}

TEST(SessionClockTest, ACommandLineMayTrickleForItsTimeOnly) {
  const Timeouts timeouts = limits();
  SessionClock clock(timeouts, at(0));
  EXPECT_EQ(second_of(clock.due(Turn::command)), 300);
  clock.heard(at(299), 1);
  EXPECT_EQ(second_of(clock.due(Turn::command)), 300);
  clock.has_spoken(at(100));
  EXPECT_EQ(second_of(clock.due(Turn::command)), 400);
}

TEST(SessionClockTest, OctetsOfMailDataGiveTimeForMore) {
  const Timeouts timeouts = limits();
  SessionClock clock(timeouts, at(0));
  clock.data_begins(at(10));
  EXPECT_EQ(second_of(clock.due(Turn::data)), 190);
  clock.heard(at(100), 1'000'000);
  EXPECT_EQ(second_of(clock.due(Turn::data)), 280);
}

TEST(SessionClockTest, MailDataMustKeepItsRate) {
  const Timeouts timeouts = limits();
  SessionClock clock(timeouts, at(0));
  clock.heard(at(5), 1'000'000);  // commands do not count
  clock.data_begins(at(10));
  for (int64_t s = 10; s < 180; s += 10) clock.heard(at(s), 10);
  EXPECT_EQ(second_of(clock.due(Turn::data)), 190) << "170 octets: not before the first block";
  clock.heard(at(189), 64 * 200);
  EXPECT_EQ(second_of(clock.due(Turn::data)), 10 + (64 * 200 + 170) / 64 + 1);
  clock.data_begins(at(300));
  EXPECT_EQ(second_of(clock.due(Turn::data)), 480) << "the next mail begins anew";
}

TEST(SessionClockTest, WithoutARateOnlyThePausesCount) {
  Timeouts timeouts = limits();
  timeouts.data_rate_min = 0;
  SessionClock clock(timeouts, at(0));
  clock.data_begins(at(0));
  for (int64_t s = 0; s <= 1000; s += 100) clock.heard(at(s), 1);
  EXPECT_EQ(second_of(clock.due(Turn::data)), 1180);
}

TEST(SessionClockTest, TheLargestMailOverflowsNothing) {
  Timeouts timeouts = limits();
  timeouts.data_rate_min = 1;
  SessionClock clock(timeouts, at(0));
  clock.data_begins(at(0));
  clock.heard(at(1), SIZE_MAX);
  EXPECT_EQ(second_of(clock.due(Turn::data)), 181);
}

TEST(SessionClockTest, APeerMustTakeOurReplies) {
  const Timeouts timeouts = limits();
  SessionClock clock(timeouts, at(0));
  clock.speaks(at(50));
  clock.heard(at(240), 100);
  EXPECT_EQ(second_of(clock.due(Turn::reply)), 250);
}

TEST(SessionClockTest, NothingOutlastsTheTotal) {
  const Timeouts timeouts = limits();
  SessionClock clock(timeouts, at(0));
  clock.has_spoken(at(3500));
  clock.speaks(at(3500));
  clock.data_begins(at(3500));
  clock.heard(at(3599), 1'000'000'000);
  for (const Turn turn : {Turn::command, Turn::data, Turn::reply}) {
    EXPECT_EQ(second_of(clock.due(turn)), 3600);
  }
  clock.mail_ends(at(3599));
  EXPECT_EQ(second_of(clock.due(Turn::command)), 3800);
}

TEST(SessionClockTest, TimeThatWeTookIsNotThePeers) {
  const Timeouts timeouts = limits();
  SessionClock clock(timeouts, at(0));
  clock.data_begins(at(10));
  clock.hold(at(20));
  clock.release(at(1020));
  EXPECT_EQ(second_of(clock.due(Turn::data)), 1190);
  EXPECT_EQ(second_of(clock.due(Turn::command)), 1300);
  clock.heard(at(1190), 64 * 1000);
  clock.has_spoken(at(4500));
  EXPECT_EQ(second_of(clock.due(Turn::command)), 4600) << "the total";
}

TEST(SessionClockTest, TimeThatWeTookForTwoReasonsIsTakenOutOnce) {
  const Timeouts timeouts = limits();
  SessionClock clock(timeouts, at(0));
  clock.hold(at(20));
  clock.hold(at(120));
  clock.release(at(320));
  clock.release(at(520));
  EXPECT_EQ(second_of(clock.due(Turn::command)), 800);
  clock.hold(at(600));
  clock.release(at(700));
  EXPECT_EQ(second_of(clock.due(Turn::command)), 900);
}

// A timer that looks again after the interval misses no deadline that began after its last look.
TEST(SessionClockTest, NoDeadlineComesSoonerThanTheInterval) {
  const Timeouts timeouts = limits();
  SessionClock clock(timeouts, at(0));
  EXPECT_EQ(clock.interval(), seconds(180));
  clock.has_spoken(at(5));
  clock.speaks(at(5));
  clock.data_begins(at(5));
  clock.mail_ends(at(5));
  for (const Turn turn : {Turn::command, Turn::data, Turn::reply}) {
    EXPECT_GE(clock.due(turn), at(5) + clock.interval());
  }
}

}  // namespace
}  // namespace mailrace::net
