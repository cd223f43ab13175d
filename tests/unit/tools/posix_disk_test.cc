// SPDX-License-Identifier: GPL-3.0-or-later
// The real disk keeps the promises of core::Disk.
#include "tools/lib/posix_disk.h"

#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

class PosixDiskTest : public testing::Test {
 protected:
  PosixDiskTest() : path_(directory_.path() + "/b") { std::ofstream(path_) << "0123456789"; }

  tests::TemporaryDirectory directory_;
  std::string path_;
  PosixDisk disk_;
};

TEST_F(PosixDiskTest, ListsNamesSorted) {
  std::ofstream(directory_.path() + "/a") << "";
  std::filesystem::create_directory(directory_.path() + "/c");
  EXPECT_EQ(*disk_.list(directory_.path()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(disk_.list(directory_.path() + "/none").error().sys_errno, ENOENT);
}

TEST_F(PosixDiskTest, ReadsUpToTheEndOfTheFile) {
  const auto file = disk_.open(path_, false);
  ASSERT_TRUE(file);
  EXPECT_EQ(*disk_.size(*file), 10u);
  std::array<std::byte, 6> octets{};
  EXPECT_EQ(*disk_.read(*file, 2, octets), 6u);
  EXPECT_EQ(core::as_text(octets), "234567");
  EXPECT_EQ(*disk_.read(*file, 7, octets), 3u);
  EXPECT_EQ(*disk_.read(*file, 20, octets), 0u);
  EXPECT_FALSE(disk_.truncate(*file, 1));
  disk_.close(*file);
}

TEST_F(PosixDiskTest, AFileMayHaveTwoNamesAndTakeThoseOfOthers) {
  const std::string second = directory_.path() + "/second";
  ASSERT_TRUE(disk_.link(path_, second));
  EXPECT_EQ(std::filesystem::hard_link_count(path_), 2u);
  EXPECT_EQ(disk_.link(path_, second).error().sys_errno, EEXIST);
  EXPECT_EQ(disk_.link(path_ + "x", second + "x").error().sys_errno, ENOENT);
  const std::string third = directory_.path() + "/third";
  std::ofstream(third) << "new";
  ASSERT_TRUE(disk_.rename(third, path_));
  EXPECT_EQ(std::filesystem::file_size(path_), 3u);
  EXPECT_EQ(std::filesystem::file_size(second), 10u);
  EXPECT_FALSE(std::filesystem::exists(third));
}

TEST_F(PosixDiskTest, CutsAndRemoves) {
  const auto file = disk_.open(path_, true);
  ASSERT_TRUE(file);
  EXPECT_TRUE(disk_.truncate(*file, 4));
  EXPECT_EQ(*disk_.size(*file), 4u);
  disk_.close(*file);
  EXPECT_TRUE(disk_.remove(path_));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(disk_.remove(path_).error().sys_errno, ENOENT);
}

TEST_F(PosixDiskTest, Renames) {
  EXPECT_TRUE(disk_.rename(path_, path_ + ".free"));
  EXPECT_EQ(*disk_.list(directory_.path()), std::vector<std::string>{"b.free"});
  EXPECT_EQ(disk_.rename(path_, path_ + ".free").error().sys_errno, ENOENT);
}

TEST_F(PosixDiskTest, CreatesWritesAndSyncs) {
  const std::string path = directory_.path() + "/made/new";
  EXPECT_TRUE(disk_.make_directory(directory_.path() + "/made"));
  EXPECT_TRUE(disk_.make_directory(directory_.path() + "/made"));  // as good
  const auto file = disk_.create(path);
  ASSERT_TRUE(file);
  EXPECT_EQ(disk_.create(path).error().sys_errno, EEXIST);
  EXPECT_TRUE(disk_.write(*file, 3, core::as_octets("abc")));
  EXPECT_TRUE(disk_.write(*file, 1, core::as_octets("z")));
  EXPECT_TRUE(disk_.sync(*file));
  EXPECT_TRUE(disk_.sync_directory(directory_.path() + "/made"));
  std::array<std::byte, 6> octets{};
  EXPECT_EQ(*disk_.read(*file, 0, octets), 6u);
  EXPECT_EQ(core::as_text(octets), std::string_view("\0z\0abc", 6));
  EXPECT_GT(disk_.modified_at(*file)->ns, int64_t{1'600'000'000} * core::seconds(1).ns);
  disk_.close(*file);
}

TEST_F(PosixDiskTest, OpensRegularFilesOnly) {
  const std::string link = directory_.path() + "/link";
  std::filesystem::create_symlink(path_, link);
  EXPECT_EQ(disk_.open(link, false).error().sys_errno, ELOOP);
  EXPECT_FALSE(disk_.open(directory_.path(), false));
  const std::string pipe = directory_.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(disk_.open(pipe, false));  // and does not wait for a writer
}

}  // namespace
}  // namespace mailrace::tools
