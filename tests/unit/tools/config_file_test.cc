// SPDX-License-Identifier: GPL-3.0-or-later
// Config files as they should not be: every message names file, line and column.
#include "tools/lib/config_file.h"

#include "core/base/limits.h"
#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace mailrace::tools {
namespace {

constexpr std::string_view kTables[] = {"serve", "relay"};

class ConfigFileTest : public testing::Test {
 protected:
  std::string path(const std::string& name = "x.toml") const { return directory_ + "/" + name; }
  auto read(std::string_view text) const {
    std::ofstream(path(), std::ios::binary) << text;
    return read_config_file(path(), kTables, "serve");
  }
  /// The message without the directory.
  std::string error_of(std::string_view text) const {
    const auto entries = read(text);
    return entries ? "no error" : entries.error().substr(directory_.size() + 1);
  }

  tests::TemporaryDirectory temporary_;
  const std::string& directory_ = temporary_.path();
};

TEST_F(ConfigFileTest, KeysComeInFileOrderWithPositions) {
  const auto entries = read("workers = 4\n\n  listen = [\"a:1\",\n    \"b:2\"]\nfast = true\n");
  ASSERT_TRUE(entries) << entries.error();
  ASSERT_EQ(entries->size(), 3u);
  const ConfigEntry& workers = (*entries)[0];
  EXPECT_EQ(workers.key, "workers");
  EXPECT_FALSE(workers.is_array);
  ASSERT_EQ(workers.values.size(), 1u);
  EXPECT_EQ(workers.values[0].type, ConfigType::integer);
  EXPECT_EQ(workers.values[0].text, "4");
  EXPECT_EQ(at_position("f", workers.values[0].position), "f:1:11");
  const ConfigEntry& listen = (*entries)[1];
  EXPECT_EQ(at_position("f", listen.position), "f:3:3");
  EXPECT_TRUE(listen.is_array);
  ASSERT_EQ(listen.values.size(), 2u);
  EXPECT_EQ(listen.values[1].type, ConfigType::text);
  EXPECT_EQ(listen.values[1].text, "b:2");
  EXPECT_EQ(at_position("f", listen.values[1].position), "f:4:5");
  EXPECT_EQ((*entries)[2].values[0].type, ConfigType::boolean);
  EXPECT_EQ((*entries)[2].values[0].text, "true");
}

TEST_F(ConfigFileTest, OwnTableComesAfterTheTopAndOtherSubcommandsTablesAreSkipped) {
  const auto entries = read("z = 1\n[relay]\nunknown = 2\n[serve]\na = 3\n");
  ASSERT_TRUE(entries) << entries.error();
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].key, "z");
  EXPECT_EQ((*entries)[1].key, "a");
}

TEST_F(ConfigFileTest, OtherTablesAreEntriesThatSaySo) {
  const auto entries = read("[srve]\na = 1\n[[relay]]\nb = 1\n");
  ASSERT_TRUE(entries) << entries.error();
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_TRUE((*entries)[0].is_table);
  EXPECT_EQ((*entries)[0].key, "srve");
  EXPECT_TRUE((*entries)[1].is_table);
  EXPECT_EQ((*entries)[1].key, "relay");
}

TEST_F(ConfigFileTest, ASubcommandsNameMayBeAKey) {
  const auto entries = read("serve = 1\n");
  ASSERT_TRUE(entries) << entries.error();
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_FALSE((*entries)[0].is_table);
}

TEST_F(ConfigFileTest, OtherTypesKeepTheirTomlText) {
  const auto entries = read("a = 1.5\nb = 2026-01-02\nc = [[1]]\n");
  ASSERT_TRUE(entries) << entries.error();
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].values[0].type, ConfigType::other);
  EXPECT_EQ((*entries)[0].values[0].text, "1.5");
  EXPECT_EQ((*entries)[1].values[0].text, "2026-01-02");
  EXPECT_EQ((*entries)[2].values[0].type, ConfigType::other);
}

TEST_F(ConfigFileTest, EmptyFileHasNoKeys) {
  const auto entries = read("");
  ASSERT_TRUE(entries) << entries.error();
  EXPECT_TRUE(entries->empty());
}

TEST_F(ConfigFileTest, SyntaxErrorsAreOneLineWithPosition) {
  const std::string texts[] = {"workers = \n",       "a = 1\na = 2\n", "a = \"open\n", "[serve\n",
                               "a = \"\xff\xfe\"\n", "= 1\n",          "a = 1 b = 2\n"};
  const std::string lines[] = {"1", "2", "1", "1", "1", "1", "1"};
  for (size_t i = 0; i < std::size(texts); ++i) {
    SCOPED_TRACE(texts[i]);
    const std::string error = error_of(texts[i]);
    EXPECT_THAT(error, testing::MatchesRegex("x\\.toml:" + lines[i] + ":[0-9]+: .+"));
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

TEST_F(ConfigFileTest, DeepNestingIsAnErrorAndNoCrash) {
  const std::string deep(100'000, '[');
  EXPECT_THAT(error_of("a = " + deep), testing::StartsWith("x.toml:1:"));
}

TEST_F(ConfigFileTest, WhatIsNoFileIsNamed) {
  const auto missing = read_config_file("/nowhere/mailrace.toml", kTables, "serve");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), "/nowhere/mailrace.toml: no such file");
  const auto directory = read_config_file(directory_, kTables, "serve");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error(), directory_ + ": not a regular file");
  // Reading a FIFO would wait for a writer for ever.
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  const auto fifo = read_config_file(path("fifo"), kTables, "serve");
  ASSERT_FALSE(fifo);
  EXPECT_EQ(fifo.error(), path("fifo") + ": not a regular file");
}

TEST_F(ConfigFileTest, OverlongFilesAreRefusedBeforeParsing) {
  std::ofstream(path(), std::ios::binary) << "a = 1\n";
  std::filesystem::resize_file(path(), core::kConfigFileBytesMax + 1);  // sparse
  const auto entries = read_config_file(path(), kTables, "serve");
  ASSERT_FALSE(entries);
  EXPECT_EQ(entries.error(),
            path() + ": longer than " + std::to_string(core::kConfigFileBytesMax) + " octets");
}

}  // namespace
}  // namespace mailrace::tools
