// SPDX-License-Identifier: GPL-3.0-or-later
// What is drawn is within its bounds, has the mean that was asked for, and is the same again.
#include "core/base/limits.h"
#include "tools/load/address_range.h"
#include "tools/load/spread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

constexpr int kDraws = 20'000;

LoadCount count_of(std::string_view text) {
  const auto count = parse_load_count(text, {0, 1'000'000}, true);
  EXPECT_TRUE(count) << text;
  return count.value_or(LoadCount());
}

double mean_of(const LoadCount& count, uint64_t least, uint64_t most) {
  core::Prng random(1);
  double sum = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    const uint64_t value = count.draw(random);
    EXPECT_GE(value, least);
    EXPECT_LE(value, most);
    sum += double(value);
  }
  return sum / kDraws;
}

TEST(LoadCount, IsReadAndWritten) {
  for (const char* text : {"0", "7", "1000000", "uniform:1:9", "uniform:5:5", "geometric:1"}) {
    EXPECT_EQ(format_load_count(count_of(text)), text);
  }
}

TEST(LoadCount, RefusesWhatIsOutOfBoundsOrNoCount) {
  for (const char* text : {"", "x", "-1", "11", "uniform:0:5", "uniform:5:4", "uniform:1:11",
                           "uniform:1", "uniform:", "uniform:1:2:3", "geometric:0", "geometric:11",
                           "geometric:", "geometric:2:3", "gauss:1"}) {
    EXPECT_FALSE(parse_load_count(text, {0, 10}, true)) << text;
  }
  EXPECT_FALSE(parse_load_count("geometric:2", {0, 10}, false));
  EXPECT_FALSE(parse_load_count("0", {1, 10}, false));
}

TEST(LoadCount, DrawsWithTheMeanThatWasAskedFor) {
  EXPECT_EQ(mean_of(7, 7, 7), 7.0);
  EXPECT_NEAR(mean_of(count_of("uniform:1:9"), 1, 9), 5.0, 0.1);
  EXPECT_NEAR(mean_of(count_of("geometric:4"), 1, 1'000), 4.0, 0.2);
  EXPECT_EQ(mean_of(count_of("geometric:1"), 1, 1), 1.0);
}

TEST(LoadSize, IsReadAndWritten) {
  for (const char* text :
       {"4KiB", "256", "1GiB", "lognormal:16KiB:1", "lognormal:1000:0.5", "lognormal:8KiB:1.25"}) {
    const auto size = parse_load_size(text);
    ASSERT_TRUE(size) << text;
    EXPECT_EQ(format_load_size(*size), text);
  }
  EXPECT_EQ(format_load_size(*parse_load_size("lognormal:4096:0.050")), "lognormal:4KiB:0.05");
}

TEST(LoadSize, RefusesWhatIsOutOfBoundsOrNoSize) {
  for (const char* text :
       {"", "255", "2GiB", "lognormal:", "lognormal:4KiB", "lognormal:4KiB:", "lognormal:4KiB:0",
        "lognormal:4KiB:4.001", "lognormal:4KiB:1.2345", "lognormal:255:1", "lognormal:4KiB:x",
        "lognormal:4KiB:1.", "lognormal:4KiB:.5", "uniform:1:2"}) {
    EXPECT_FALSE(parse_load_size(text)) << text;
  }
}

TEST(LoadSize, IsOneOrFollowsTheLogNormalDistribution) {
  EXPECT_EQ(LoadSize(4096).sizes(), std::vector<uint64_t>{4096});
  const std::vector<uint64_t> sizes = LoadSize(16384, 1000).sizes();
  ASSERT_EQ(sizes.size(), core::kLoadSizesMax);
  EXPECT_TRUE(std::is_sorted(sizes.begin(), sizes.end()));
  const auto share_below = [&](double bytes) {
    const auto below = std::count_if(sizes.begin(), sizes.end(),
                                     [&](uint64_t size) { return double(size) < bytes; });
    return double(below) / double(sizes.size());
  };
  EXPECT_NEAR(share_below(16384), 0.5, 0.02);
  EXPECT_NEAR(share_below(16384 * std::exp(1.0)), 0.841, 0.02);  // one sigma
  EXPECT_NEAR(share_below(16384 * std::exp(-2.0)), 0.023, 0.02);
}

TEST(LoadSize, IsClampedToWhatAMessageMayHave) {
  const std::vector<uint64_t> sizes = LoadSize(1 << 20, 4000).sizes();
  EXPECT_EQ(sizes.front(), core::kLoadMessageBytesMin);
  EXPECT_EQ(sizes.back(), core::kLoadMessageBytesMax);
}

// --- addresses -----------------------------------------------------------------------------------

TEST(AddressRange, IsReadAndWritten) {
  for (const char* text : {"127.0.0.1", "127.0.0.0/8", "0.0.0.0/0", "127.0.0.1-127.0.0.9",
                           "2001:db8::/32", "2001:db8::1-2001:db8::ff", "::1"}) {
    const auto range = parse_address_range(text);
    ASSERT_TRUE(range) << text;
    EXPECT_EQ(format_address_range(*range),
              std::string(text) == "2001:db8::/32"
                  ? "2001:db8::-2001:db8::ffff:ffff:ffff:ffff"  // no more than 2^64
                  : text);
  }
}

TEST(AddressRange, RefusesWhatIsNone) {
  for (const char* text : {"", "127.0.0.1/8", "127.0.0.9-127.0.0.1", "127.0.0.1-::1", "127.0.0.1-",
                           "-127.0.0.1", "127.0.0.1:25", "localhost", "127.0.0.0/33"}) {
    EXPECT_FALSE(parse_address_range(text)) << text;
  }
}

TEST(AddressRange, GoesRoundInOrder) {
  const auto at = [](const char* text, uint64_t index) {
    const core::IpAddress address = parse_address_range(text)->at(index);
    return format_address_range({address, 0});
  };
  EXPECT_EQ(at("127.0.0.254-127.0.1.1", 0), "127.0.0.254");
  EXPECT_EQ(at("127.0.0.254-127.0.1.1", 2), "127.0.1.0");
  EXPECT_EQ(at("127.0.0.254-127.0.1.1", 4), "127.0.0.254");
  EXPECT_EQ(at("10.0.0.0/8", 0x123456), "10.18.52.86");
  EXPECT_EQ(at("10.0.0.0/8", 0x1000000), "10.0.0.0");
  EXPECT_EQ(at("2001:db8::ff-2001:db8::1:ff", 0xff01), "2001:db8::1:0");
  EXPECT_EQ(at("2001:db8::/32", UINT64_MAX), "2001:db8::ffff:ffff:ffff:ffff");
}

}  // namespace
}  // namespace mailrace::tools
