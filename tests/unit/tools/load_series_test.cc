// SPDX-License-Identifier: GPL-3.0-or-later
// The parts that a load run is counted in, and how they come together.
#include "tools/load/mailbox.h"
#include "tools/load/series.h"
#include "tools/load/timeline.h"

#include <gtest/gtest.h>

#include <vector>

namespace mailrace::tools {
namespace {

using core::milliseconds;
using core::seconds;

core::Instant at(int64_t ms) { return {milliseconds(ms).ns}; }

LoadSlice slice(int64_t start_ms, int64_t end_ms, uint32_t step = 0) {
  return {milliseconds(start_ms), milliseconds(end_ms), step};
}

LoadStats counted(uint64_t messages, std::vector<uint64_t> latencies_ns = {}) {
  LoadStats stats;
  stats.messages = messages;
  for (const uint64_t ns : latencies_ns) stats.latency_ns.add(ns);
  return stats;
}

// --- timeline ------------------------------------------------------------------------------------

TEST(LoadTimeline, WarmUpIsCountedInSecondsBeforeItsEnd) {
  const LoadTimeline timeline{.start = at(10'000), .measured_from = at(12'500)};
  EXPECT_EQ(timeline.slice_at(at(10'000)), slice(-2'500, -2'000));
  EXPECT_EQ(timeline.slice_at(at(10'499)), slice(-2'500, -2'000));
  EXPECT_EQ(timeline.slice_at(at(10'500)), slice(-2'000, -1'000));
  EXPECT_EQ(timeline.slice_at(at(12'499)), slice(-1'000, 0));
  EXPECT_TRUE(timeline.slice_at(at(12'499)).is_warmup());
  EXPECT_FALSE(timeline.slice_at(at(12'500)).is_warmup());
}

TEST(LoadTimeline, GoesOnWithoutEnd) {
  const LoadTimeline timeline{.start = at(0), .measured_from = at(0)};
  EXPECT_EQ(timeline.deadline(), core::Instant{INT64_MAX});
  EXPECT_EQ(timeline.slice_at(at(0)), slice(0, 1'000));
  EXPECT_EQ(timeline.slice_at(at(86'400'999)), slice(86'400'000, 86'401'000));
}

TEST(LoadTimeline, CutsSecondsAtTheEndOfAStep) {
  const LoadTimeline timeline{
      .start = at(0), .measured_from = at(1'000), .step = milliseconds(1'500), .step_count = 2};
  EXPECT_EQ(timeline.deadline(), at(4'000));
  EXPECT_EQ(timeline.slice_at(at(1'999)), slice(0, 1'000, 0));
  EXPECT_EQ(timeline.slice_at(at(2'000)), slice(1'000, 1'500, 0));
  EXPECT_EQ(timeline.slice_at(at(2'500)), slice(1'500, 2'500, 1));
  EXPECT_EQ(timeline.slice_at(at(3'999)), slice(2'500, 3'000, 1));
  EXPECT_EQ(timeline.slice_at(at(4'000)), slice(3'000, 4'000, 2)) << "what is still under way";
  EXPECT_EQ(timeline.slice_at(at(5'000)), slice(4'000, 5'000, 2));
}

// --- mailbox -------------------------------------------------------------------------------------

TEST(LoadMailbox, KeepsSlicesApart) {
  LoadMailbox mailbox;
  LoadStats stats = counted(1);
  mailbox.put(slice(0, 1'000), stats);
  EXPECT_EQ(stats.messages, 0u) << "they are handed over";
  stats = counted(2);
  mailbox.put(slice(0, 1'000), stats);
  stats = counted(4);
  mailbox.put(slice(1'000, 2'000), stats);
  const auto taken = mailbox.take();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].stats.messages, 3u);
  EXPECT_EQ(taken[1].slice, slice(1'000, 2'000));
  EXPECT_EQ(taken[1].stats.messages, 4u);
  EXPECT_TRUE(mailbox.take().empty());
}

TEST(LoadMailbox, LosesNothingWhenNobodyTakes) {
  LoadMailbox mailbox;
  const auto count = int64_t{core::kLoadSlicesWaitingMax} + 3;
  for (int64_t second = 0; second < count; ++second) {
    LoadStats stats = counted(1);
    mailbox.put(slice(second * 1'000, second * 1'000 + 1'000), stats);
  }
  const auto taken = mailbox.take();
  ASSERT_EQ(taken.size(), core::kLoadSlicesWaitingMax);
  EXPECT_EQ(taken.back().stats.messages, 4u);
}

// --- series --------------------------------------------------------------------------------------

TEST(LoadSeries, AddsUpThreadsAndPartsOfASecond) {
  LoadSeries series;
  series.add(slice(1'000, 2'000), counted(7, {50, 50}));
  series.add(slice(0, 1'000), counted(1, {10}));  // of a thread that is late
  LoadStats more = counted(3, {1'000'000});
  more.bytes = 12;
  more.count_error(LoadError::closed, "");
  series.add(slice(1'000, 2'000), more);
  const auto rows = series.seconds();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].messages, 1u);
  EXPECT_EQ(rows[0].max_ns, 10u);
  EXPECT_EQ(rows[1].start, seconds(1));
  EXPECT_EQ(rows[1].end, seconds(2));
  EXPECT_EQ(rows[1].messages, 10u);
  EXPECT_EQ(rows[1].bytes, 12u);
  EXPECT_EQ(rows[1].errors, 1u);
  EXPECT_EQ(rows[1].p50_ns, 50u);
  EXPECT_EQ(rows[1].max_ns, 1'000'000u);
}

TEST(LoadSeries, PutsSlicesOfShortStepsIntoOneSecond) {
  LoadSeries series;
  series.add(slice(500, 1'000, 1), counted(1));
  series.add(slice(0, 500, 0), counted(2));
  const auto rows = series.seconds();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].start, seconds(0));
  EXPECT_EQ(rows[0].end, seconds(1));
  EXPECT_EQ(rows[0].messages, 3u);
}

TEST(LoadSeries, PutsNeighboursTogetherWhenThereAreTooMany) {
  LoadSeries series(4);
  LoadStats warm_up;
  warm_up.warmup_messages = 5;
  series.add(slice(-1'500, -1'000), warm_up);
  series.add(slice(-1'000, 0), warm_up);
  for (int64_t second = 0; second < 5; ++second) {
    series.add(slice(second * 1'000, second * 1'000 + 1'000), counted(1, {uint64_t(second) + 1}));
  }
  const auto rows = series.seconds();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_TRUE(rows[0].is_warmup);
  EXPECT_EQ(rows[0].start, milliseconds(-1'500));
  EXPECT_EQ(rows[0].end, seconds(0)) << "the warm-up stays by itself";
  EXPECT_EQ(rows[0].messages, 10u);
  EXPECT_FALSE(rows[1].is_warmup);
  EXPECT_EQ(rows[1].start, seconds(0));
  EXPECT_EQ(rows[1].end, seconds(2));
  EXPECT_EQ(rows[1].messages, 2u);
  EXPECT_EQ(rows[1].max_ns, 2u);
  EXPECT_EQ(rows[3].start, seconds(4));
  EXPECT_EQ(rows[3].end, seconds(5));
}

TEST(LoadSeries, IsBoundedHoweverLongTheRunIs) {
  LoadSeries series(4);
  for (int64_t second = 0; second < 1'000; ++second) {
    series.add(slice(second * 1'000, second * 1'000 + 1'000), counted(1));
  }
  uint64_t messages = 0;
  const auto rows = series.seconds();
  for (const LoadSecond& row : rows) messages += row.messages;
  EXPECT_LE(rows.size(), 4u);
  EXPECT_EQ(messages, 1'000u);
  EXPECT_EQ(rows.back().end, seconds(1'000));
}

}  // namespace
}  // namespace mailrace::tools
