// SPDX-License-Identifier: GPL-3.0-or-later
// Files through a real ring: each operation does what the port says, and never reports from within.
#include "net/ring_file.h"

#include "core/base/limits.h"
#include "net/ring.h"
#include "net/ring_failure.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

namespace mailrace::net {
namespace {

class RingFileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ring_.open(0).has_value()) << ring_unavailable(0);
    op_.done = [](core::FileOp& op, int result) {
      static_cast<RingFileTest*>(op.context)->result_ = result;
    };
    op_.context = this;
  }

  // Waits for the operation that was just started.
  int result() {
    EXPECT_FALSE(result_.has_value()) << "reported from within the call";
    while (!result_) {
      ring_.submit_and_wait();
      ring_.visit_completions([this](const io_uring_cqe& cqe) {
        const Token token = Token::unpack(cqe.user_data);
        if (token.op == Op::file) files_in_use_->on_completion(token.slot, cqe.res);
      });
    }
    return *std::exchange(result_, std::nullopt);
  }

  core::FileHandle create(const std::string& path) {
    files_.create(op_, path.c_str());
    return {result()};
  }

  std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  tests::TemporaryDirectory directory_;
  Ring ring_;
  RingFile files_{ring_, core::WriteMode::buffered};
  RingFile* files_in_use_ = &files_;
  core::FileOp op_;
  std::optional<int> result_;
};

TEST_F(RingFileTest, WritesPiecesBackToBackAndCuts) {
  const std::string path = directory_.path() + "/file";
  const core::FileHandle file = create(path);
  ASSERT_TRUE(file.is_open());
  files_.allocate(op_, file, 4096);
  ASSERT_EQ(result(), 0);
  EXPECT_EQ(contents(path), std::string(4096, '\0'));

  std::string one = "one ";
  std::string two = "two";
  const iovec pieces[] = {{one.data(), one.size()}, {two.data(), two.size()}};
  files_.write(op_, file, pieces, 8, /*synced=*/true);
  EXPECT_EQ(result(), 7);
  files_.sync(op_, file);
  EXPECT_EQ(result(), 0);
  files_.sync_directory(op_, directory_.path().c_str());
  EXPECT_EQ(result(), 0);
  files_.truncate(op_, file, 15);
  EXPECT_EQ(result(), 0);
  EXPECT_EQ(contents(path), std::string(8, '\0') + "one two");
  files_.close(file);
}

TEST_F(RingFileTest, ThroughThePageCacheItIsWholeBlocksAsWell) {
  EXPECT_TRUE(files_.is_cached());
  EXPECT_EQ(files_.block_bytes(), core::kBlockBytes);
}

// Past the page cache: from buffers, or any block.
TEST_F(RingFileTest, WritesBlocksPastThePageCache) {
  RingFile direct(ring_, core::WriteMode::direct);
  direct.set_up();
  ASSERT_FALSE(direct.is_cached());
  ASSERT_EQ(direct.block_bytes(), core::kBlockBytes);
  files_in_use_ = &direct;
  const std::string path = directory_.path() + "/file";
  direct.create(op_, path.c_str());
  const core::FileHandle file{result()};
  if (file.index == -EINVAL) GTEST_SKIP() << "no O_DIRECT on the file system under test";
  ASSERT_TRUE(file.is_open());
  // As many as may be under way, and more often than that: they come back.
  for (uint64_t i = 0; i < 3; ++i) {
    std::array<iovec, core::kWritesInFlightMax> all{};
    for (iovec& piece : all) piece = {direct.take_buffer(), 2 * core::kBlockBytes};
    for (iovec& piece : all) {
      const auto number = char(&piece - all.data());
      std::memset(piece.iov_base, char('a' + number), piece.iov_len);
      const uint64_t offset = (i * all.size() + uint64_t(number)) * piece.iov_len;
      direct.write(op_, file, {&piece, 1}, offset, /*synced=*/true);
      ASSERT_EQ(result(), int(piece.iov_len));
    }
    for (const iovec& piece : all) direct.give_buffer(static_cast<std::byte*>(piece.iov_base));
  }
  alignas(core::kBlockBytes) static std::array<char, core::kBlockBytes> block;
  block.fill('c');
  const iovec aligned[] = {{block.data(), block.size()}};
  direct.write(op_, file, aligned, 0, /*synced=*/false);
  ASSERT_EQ(result(), int(core::kBlockBytes));
  direct.close(file);
  const std::string read = contents(path);
  EXPECT_EQ(read.size(), 3 * core::kWritesInFlightMax * 2 * core::kBlockBytes);
  EXPECT_EQ(read.substr(0, 2 * core::kBlockBytes),
            std::string(core::kBlockBytes, 'c') + std::string(core::kBlockBytes, 'a'));
  EXPECT_EQ(read.substr(2 * core::kBlockBytes, 2 * core::kBlockBytes),
            std::string(2 * core::kBlockBytes, 'b'));
}

// What is dropped, or written back and dropped, is still there.
TEST_F(RingFileTest, DropsPagesAndKeepsOctets) {
  const std::string path = directory_.path() + "/file";
  const core::FileHandle file = create(path);
  std::string octets(size_t{2} << 20, 'x');
  const iovec pieces[] = {{octets.data(), octets.size() / 2}};
  for (const bool synced : {true, false}) {
    files_.write(op_, file, pieces, synced ? 0 : octets.size() / 2, synced);
    ASSERT_EQ(result(), int(octets.size() / 2));
    for (const uint64_t bytes : {uint64_t{8192}, uint64_t{0}}) {
      files_.drop_cached(op_, file, 4096, bytes, /*write_back=*/!synced);
      EXPECT_EQ(result(), 0);
    }
  }
  EXPECT_EQ(contents(path), octets);
  files_.drop_cached(op_, {1'000'000}, 0, 0, /*write_back=*/true);
  EXPECT_EQ(result(), -EBADF);
  files_.close(file);
}

TEST_F(RingFileTest, DoesNotTakeOverAFileThatIsThere) {
  const std::string path = directory_.path() + "/file";
  std::ofstream(path) << "somebody's";
  files_.create(op_, path.c_str());
  EXPECT_EQ(result(), -EEXIST);
  EXPECT_EQ(contents(path), "somebody's");
}

TEST_F(RingFileTest, SaysWhetherAPathIsAFilesName) {
  const std::string worker = directory_.path() + "/worker";
  const std::string path = worker + "/file";
  const std::string other = directory_.path() + "/other";
  std::filesystem::create_directory(worker);
  const core::FileHandle file = create(path);
  EXPECT_EQ(files_.check_name(file, path.c_str()), 0);
  EXPECT_EQ(files_.check_name({}, path.c_str()), 0);

  std::filesystem::rename(worker, other);
  EXPECT_EQ(files_.check_name(file, path.c_str()), -ENOENT);
  EXPECT_EQ(files_.check_name({}, path.c_str()), -ENOENT);
  EXPECT_EQ(files_.check_name(file, (other + "/file").c_str()), 0);
  std::filesystem::create_directory(worker);
  std::filesystem::copy(other + "/file", path);
  EXPECT_EQ(files_.check_name(file, path.c_str()), -ESTALE);
  std::filesystem::remove(path);
  std::filesystem::create_symlink(other + "/file", path);
  EXPECT_EQ(files_.check_name(file, path.c_str()), -ESTALE) << "no name that is opened for mail";
  std::filesystem::remove_all(worker);
  std::ofstream(worker) << "a file";
  EXPECT_EQ(files_.check_name(file, path.c_str()), -ENOTDIR);
  files_.close(file);
}

TEST_F(RingFileTest, KeepsMailFromOtherUsers) {
  const std::string path = directory_.path() + "/file";
  files_.close(create(path));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(RingFileTest, ReportsWhatTheKernelRefuses) {
  files_.sync_directory(op_, (directory_.path() + "/none").c_str());
  EXPECT_EQ(result(), -ENOENT);
  const core::FileHandle closed{1'000'000};
  files_.sync(op_, closed);
  EXPECT_EQ(result(), -EBADF);
}

}  // namespace
}  // namespace mailrace::net
