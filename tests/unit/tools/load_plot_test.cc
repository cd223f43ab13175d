// SPDX-License-Identifier: GPL-3.0-or-later
// Axes, plots and the page that they stand on.
#include "tools/lib/html_page.h"
#include "tools/lib/markup.h"
#include "tools/load/plot_axis.h"
#include "tools/load/ramp_plots.h"
#include "tools/load/report_html.h"
#include "tools/load/report_plots.h"
#include "tools/load/svg_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> labels(const PlotAxis& axis) {
  std::vector<std::string> labels;
  for (const PlotTick& tick : axis.ticks()) labels.push_back(tick.label);
  return labels;
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// --- escaping ------------------------------------------------------------------------------------

TEST(Markup, EscapesWhatHasAMeaning) {
  EXPECT_EQ(escaped_markup("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(escaped_markup("gr\xc3\xbc\xc3\x9f\t\n"), "gr\xc3\xbc\xc3\x9f\t\n");
}

TEST(Markup, ReplacesWhatNoDocumentMayHave) {
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(escaped_markup(std::string_view("a\0b\x1b\x7f", 5)), "a" + bad + "b" + bad + bad);
  EXPECT_EQ(escaped_markup("\xff\xc3"), bad + bad);
  EXPECT_EQ(escaped_markup("\xef\xbf\xbf"), bad) << "U+FFFF";
}

TEST(HtmlTable, EscapesCells) {
  HtmlTable table("<caption>", {"<head>"});
  EXPECT_TRUE(table.is_empty());
  table.add({"<first>", "<second>"}, true);
  EXPECT_FALSE(table.is_empty());
  EXPECT_THAT(table.text(), HasSubstr("&lt;caption&gt;"));
  EXPECT_THAT(table.text(), HasSubstr("&lt;head&gt;"));
  EXPECT_THAT(table.text(), HasSubstr("<tr class=\"strong\"><th scope=\"row\">&lt;first&gt;</th>"
                                      "<td>&lt;second&gt;</td></tr>"));
}

// --- axes ----------------------------------------------------------------------------------------

TEST(PlotNumber, IsShort) {
  EXPECT_EQ(plot_number(0), "0");
  EXPECT_EQ(plot_number(0.25), "0.25");
  EXPECT_EQ(plot_number(0.0005), "0.0005");
  EXPECT_EQ(plot_number(-20), "-20");
  EXPECT_EQ(plot_number(999), "999");
  EXPECT_EQ(plot_number(1'500), "1.5k");
  EXPECT_EQ(plot_number(3'000'000), "3M");
  EXPECT_EQ(plot_number(2e9), "2G");
}

TEST(PlotAxis, LinearTicksAreRound) {
  EXPECT_THAT(labels(PlotAxis::linear(0, 58'213)),
              ElementsAre("0", "10k", "20k", "30k", "40k", "50k", "60k"));
  EXPECT_THAT(labels(PlotAxis::linear(0, 0.9)), ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1"));
  EXPECT_THAT(labels(PlotAxis::linear(0, 10)), ElementsAre("0", "2", "4", "6", "8", "10"));
  EXPECT_THAT(labels(PlotAxis::linear(-3, 3)), ElementsAre("-3", "-2", "-1", "0", "1", "2", "3"));
}

TEST(PlotAxis, LinearExactEndsWhereItIsTold) {
  const PlotAxis axis = PlotAxis::linear_exact(-2.5, 1'300);
  EXPECT_EQ(axis.least(), -2.5);
  EXPECT_EQ(axis.most(), 1'300);
  EXPECT_THAT(labels(axis), ElementsAre("0", "200", "400", "600", "800", "1000", "1200"));
}

TEST(PlotAxis, LogarithmicTicksAreDecadesOrFiner) {
  EXPECT_THAT(labels(PlotAxis::logarithmic(0.02, 4'000)),
              ElementsAre("0.01", "0.1", "1", "10", "100", "1k", "10k"));
  EXPECT_THAT(labels(PlotAxis::logarithmic(0.3, 9)),
              ElementsAre("0.2", "0.5", "1", "2", "5", "10"));
  EXPECT_THAT(labels(PlotAxis::logarithmic(1.5, 1.6)), ElementsAre("1", "2"));
}

TEST(PlotAxis, PercentilesReachAsFarAsValuesSaySomething) {
  EXPECT_THAT(labels(PlotAxis::percentiles(5'000)),
              ElementsAre("0 %", "90 %", "99 %", "99.9 %", "99.99 %"));
  EXPECT_THAT(labels(PlotAxis::percentiles(1)), ElementsAre("0 %", "90 %"));
  EXPECT_EQ(PlotAxis::percentiles(UINT64_MAX).most(), 1e7);
}

TEST(PlotAxis, PlacesValues) {
  const PlotAxis linear = PlotAxis::linear(0, 10);
  EXPECT_DOUBLE_EQ(linear.place(0), 0.0);
  EXPECT_DOUBLE_EQ(linear.place(2.5), 0.25);
  EXPECT_DOUBLE_EQ(linear.place(11), 1.0);
  EXPECT_DOUBLE_EQ(linear.place(-1), 0.0);
  const PlotAxis logarithmic = PlotAxis::logarithmic(1, 10'000);
  EXPECT_DOUBLE_EQ(logarithmic.place(100), 0.5);
  EXPECT_DOUBLE_EQ(logarithmic.place(0), 0.0);
}

TEST(PlotAxis, IsThereWithoutValues) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const PlotAxis& axis :
       {PlotAxis::linear(kInfinity, -kInfinity), PlotAxis::linear(0, 0), PlotAxis::linear(7, 7),
        PlotAxis::linear(NAN, 1), PlotAxis::linear_exact(3, 3), PlotAxis::logarithmic(0, 0),
        PlotAxis::logarithmic(kInfinity, -kInfinity), PlotAxis::logarithmic(5, 5),
        PlotAxis::percentiles(0)}) {
    EXPECT_LT(axis.least(), axis.most());
    EXPECT_GE(axis.ticks().size(), 2u);
    EXPECT_LE(axis.ticks().size(), 20u);
    EXPECT_TRUE(std::isfinite(axis.place(5)));
  }
}

// --- plots ---------------------------------------------------------------------------------------

SvgPlot plot() {
  return {"<title>", PlotAxis::linear(0, 10), PlotAxis::linear(0, 100), "<x>", "<y>"};
}

TEST(SvgPlot, EscapesAllText) {
  SvgPlot svg = plot();
  svg.add_shade(0, 1, "<shade>");
  svg.add_mark(5, "<mark>");
  svg.add_hint(0, 1, "<hint>");
  for (const char* text : {"title", "x", "y", "shade", "mark", "hint"}) {
    EXPECT_THAT(svg.text(), HasSubstr("&lt;" + std::string(text) + "&gt;"));
  }
}

TEST(SvgPlot, DrawsALineWithGaps) {
  SvgPlot svg = plot();
  svg.add_line(std::vector<PlotPoint>{{0, 0}, {5, 50}, {6, NAN}, {8, 100}, {10, 100}}, "s1");
  // 62 + 544 x / 10, and 256 - 230 y / 100.
  EXPECT_THAT(svg.text(), HasSubstr("d=\"M62.0 256.0L334.0 141.0M497.2 26.0L606.0 26.0\""));
  EXPECT_EQ(count_of(svg.text(), "<circle"), 0u);
}

TEST(SvgPlot, APointThatStandsAloneIsSeen) {
  SvgPlot svg = plot();
  svg.add_line(std::vector<PlotPoint>{{5, 50}}, "s1");
  EXPECT_EQ(count_of(svg.text(), "<circle"), 1u);
  EXPECT_THAT(svg.text(), HasSubstr("cx=\"334.0\" cy=\"141.0\""));
}

TEST(SvgPlot, IsWholeWithoutPoints) {
  SvgPlot svg = plot();
  svg.add_line({}, "s1");
  svg.add_bars({}, "s1");
  EXPECT_EQ(count_of(svg.text(), "<path"), 0u);
  EXPECT_THAT(svg.text(), testing::EndsWith("</svg>\n"));
}

TEST(SvgPlot, DrawsBarsFromTheBase) {
  SvgPlot svg = plot();
  svg.add_bars(std::vector<PlotBar>{{0, 5, 50}}, "s2");
  EXPECT_THAT(svg.text(), HasSubstr("<rect x=\"62.00\" y=\"141.00\" width=\"272.00\" "
                                    "height=\"115.00\" class=\"bar s2\"/>"));
}

std::vector<LoadSecond> some_seconds() {
  return {{.start = core::seconds(-1), .is_warmup = true, .messages = 5},
          {.end = core::seconds(1), .messages = 100, .p50_ns = 1'000'000, .max_ns = 2'000'000},
          {.start = core::seconds(1), .end = core::seconds(2), .messages = 50, .errors = 1}};
}

TEST(ReportPlots, TheLastSecondEndsWithTheRun) {
  const auto half = plotted_seconds(some_seconds(), core::milliseconds(1'500));
  ASSERT_EQ(half.size(), 3u);
  EXPECT_EQ(half.back().end, core::milliseconds(1'500));
  EXPECT_EQ(plotted_seconds(some_seconds(), core::milliseconds(1'020)).size(), 2u)
      << "too short for a rate";
  EXPECT_EQ(plotted_seconds(some_seconds(), core::seconds(5)).back().end, core::seconds(2));
  EXPECT_TRUE(plotted_seconds({}, core::seconds(5)).empty());
  auto stalled = some_seconds();
  stalled.push_back({.start = core::seconds(8), .end = core::seconds(9), .messages = 1});
  stalled = plotted_seconds(stalled, core::seconds(9));
  ASSERT_EQ(stalled.size(), 5u);
  EXPECT_EQ(stalled[3].start, core::seconds(2));
  EXPECT_EQ(stalled[3].end, core::seconds(8));
  EXPECT_EQ(stalled[3].messages, 0u);
}

TEST(ReportPlots, ShowWarmUpErrorsAndHints) {
  const ReportPlot throughput = throughput_plot(some_seconds());
  EXPECT_THAT(throughput.svg, HasSubstr("warm-up"));
  EXPECT_EQ(count_of(throughput.svg, "class=\"dot error\""), 1u);
  EXPECT_THAT(throughput.svg, HasSubstr("100 messages/s"));
  const ReportPlot latency = latency_plot(some_seconds());
  EXPECT_EQ(latency.keys.size(), 4u);
  EXPECT_EQ(count_of(latency.svg, "<circle"), 2u) << "p50 and max of the only second that has some";
}

TEST(ReportPlots, AreThereWithoutMessages) {
  EXPECT_THAT(throughput_plot({}).svg, HasSubstr("</svg>"));
  EXPECT_THAT(latency_plot({}).svg, HasSubstr("</svg>"));
  EXPECT_TRUE(percentile_plot({}).svg.empty());
  EXPECT_TRUE(distribution_plot({}).svg.empty());
}

TEST(ReportPlots, BarsOfADistributionAddUp) {
  core::Histogram latency_ns;
  for (uint64_t ns : {uint64_t{0}, uint64_t{5'000}, uint64_t{1'000'000}, uint64_t{1'000'100}}) {
    latency_ns.add(ns);
  }
  const std::string svg = distribution_plot(latency_ns).svg;
  double sum = 0;
  constexpr std::string_view kEnd = " % of messages";
  for (size_t at = svg.find(kEnd); at != svg.npos; at = svg.find(kEnd, at + 1)) {
    const size_t line = svg.rfind('\n', at);
    sum += std::stod(svg.substr(line + 1, at - line - 1));
  }
  EXPECT_NEAR(sum, 100.0, 0.5);
}

TEST(ReportPlots, ShowWhatBecameDue) {
  auto seconds = some_seconds();
  EXPECT_EQ(throughput_plot(seconds).svg.find("dashed"), std::string::npos);
  seconds[1].scheduled = 120;
  EXPECT_THAT(throughput_plot(seconds).svg, HasSubstr("plain dashed"));
}

std::vector<LoadRampStep> some_steps() {
  std::vector<LoadRampStep> steps(3);
  for (size_t index = 0; index < steps.size(); ++index) {
    steps[index].rate = {(index + 1) * 100'000};
    steps[index].scheduled = (index + 1) * 500;
    steps[index].messages = steps[index].scheduled;
    steps[index].achieved = double(index + 1) * 100;
    steps[index].p50_ns = 1'000'000;
    steps[index].p99_ns = 2'000'000;
    steps[index].p999_ns = 3'000'000;
  }
  steps[2].messages = 700;
  steps[2].achieved = 140;
  return steps;
}

TEST(RampPlots, MarkTheKnee) {
  for (const ReportPlot& plot : {ramp_rate_plot(some_steps()), ramp_latency_plot(some_steps())}) {
    EXPECT_THAT(plot.svg, HasSubstr(">knee: 200</text>"));
    EXPECT_THAT(plot.svg, HasSubstr("300 messages/s asked for, 140.0 achieved"));
  }
}

TEST(RampPlots, AreThereForOneStepWithoutMessages) {
  std::vector<LoadRampStep> steps(1);
  steps[0].rate = {100'000};
  steps[0].scheduled = 500;
  EXPECT_THAT(ramp_rate_plot(steps).svg, Not(HasSubstr("knee")));
  EXPECT_THAT(ramp_latency_plot(steps).svg, HasSubstr("</svg>"));
}

// --- page ----------------------------------------------------------------------------------------

TEST(ReportHtml, EscapesWhatServersSay) {
  LoadReport report;
  report.stats.count_error(LoadError::unexpected_reply, "RCPT: 550 <script>alert(1)</script>");
  report.stats.latency_ns.add(1'000);
  report.seconds = some_seconds();
  const std::string page = report_html({&report, 1}, LoadOptions(), {.cpu = "<b>"}, {});
  EXPECT_THAT(page, HasSubstr("550 &lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;"));
  EXPECT_EQ(count_of(page, "<svg"), 4u);
}

TEST(ReportHtml, ShowsARampAndWhoWasTheLimit) {
  LoadReport report;
  report.ramp = some_steps();
  report.generator_limit = "<busy>";
  LoadOptions options;
  options.ramp = {{100'000}, {300'000}, {100'000}};
  const std::string page = report_html({&report, 1}, options, {}, {});
  EXPECT_THAT(page, HasSubstr("The knee is at 200 messages/s"));
  EXPECT_THAT(page, HasSubstr("&lt;busy&gt;"));
  EXPECT_THAT(page, HasSubstr("open loop, 100 to 300 messages/s"));
  EXPECT_EQ(count_of(page, "<svg"), 4u) << "two of the ramp, two over time";
}

TEST(ReportHtml, ShowsTheRunInTheMiddle) {
  std::vector<LoadReport> reports(3);
  const uint64_t messages[] = {3'000, 1'000, 2'000};
  for (size_t index = 0; index < reports.size(); ++index) {
    reports[index].stats.messages = messages[index];
    reports[index].elapsed = core::seconds(1);
  }
  const std::string page = report_html(reports, LoadOptions(), {}, {});
  EXPECT_THAT(page, HasSubstr("<b>2000</b><span>messages/s"));
  EXPECT_THAT(page, HasSubstr("<tr class=\"strong\"><th scope=\"row\">3</th><td>2000.0</td>"));
}

}  // namespace
}  // namespace mailrace::tools
