// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/limit_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

using core::Limited;
using core::LimitRule;

std::string wrong(std::string_view text) {
  const auto rules = parse_limit(text);
  return rules ? "nothing" : rules.error();
}

TEST(LimitTextTest, OneNetwork) {
  const auto rules =
      parse_limit("192.0.2.0/24,each=26,concurrent=20,half-open=7,messages=100/1m,errors=5/24h");
  ASSERT_TRUE(rules) << rules.error();
  ASSERT_EQ(rules->size(), 1u);
  const LimitRule& rule = rules->front();
  EXPECT_EQ(rule.network, core::parse_cidr("192.0.2.0/24").prefix);
  EXPECT_EQ(rule.each, 26);
  EXPECT_EQ(rule.held[size_t(Limited::concurrent)], 20u);
  EXPECT_EQ(rule.held[size_t(Limited::half_open)], 7u);
  EXPECT_EQ(rule.rates[size_t(Limited::messages)], (core::Rate{100, core::seconds(60)}));
  EXPECT_EQ(rule.rates[size_t(Limited::errors)], (core::Rate{5, core::seconds(86'400)}));
  EXPECT_FALSE(rule.rates[size_t(Limited::recipients)].is_limit());
}

TEST(LimitTextTest, EachIsAnAddressOrA64) {
  EXPECT_EQ(parse_limit("192.0.2.0/24,concurrent=1")->front().each, 32);
  EXPECT_EQ(parse_limit("2001:db8::/32,concurrent=1")->front().each, 64);
  EXPECT_EQ(parse_limit("2001:db8::/80,concurrent=1")->front().each, 80);
  EXPECT_EQ(parse_limit("2001:db8::/32,each=48,concurrent=1")->front().each, 48);
}

TEST(LimitTextTest, AnyIsBothFamilies) {
  const auto rules = parse_limit("any,handshakes=10/1s,unknown-recipients=7/1h");
  ASSERT_TRUE(rules);
  ASSERT_EQ(rules->size(), 2u);
  EXPECT_TRUE(rules->front().network.contains(core::parse_ip_address("192.0.2.1").value()));
  EXPECT_TRUE(rules->back().network.contains(core::parse_ip_address("2001:db8::1").value()));
  for (const LimitRule& rule : *rules) {
    EXPECT_EQ(rule.rates[size_t(Limited::handshakes)], (core::Rate{10, core::seconds(1)}));
    EXPECT_EQ(rule.rates[size_t(Limited::unknown_recipients)],
              (core::Rate{7, core::seconds(3600)}));
  }
}

TEST(LimitTextTest, AnExemptionHasNoLimits) {
  const auto rules = parse_limit("127.0.0.0/8,limits=none");
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->front(), (LimitRule{.network = core::parse_cidr("127.0.0.0/8").prefix}));
}

TEST(LimitTextTest, WhatIsWrongIsNamed) {
  const struct {
    const char* text;
    const char* what;
  } kRows[] = {
      {"", ""},
      {"mail.example,concurrent=1", ""},
      {"192.0.2.1/24,concurrent=1", "bits behind the prefix are set"},
      {"192.0.2.0/24", "no limit is given"},
      {"192.0.2.0/24,", "an option is missing behind the comma"},
      {"192.0.2.0/24,concurrent=1,", "an option is missing behind the comma"},
      {"192.0.2.0/24,each=26", "no limit is given"},
      {"192.0.2.0/24,speed=1", "there is no option 'speed'"},
      {"192.0.2.0/24,limits=some", "there is no option 'limits'"},
      {"192.0.2.0/24,limits=none,concurrent=1", "limits=none goes with no limit"},
      {"192.0.2.0/24,each=23,concurrent=1", "each takes 24 to 32 bits there"},
      {"2001:db8::/32,each=129,concurrent=1", "each takes 32 to 128 bits there"},
      {"any,each=24,concurrent=1", "each goes with one network: 0.0.0.0/0 or ::/0"},
      {"192.0.2.0/24,each=24,each=26,concurrent=1", "each is given twice"},
      {"any,concurrent", "concurrent takes 1 to 1000000"},
      {"any,concurrent=0", "concurrent takes 1 to 1000000"},
      {"any,concurrent=1000001", "concurrent takes 1 to 1000000"},
      {"any,concurrent=1,concurrent=1", "concurrent is given twice"},
      {"any,half-open=1/1m", "half-open takes 1 to 1000000"},
      {"any,half-open=1,half-open=2", "half-open is given twice"},
      {"any,messages=1", "messages takes 1 to 1000000, '/', and 1s to 24h"},
      {"any,messages=1/1", "messages takes 1 to 1000000, '/', and 1s to 24h"},
      {"any,messages=/1s", "messages takes 1 to 1000000, '/', and 1s to 24h"},
      {"any,messages=1/999ms", "messages takes 1 to 1000000, '/', and 1s to 24h"},
      {"any,messages=1/25h", "messages takes 1 to 1000000, '/', and 1s to 24h"},
      {"any,messages=1/1s,messages=2/1s", "messages is given twice"},
  };
  for (const auto& row : kRows) EXPECT_EQ(wrong(row.text), row.what) << row.text;
}

TEST(LimitTextTest, RulesTogether) {
  const auto rules = limit_rules({"any,concurrent=1", "0.0.0.0/0,each=24,concurrent=5"});
  ASSERT_TRUE(rules) << rules.error();
  EXPECT_EQ(rules->size(), 3u);
  EXPECT_EQ(limit_rules({"any,concurrent=1", "::/0,messages=1/1s"}).error(),
            "'::/0,messages=1/1s': the same network and each is given twice");
  std::vector<std::string> texts;
  for (int each = 24; each < 33; ++each) {
    texts.push_back("192.0.2.0/24,concurrent=1,each=" + std::to_string(each));
  }
  EXPECT_EQ(limit_rules(texts).error(),
            "'192.0.2.0/24,concurrent=1,each=32': more than 8 for one network");
  EXPECT_EQ(limit_rules({"nonsense"}).error(), "'nonsense': ");
  texts.clear();
  for (size_t i = 0; i <= core::kLimitRulesMax; ++i) {
    texts.push_back("10." + std::to_string(i / 256) + "." + std::to_string(i % 256) +
                    ".0/24,concurrent=1");
  }
  EXPECT_EQ(limit_rules(texts).error(), "more than 4096 networks");
}

}  // namespace
}  // namespace mailrace::tools
