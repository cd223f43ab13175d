// SPDX-License-Identifier: GPL-3.0-or-later
// A percentile is never below the true value, and at most 1/32 above.
#include "core/base/histogram.h"

#include "core/base/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace mailrace::core {
namespace {

TEST(HistogramTest, IsEmptyAtFirst) {
  EXPECT_EQ(Histogram().count(), 0u);
  EXPECT_EQ(Histogram().percentile(500), 0u);
}

TEST(HistogramTest, HoldsTheLargestValue) {
  Histogram histogram;
  histogram.add(UINT64_MAX);
  histogram.add(0);
  EXPECT_EQ(histogram.max(), UINT64_MAX);
  EXPECT_EQ(histogram.percentile(1000), UINT64_MAX);
  EXPECT_EQ(histogram.percentile(500), 0u);
}

TEST(HistogramTest, AgreesWithASortedListWithinOneBucket) {
  Prng prng(7);
  Histogram histogram;
  Histogram half;
  std::vector<uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t value = prng.next() >> prng.below(64);
    values.push_back(value);
    (i % 2 == 0 ? histogram : half).add(value);
  }
  histogram.merge(half);
  std::ranges::sort(values);
  EXPECT_EQ(histogram.count(), values.size());
  for (const uint32_t per_mille : {1u, 10u, 500u, 900u, 990u, 999u, 1000u}) {
    const uint64_t exact = values[(values.size() * per_mille + 999) / 1000 - 1];
    const uint64_t read = histogram.percentile(per_mille);
    EXPECT_GE(read, exact) << per_mille;
    EXPECT_LE(read - exact, exact / 32) << per_mille;
  }
}

TEST(HistogramTest, ShowsItsBuckets) {
  Histogram histogram;
  for (const uint64_t value : {uint64_t{0}, uint64_t{7}, uint64_t{7}, uint64_t{1'000'000}}) {
    histogram.add(value);
  }
  histogram.add(UINT64_MAX);
  std::vector<uint64_t> counts;
  uint64_t behind = 0;
  histogram.for_each_bucket([&](uint64_t low, uint64_t high, uint64_t count) {
    EXPECT_GE(low, behind);
    EXPECT_LE(high - low, low / 32);
    behind = high;
    counts.push_back(count);
    if (counts.size() == 3) {
      EXPECT_LE(low, 1'000'000u);
      EXPECT_GE(high, 1'000'000u);
    }
  });
  EXPECT_EQ(counts, (std::vector<uint64_t>{1, 2, 1, 1}));
  EXPECT_EQ(behind, UINT64_MAX);
}

}  // namespace
}  // namespace mailrace::core
