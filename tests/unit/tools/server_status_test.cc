// SPDX-License-Identifier: GPL-3.0-or-later
// What is counted, and how it is told.
#include "tools/serve/server_status.h"

#include "core/smtp/reply_name.h"
#include "tools/serve/status_sums.h"
#include "tools/status/top_view.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

class ServerStatusTest : public testing::Test {
 protected:
  ServerStatusTest() {
    for (auto& stats : stats_) sources_.workers.push_back(&stats);
    sources_.memory = &memory_;
    sources_.draining = &draining_;
    sources_.pid = 4711;
  }

  std::array<net::WorkerStats, 2> stats_;
  MemoryWatch memory_{1 << 30};
  std::atomic<bool> draining_{false};
  StatusSources sources_;
  core::Instant now_{core::seconds(90).ns};
};

TEST_F(ServerStatusTest, MetricsAreTheSumOfAllWorkers) {
  stats_[0].mails.add(3);
  stats_[1].mails.add(4);
  stats_[1].limited[size_t(core::Limited::messages)].add(2);
  stats_[0].replies[size_t(core::ReplyId::overloaded)].add(5);
  stats_[1].lag_us.set(1500);
  stats_[0].networks.add(*core::parse_ip_address("192.0.2.1"));
  const std::string text = metrics_text(sources_, now_, true);
  const MetricValues values = parse_metrics(text);
  const std::vector<std::pair<std::string, double>> wanted = {
      {"mailrace_mails_total", 7},
      {"mailrace_limited_total{limit=\"messages\"}", 2},
      {"mailrace_replies_total{code=\"421\",reason=\"overloaded\"}", 5},
      {"mailrace_event_loop_lag_seconds{worker=\"0\"}", 0},
      {"mailrace_event_loop_lag_seconds{worker=\"1\"}", 0.0015},
      {"mailrace_uptime_seconds", 90},
      {"mailrace_network_connections{network=\"192.0.2.0/24\"}", 1},
      {"mailrace_draining", 0},
  };
  for (const auto& [name, value] : wanted) {
    ASSERT_TRUE(values.contains(name)) << name;
    EXPECT_EQ(values.at(name), value) << name;
  }
  EXPECT_EQ(metrics_text(sources_, now_, false).find("192.0.2.0"), std::string::npos);
}

TEST_F(ServerStatusTest, HistogramsAreCumulative) {
  auto& sync = stats_[0].stages[size_t(net::MailStage::sync)];
  sync.add(core::microseconds(16));
  sync.add(core::microseconds(17));
  sync.add(core::microseconds(32));
  sync.add(core::seconds(100'000));
  stats_[1].stages[size_t(net::MailStage::sync)].add(core::Duration{-5});
  const MetricValues values = parse_metrics(metrics_text(sources_, now_, false));
  const auto bucket = [&](const char* bound) {
    return values.at("mailrace_stage_seconds_bucket{stage=\"sync\",le=\"" + std::string(bound) +
                     "\"}");
  };
  EXPECT_EQ(bucket("1.6e-05"), 2);
  EXPECT_EQ(bucket("3.2e-05"), 4);
  EXPECT_EQ(bucket("268.435456"), 4);
  EXPECT_EQ(bucket("+Inf"), 5);
  EXPECT_EQ(values.at("mailrace_stage_seconds_count{stage=\"sync\"}"), 5);
  EXPECT_EQ(times_of(sources_, net::MailStage::sync).percentile_us(500), 32u);
  EXPECT_EQ(times_of(sources_, net::MailStage::data).percentile_us(500), 0u);
}

// HELP and TYPE once and first, no sample twice.
TEST_F(ServerStatusTest, TheTextFormatIsKept) {
  const std::string text = metrics_text(sources_, now_, true);
  std::set<std::string> heads;
  std::set<std::string> samples;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(heads.insert(line.substr(7, line.find(' ', 7) - 7)).second) << line;
    } else if (!line.starts_with("# HELP ")) {
      EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << line;
      std::string name = line.substr(0, line.find_first_of("{ "));
      for (const char* part : {"_bucket", "_sum", "_count"}) {
        if (name.starts_with("mailrace_stage_seconds") && name.ends_with(part)) {
          name.resize(name.size() - std::string(part).size());
        }
      }
      EXPECT_TRUE(heads.contains(name)) << line;
    }
  }
  EXPECT_GT(heads.size(), 20u);
}

TEST_F(ServerStatusTest, TheLineSaysWhatAnOperatorMustKnow) {
  stats_[0].open.set(3);
  stats_[1].open.set(4);
  stats_[1].mails.add(5);
  EXPECT_EQ(status_line(sources_), "taking mail: 7 connections, 5 mails so far");
  stats_[1].strain.set(uint64_t(core::Strain::refuse));
  stats_[1].strain_cause.set(uint64_t(core::Resource::lag));
  EXPECT_EQ(status_line(sources_),
            "taking mail: 7 connections, 5 mails so far; overload: refuse, for lag");
  draining_ = true;
  EXPECT_TRUE(status_line(sources_).starts_with("finishing open transactions: "));
}

TEST_F(ServerStatusTest, JsonAndTextHaveTheNumbers) {
  stats_[0].mails.add(6);
  stats_[0].replies[size_t(core::ReplyId::mail_accepted)].add(6);
  const std::string json = status_json(sources_, now_);
  for (const char* part :
       {"\"pid\":4711,", "\"state\":\"serving\"", "\"mails_total\":6,",
        "\"replies\":{\"mail_accepted\":6}", "\"strain\":\"none\"", "\"busy_networks\":[]"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << " is not in " << json;
  }
  const std::string text = status_text(sources_, now_);
  for (const char* part : {"pid 4711", "6 accepted", "2xx 6 ", "worker 1 "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in " << text;
  }
}

TEST(ReplyNameTest, EachHasOneOfItsOwn) {
  std::set<std::string_view> names;
  for (const core::ReplyRow& row : core::kReplies) names.insert(core::reply_name(row.id));
  EXPECT_EQ(names.size(), core::kReplyCount);
  EXPECT_EQ(core::reply_name(core::ReplyId::too_many_sessions), "too_many_sessions");
}

}  // namespace
}  // namespace mailrace::tools
