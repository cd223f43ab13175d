// SPDX-License-Identifier: GPL-3.0-or-later
// Rules of faults as text, how they go together, and how often they are drawn.
#include "tools/sink/faults.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace mailrace::tools {
namespace {

TEST(ParseFault, ReadsEachKind) {
  const auto delay = parse_fault(FaultKind::delay, "banner:250ms");
  ASSERT_TRUE(delay);
  EXPECT_EQ(delay->stage, FaultStage::banner);
  EXPECT_EQ(delay->delay, core::milliseconds(250));
  const auto reply = parse_fault(FaultKind::reply, "rcpt:10:450");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->stage, FaultStage::rcpt);
  EXPECT_EQ(reply->percent, 10u);
  EXPECT_EQ(reply->code, 450);
  const auto reset = parse_fault(FaultKind::reset, "message:100");
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->stage, FaultStage::message);
  EXPECT_EQ(reset->percent, 100u);
  EXPECT_TRUE(parse_fault(FaultKind::close, "ehlo:1"));
}

TEST(ParseFault, SaysWhatIsWrong) {
  struct Row {
    FaultKind kind;
    const char* text;
    const char* reason;
  };
  for (const Row& row : {
           Row{FaultKind::delay, "", ""},
           Row{FaultKind::delay, "mail", ""},
           Row{FaultKind::delay, "mail:1s:1s", ""},
           Row{FaultKind::delay, "vrfy:1s", "there is no stage 'vrfy'"},
           Row{FaultKind::delay, "mail:1", "the unit is missing: us, ms, s, m or h"},
           Row{FaultKind::delay, "mail:0", "the time is above 0, up to 4m"},
           Row{FaultKind::delay, "mail:241s", "the time is above 0, up to 4m"},
           Row{FaultKind::reply, "rcpt:10", ""},
           Row{FaultKind::reply, "rcpt:0:450", "no percentage: '0'"},
           Row{FaultKind::reply, "rcpt:101:450", "no percentage: '101'"},
           Row{FaultKind::reply, "rcpt:1:250", "no such reply code: '250'"},
           Row{FaultKind::reply, "rcpt:1:0450", "no such reply code: '0450'"},
           Row{FaultKind::reply, "rcpt:1:600", "no such reply code: '600'"},
           Row{FaultKind::reset, "data:-1", "no percentage: '-1'"},
           Row{FaultKind::close, "data:10:450", ""},
       }) {
    const auto rule = parse_fault(row.kind, row.text);
    ASSERT_FALSE(rule) << row.text;
    EXPECT_EQ(rule.error(), row.reason) << row.text;
  }
}

TEST(FaultPlan, RefusesWhatCannotBe) {
  SinkOptions options;
  options.replies = {"rcpt:60:450", "data:100:451"};
  options.closes = {"rcpt:41"};
  const auto plan = FaultPlan::make(options);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error(),
            "--close: 'rcpt:41' makes the faults of that stage more than 100 percent");
  SinkOptions delays;
  delays.delays = {"mail:1s", "rcpt:1s", "mail:2s"};
  const auto twice = FaultPlan::make(delays);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error(), "--delay: 'mail:2s' is a second delay of that stage");
}

TEST(FaultPlan, DrawsSharesThatExcludeEachOther) {
  SinkOptions options;
  options.replies = {"rcpt:20:450", "rcpt:30:550"};
  options.resets = {"rcpt:10"};
  const auto plan = FaultPlan::make(options);
  ASSERT_TRUE(plan);
  core::Prng random(7);
  std::map<int, int> drawn;  // by code; 1: reset, 0: none
  for (int i = 0; i < 10'000; ++i) {
    const FaultRule* const rule = plan->draw(FaultStage::rcpt, random);
    ++drawn[rule == nullptr ? 0 : rule->kind == FaultKind::reset ? 1 : rule->code];
    ASSERT_EQ(plan->draw(FaultStage::mail, random), nullptr);
  }
  EXPECT_NEAR(drawn[450], 2'000, 200);
  EXPECT_NEAR(drawn[550], 3'000, 200);
  EXPECT_NEAR(drawn[1], 1'000, 200);
  EXPECT_NEAR(drawn[0], 4'000, 200);
}

TEST(FaultPlan, DrawsTheSameWithTheSameSeed) {
  SinkOptions options;
  options.closes = {"message:50"};
  const auto plan = FaultPlan::make(options);
  ASSERT_TRUE(plan);
  const auto draws = [&plan](uint64_t seed) {
    core::Prng random(seed);
    std::string drawn;
    for (int i = 0; i < 64; ++i) {
      drawn += plan->draw(FaultStage::message, random) != nullptr ? '1' : '0';
    }
    return drawn;
  };
  EXPECT_EQ(draws(1), draws(1));
  EXPECT_NE(draws(1), draws(2));
}

}  // namespace
}  // namespace mailrace::tools
