// SPDX-License-Identifier: GPL-3.0-or-later
// Which flags a running server can take, and where their values come from.
#include "tools/serve/reload.h"

#include "core/base/ip.h"
#include "tests/support/temporary_directory.h"
#include "tools/serve/file_access.h"
#include "tools/serve/start_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ReloadTest, FlagsAreToldApart) {
  ServeOptions options;
  const std::vector<Flag> flags = serve_flags(options);
  const auto reloadable =
      std::ranges::count_if(flags, [](const Flag& flag) { return is_reloadable(flag.name); });
  EXPECT_EQ(reloadable, 36) << "each name in the list is one of the table";
  for (const char* const name : {"listen", "workers", "spool", "user", "chroot", "landlock",
                                 "max-connections", "metrics-listen", "retain-for"}) {
    EXPECT_FALSE(is_reloadable(name)) << name;
  }
}

TEST(ReloadTest, WhatHasChangedIsNamed) {
  const ServeOptions before;
  ServeOptions now;
  EXPECT_THAT(changed_flags(before, now), ElementsAre());
  now.session.hops_max = 7;
  now.domains = {"example.com"};
  EXPECT_THAT(changed_flags(before, now), ElementsAre("domain", "max-hops"));
  EXPECT_EQ(needs_restart(changed_flags(before, now)), std::nullopt);
  now.workers = 3;
  EXPECT_THAT(needs_restart(changed_flags(before, now)).value_or(""),
              testing::StartsWith("--workers: "));
}

TEST(ReloadTest, AMistakeHasThePlaceOfItsFlag) {
  const std::map<std::string, std::string> sources = {{"limit", "f.toml:3:1: limit"},
                                                      {"domain", "environment MAILRACE_DOMAIN"}};
  EXPECT_EQ(at_source("--limit: any: twice", sources), "f.toml:3:1: limit: any: twice");
  EXPECT_EQ(at_source("--domain: none", sources), "environment MAILRACE_DOMAIN: none");
  EXPECT_EQ(at_source("--spool: none", sources), "--spool: none");
  EXPECT_EQ(at_source("no flag: none", sources), "no flag: none");
}

TEST(ReloadTest, SettingsAreThoseOfTheOptions) {
  ServeOptions options;
  options.session.hostname = "mx.example.com";
  options.domains = {"example.com"};
  options.xclient_from = {"192.0.2.0/24"};
  options.worker_connections_max = 7;
  options.log_level = LogLevel::warning;
  const auto settings = make_settings(options);
  EXPECT_EQ(settings->session.hostname, "mx.example.com");
  EXPECT_TRUE(settings->domains.judge("example.com").accepted);
  EXPECT_FALSE(settings->domains.judge("example.net").accepted);
  EXPECT_TRUE(settings->connection.xclient_from.contains(*core::parse_ip_address("192.0.2.1")));
  EXPECT_FALSE(settings->connection.limits.empty());
  EXPECT_EQ(settings->sessions_max, 7u);
  EXPECT_FALSE(settings->tells_sessions);
}

TEST(StartSourcesTest, AreReadAgainAsTheyWere) {
  const tests::TemporaryDirectory directory;
  const std::string config = directory.path() + "/serve.toml";
  std::ofstream(config) << "max-hops = 5\nmax-errors = 5\nworkers = 5\n";
  ASSERT_EQ(::setenv("MAILRACE_MAX_ERRORS", "6", 1), 0);
  const char* const arguments[] = {"serve", "--config", config.c_str(), "--workers", "7"};
  const StartSources sources(5, arguments);
  ASSERT_EQ(::unsetenv("MAILRACE_MAX_ERRORS"), 0);
  for (const uint32_t hops : {5, 8}) {
    ServeOptions options;
    std::ofstream(config) << "max-hops = " << hops << "\nmax-errors = 5\nworkers = 5\n";
    const ParseResult result = sources.read(options);
    ASSERT_TRUE(result.outcome.proceed) << result.err;
    EXPECT_EQ(options.session.hops_max, hops);
    EXPECT_EQ(options.session.errors_max, 6u);
    EXPECT_EQ(options.workers, 7u);
    EXPECT_EQ(result.config, config);
    EXPECT_EQ(result.sources.at("max-hops"), config + ":1:1: max-hops");
    EXPECT_EQ(result.sources.at("max-errors"), "environment MAILRACE_MAX_ERRORS");
    EXPECT_EQ(result.sources.at("workers"), "--workers");
    EXPECT_FALSE(result.sources.contains("spool"));
  }
  std::ofstream(config) << "max-hops =\n";
  ServeOptions options;
  EXPECT_THAT(sources.read(options).err, HasSubstr(config + ":1:"));
}

TEST(PlacesTest, AreWhereLinksLeadToAsWell) {
  const tests::TemporaryDirectory directory;
  const std::string path = std::filesystem::canonical(directory.path()).string();
  std::filesystem::create_directory(path + "/real");
  std::ofstream(path + "/real/file") << "x";
  std::filesystem::create_symlink("real/file", path + "/link");
  EXPECT_THAT(places_of(path + "/real/file"), ElementsAre(path + "/real"));
  EXPECT_THAT(places_of(path + "/link"), ElementsAre(path, path + "/real"));
  EXPECT_THAT(places_of(path + "/none"), ElementsAre(path));
  EXPECT_THAT(places_of("/no-such-file"), ElementsAre("/no-such-file"));
}

}  // namespace
}  // namespace mailrace::tools
