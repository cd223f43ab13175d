// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/status/top_view.h"

#include <gtest/gtest.h>

namespace mailrace::tools {
namespace {

TEST(TopViewTest, ReadsTheTextFormatAndNothingElse) {
  const MetricValues values = parse_metrics(
      "# HELP a b\n# TYPE a counter\na 1\nb{x=\"y z\"} 2.5\n\ngarbage\nc x\nd{le=\"+Inf\"} 3");
  EXPECT_EQ(values, (MetricValues{{"a", 1}, {"b{x=\"y z\"}", 2.5}, {"d{le=\"+Inf\"}", 3}}));
  EXPECT_TRUE(parse_metrics("").empty());
}

TEST(TopViewTest, ShowsRatesBetweenTwoLooks) {
  const MetricValues before = parse_metrics(
      "mailrace_uptime_seconds 10\nmailrace_mails_total 100\n"
      "mailrace_replies_total{code=\"250\",reason=\"a\"} 10\n"
      "mailrace_replies_total{code=\"421\",reason=\"b\"} 10\n"
      "mailrace_stage_seconds_bucket{stage=\"sync\",le=\"0.001\"} 50\n"
      "mailrace_stage_seconds_bucket{stage=\"sync\",le=\"+Inf\"} 50\n");
  const MetricValues now = parse_metrics(
      "mailrace_uptime_seconds 12\nmailrace_mails_total 300\n"
      "mailrace_connections_total 7\n"
      "mailrace_connections{worker=\"0\"} 3\nmailrace_connections{worker=\"1\"} 4\n"
      "mailrace_strain{worker=\"0\"} 0\nmailrace_strain{worker=\"1\"} 2\n"
      "mailrace_replies_total{code=\"250\",reason=\"a\"} 30\n"
      "mailrace_replies_total{code=\"421\",reason=\"b\"} 16\n"
      "mailrace_stage_seconds_bucket{stage=\"sync\",le=\"0.001\"} 60\n"
      "mailrace_stage_seconds_bucket{stage=\"sync\",le=\"0.004\"} 70\n"
      "mailrace_stage_seconds_bucket{stage=\"sync\",le=\"+Inf\"} 70\n"
      "mailrace_network_connections{network=\"192.0.2.0/24\"} 5\n"
      "mailrace_network_connections{network=\"2001:db8::/48\"} 9\n");
  const std::string view = top_view(before, now);
  for (const char* part : {"up for 12 s", "7 open", "3.5 new/s", "100.0 /s", "2xx 10.0", "4xx 3.0",
                           "5xx 0.0", "p50 1.00 ms  p99 4.00 ms", "none\n", "refuse\n"}) {
    EXPECT_NE(view.find(part), std::string::npos) << part << " is not in\n" << view;
  }
  EXPECT_LT(view.find("2001:db8::/48"), view.find("192.0.2.0/24"));
}

TEST(TopViewTest, TheFirstLookHasNoRates) {
  const std::string view = top_view({}, parse_metrics("mailrace_uptime_seconds 10\n"
                                                      "mailrace_mails_total 100\n"));
  EXPECT_NE(view.find(" 0.0 /s"), std::string::npos) << view;
  EXPECT_EQ(top_view({}, {}).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace mailrace::tools
