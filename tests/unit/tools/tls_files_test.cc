// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/tls_files.h"

#include "core/base/limits.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

namespace fs = std::filesystem;

class TlsFilesTest : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return directory_.path() + "/" + name; }
  void put(const std::string& name, const std::string& text = "x") const {
    fs::create_directories(fs::path(at(name)).parent_path());
    std::ofstream(at(name)) << text;
  }
  std::vector<TlsFiles> find(const std::string& name) const {
    const auto found = find_tls_files(at(name));
    EXPECT_TRUE(found);
    return found.value_or(std::vector<TlsFiles>{});
  }

  tests::TemporaryDirectory directory_;
};

TEST_F(TlsFilesTest, TwoNamesAreAPairWhateverIsThere) {
  EXPECT_EQ(*find_tls_files("a.pem,/b/c.key"), (std::vector<TlsFiles>{{"a.pem", "/b/c.key"}}));
}

TEST_F(TlsFilesTest, ADirectoryIsOnePairOfCertbotOrManyPairsByName) {
  put("live/one/fullchain.pem");
  put("live/two/fullchain.pem");
  put("live/two/README");
  put("live/b.crt");
  put("live/a.crt");
  put("live/notes.txt");
  EXPECT_EQ(find("live/one"),
            (std::vector<TlsFiles>{{at("live/one/fullchain.pem"), at("live/one/privkey.pem")}}));
  EXPECT_EQ(find("live"),
            (std::vector<TlsFiles>{{at("live/a.crt"), at("live/a.key")},
                                   {at("live/b.crt"), at("live/b.key")},
                                   {at("live/one/fullchain.pem"), at("live/one/privkey.pem")},
                                   {at("live/two/fullchain.pem"), at("live/two/privkey.pem")}}));
}

TEST_F(TlsFilesTest, ALinkThatLeadsNowhereIsAPairAllTheSame) {
  fs::create_directories(at("live/one"));
  fs::create_symlink("../../archive/one/fullchain7.pem", at("live/one/fullchain.pem"));
  ASSERT_EQ(find("live/one").size(), 1u);
  ASSERT_EQ(find("live").size(), 1u);
  EXPECT_EQ(read_tls_file(find("live")[0].chain).error(),
            at("live/one/fullchain.pem") + ": No such file or directory");
}

TEST_F(TlsFilesTest, NothingIsAnError) {
  EXPECT_EQ(find_tls_files(at("none")).error(), at("none") + ": No such file or directory");
  EXPECT_EQ(find_tls_files(directory_.path()).error(),
            directory_.path() + ": no certificate in it");
}

TEST_F(TlsFilesTest, ReadsRegularFilesOfABoundedLength) {
  put("whole", std::string(core::kTlsFileBytesMax, 'x'));
  put("long", std::string(core::kTlsFileBytesMax + 1, 'x'));
  EXPECT_EQ(read_tls_file(at("whole"))->size(), core::kTlsFileBytesMax);
  EXPECT_EQ(read_tls_file(at("long")).error(), at("long") + ": too long");
  EXPECT_EQ(read_tls_file(directory_.path()).error(), directory_.path() + ": not a regular file");
  EXPECT_EQ(read_tls_file("/dev/zero").error(), "/dev/zero: not a regular file");
}

TEST_F(TlsFilesTest, AStampTellsOfEachFileThatCameWentOrChanged) {
  const std::vector<std::string> paths = {at("a"), at("b")};
  const TlsStamps none = tls_file_stamps(paths);
  put("a", "1");
  const TlsStamps one = tls_file_stamps(paths);
  EXPECT_NE(none, one);
  EXPECT_EQ(tls_file_stamps(paths), one);
  put("a", "12");
  EXPECT_NE(tls_file_stamps(paths), one);
  fs::remove(at("a"));
  EXPECT_EQ(tls_file_stamps(paths), none);
}

}  // namespace
}  // namespace mailrace::tools
