// SPDX-License-Identifier: GPL-3.0-or-later
// What is dropped when, of a log that goes on from file to file.
#include "spool/cache_trimmer.h"

#include "core/base/limits.h"
#include "tests/sim/sim_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using tests::SimFile;

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kStep = core::kCachedBytesMax / 4;
static_assert(core::kCachedBytesMax == 16 * kMiB);  // what the tables below reckon with

struct Dropped {
  std::string path;
  uint64_t from_mib = 0;
  uint64_t bytes_mib = 0;  // 0: all of the file
  friend bool operator==(const Dropped&, const Dropped&) = default;
};

class CacheTrimmerTest : public testing::Test {
 protected:
  core::FileHandle begin(const std::string& path) {
    core::FileOp op{
        [](core::FileOp& done, int result) { *static_cast<int*>(done.context) = result; }};
    core::FileHandle file;
    op.context = &file.index;
    files_.create(op, path.c_str());
    files_.complete(files_.pending() - 1);
    trimmer_.advance(file, 0);
    return file;
  }
  // Ends the drops that are under way and those that follow.
  std::vector<Dropped> dropped() {
    std::vector<Dropped> all;
    for (; files_.pending() > 0; files_.complete(0)) {
      const SimFile::Operation& drop = files_.operation(0);
      EXPECT_EQ(drop.kind, SimFile::Kind::drop_cached);
      EXPECT_FALSE(drop.write_back);
      EXPECT_EQ(files_.pending(), 1u) << "one at a time";
      all.push_back({drop.path, drop.offset / kMiB, drop.bytes / kMiB});
    }
    return all;
  }

  SimFile files_{/*seed=*/1};
  CacheTrimmer trimmer_{files_, /*write_back=*/false};
};

TEST_F(CacheTrimmerTest, DropsTheOldestInSteps) {
  const core::FileHandle file = begin("a");
  trimmer_.advance(file, 16 * kMiB - 1);
  EXPECT_THAT(dropped(), IsEmpty());
  trimmer_.advance(file, 16 * kMiB);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 4}));
  trimmer_.advance(file, 20 * kMiB - 1);
  EXPECT_THAT(dropped(), IsEmpty());
  trimmer_.advance(file, 20 * kMiB);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 8})) << "a step back";
  trimmer_.advance(file, 24 * kMiB);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 4, 8}));
}

TEST_F(CacheTrimmerTest, CatchesUpAfterASlowDrop) {
  const core::FileHandle file = begin("a");
  trimmer_.advance(file, 16 * kMiB);
  for (uint64_t mib = 17; mib <= 100; ++mib) trimmer_.advance(file, mib * kMiB);
  EXPECT_EQ(files_.pending(), 1u);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 4}, Dropped{"a", 0, 88}));
}

TEST_F(CacheTrimmerTest, DropsWholePagesOnly) {
  const core::FileHandle file = begin("a");
  trimmer_.advance(file, 16 * kMiB + 5000);
  ASSERT_EQ(files_.pending(), 1u);
  EXPECT_EQ(files_.operation(0).offset, 0u);
  EXPECT_EQ(files_.operation(0).bytes, kStep + 4096);
}

TEST_F(CacheTrimmerTest, AFileStaysUntilItsLastOctetsHaveHadTheirTurn) {
  const core::FileHandle first = begin("a");
  trimmer_.advance(first, 10 * kMiB);
  trimmer_.close(first);
  const core::FileHandle second = begin("b");
  trimmer_.advance(second, 6 * kMiB - 1);
  EXPECT_THAT(dropped(), IsEmpty());
  EXPECT_EQ(files_.open_count(), 2u);
  trimmer_.advance(second, 6 * kMiB);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 4}));
  trimmer_.advance(second, 10 * kMiB);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 8}));
  trimmer_.advance(second, 14 * kMiB);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 0}));
  EXPECT_EQ(files_.open_count(), 1u);
  trimmer_.advance(second, 16 * kMiB);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"b", 0, 4}));
}

TEST_F(CacheTrimmerTest, WhileTheOldestIsOpenItIsNotGivenUp) {
  const core::FileHandle first = begin("a");
  trimmer_.advance(first, 4 * kMiB);
  const core::FileHandle second = begin("b");
  trimmer_.advance(second, 20 * kMiB);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 4}));
  trimmer_.close(first);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 0}, Dropped{"b", 0, 8}));
}

TEST_F(CacheTrimmerTest, FewFilesStayOpenHoweverSmall) {
  for (size_t i = 0; i < 2 * core::kTrimmedFilesMax; ++i) {
    ASSERT_TRUE(trimmer_.has_room());
    const core::FileHandle file = begin(std::to_string(i));
    trimmer_.advance(file, kMiB);
    trimmer_.close(file);
    dropped();
    EXPECT_LT(files_.open_count(), core::kTrimmedFilesMax);
  }
}

TEST_F(CacheTrimmerTest, ThereIsNoRoomForAFileWhileTheOldestIsOpen) {
  const core::FileHandle oldest = begin("a");
  for (size_t i = 1; i < core::kTrimmedFilesMax; ++i) begin(std::to_string(i));
  EXPECT_FALSE(trimmer_.has_room());
  trimmer_.close(oldest);
  EXPECT_FALSE(trimmer_.has_room());
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 0}));
  EXPECT_TRUE(trimmer_.has_room());
}

TEST_F(CacheTrimmerTest, KeepsNothingInTheEnd) {
  const core::FileHandle first = begin("a");
  trimmer_.close(first);
  const core::FileHandle second = begin("b");
  trimmer_.advance(second, kMiB);
  trimmer_.finish();
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 0}));
  EXPECT_FALSE(trimmer_.empty());
  trimmer_.close(second);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"b", 0, 0}));
  EXPECT_TRUE(trimmer_.empty());
  EXPECT_EQ(files_.open_count(), 0u);
  EXPECT_THAT(files_.violations(), IsEmpty());
}

TEST_F(CacheTrimmerTest, AFailureStopsNothing) {
  const core::FileHandle file = begin("a");
  trimmer_.advance(file, 16 * kMiB);
  files_.complete(0, SimFile::Ending::io_error);
  trimmer_.advance(file, 20 * kMiB);
  EXPECT_THAT(dropped(), ElementsAre(Dropped{"a", 0, 8}));
  trimmer_.finish();
  trimmer_.close(file);
  files_.complete(0, SimFile::Ending::io_error);
  EXPECT_TRUE(trimmer_.empty());
}

TEST(CacheTrimmer, WritesBackWhatNobodySyncs) {
  SimFile files(/*seed=*/1);
  CacheTrimmer trimmer(files, /*write_back=*/true);
  core::FileHandle file;
  core::FileOp op{[](core::FileOp& done, int result) { *static_cast<int*>(done.context) = result; },
                  &file.index};
  files.create(op, "a");
  files.complete(0);
  trimmer.advance(file, 16 * kMiB);
  ASSERT_EQ(files.pending(), 1u);
  EXPECT_TRUE(files.operation(0).write_back);
}

TEST(CacheTrimmer, DoesNothingPastThePageCache) {
  SimFile files(/*seed=*/1);
  files.bypass_cache();
  CacheTrimmer trimmer(files, /*write_back=*/false);
  core::FileHandle file;
  core::FileOp op{[](core::FileOp& done, int result) { *static_cast<int*>(done.context) = result; },
                  &file.index};
  files.create(op, "a");
  files.complete(0);
  trimmer.advance(file, 100 * kMiB);
  EXPECT_FALSE(trimmer.wants_sync(100 * kMiB));
  EXPECT_EQ(files.pending(), 0u);
  trimmer.close(file);
  EXPECT_EQ(files.open_count(), 0u);
  EXPECT_TRUE(trimmer.empty());
}

}  // namespace
}  // namespace mailrace::spool
