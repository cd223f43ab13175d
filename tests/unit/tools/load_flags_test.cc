// SPDX-License-Identifier: GPL-3.0-or-later
// What the load generator is told, up to where it begins: targets, proxies, mails, files.
#include "core/proxy/proxy_header.h"
#include "tests/support/temporary_directory.h"
#include "tools/lib/flags.h"
#include "tools/load/flags.h"
#include "tools/load/prepare.h"
#include "tools/load/proxy_client.h"
#include "tools/load/target.h"

#include <gtest/gtest.h>

#include <sys/un.h>

#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

// --- targets -------------------------------------------------------------------------------------

TEST(LoadTarget, IsAProtocolAndAnAddress) {
  const auto plain = parse_load_target("127.0.0.1:25");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->protocol, LoadProtocol::smtp);
  EXPECT_EQ(plain->endpoint.port, 25);
  EXPECT_FALSE(plain->is_unix());
  EXPECT_EQ(parse_load_target("smtp:127.0.0.1:25")->endpoint, plain->endpoint);
  EXPECT_EQ(parse_load_target("lmtp:[::1]:24")->protocol, LoadProtocol::lmtp);
  EXPECT_EQ(parse_load_target("lmtp:/run/lmtp")->path, "/run/lmtp");
  EXPECT_EQ(parse_load_target("/run/smtp")->protocol, LoadProtocol::smtp);
}

TEST(LoadTarget, RefusesWhatIsNone) {
  for (const char* text : {"", "lmtp:", "lmtp:smtp:/x", "run/lmtp", "127.0.0.1", "127.0.0.1:0",
                           "localhost:25", "LMTP:/x"}) {
    EXPECT_FALSE(parse_load_target(text)) << text;
  }
}

TEST(LoadTarget, PathsEndWhereTheKernelEndsThem) {
  const std::string longest = "/" + std::string(sizeof(sockaddr_un::sun_path) - 2, 'x');
  EXPECT_FALSE(parse_load_target(longest + "x"));
  sockaddr_storage address;
  const socklen_t size = to_socket_address(*parse_load_target(longest), address);
  EXPECT_EQ(size, sizeof(sockaddr_un));
  EXPECT_EQ(address.ss_family, AF_UNIX);
  EXPECT_EQ(reinterpret_cast<const char*>(&address) + offsetof(sockaddr_un, sun_path), longest);
}

// --- proxies -------------------------------------------------------------------------------------

core::Endpoint endpoint(const char* text) { return *core::parse_endpoint(text); }

TEST(ProxyClient, WritesWhatAServerReads) {
  const std::pair<const char*, const char*> peers[] = {
      {"192.0.2.1:4660", "203.0.113.5:25"},
      {"255.255.255.255:65535", "255.255.255.255:65535"},
      {"[2001:db8::1]:4660", "[2001:db8::2]:25"},
      {"[2001:db8:1111:2222:3333:4444:5555:6666]:65535", "[::]:25"}};
  for (const auto& [source, destination] : peers) {
    for (const ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
      const std::string header = proxy_header(version, endpoint(source), endpoint(destination));
      core::ProxyHeader reader;
      EXPECT_EQ(reader.feed(core::as_octets(header)), header.size());
      ASSERT_EQ(reader.status(), core::ProxyStatus::proxied) << header;
      EXPECT_EQ(reader.source(), endpoint(source));
      EXPECT_EQ(reader.destination(), endpoint(destination));
    }
  }
  EXPECT_EQ(proxy_header(ProxyVersion::off, endpoint("192.0.2.1:1"), endpoint("192.0.2.1:1")), "");
}

// --- flags and files -----------------------------------------------------------------------------

class LoadFlags : public testing::Test {
 protected:
  std::string file(const std::string& name, std::string_view text) {
    const std::string path = directory_.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // Empty, or what is complained about.
  std::string parse(const std::vector<std::string>& arguments) {
    const std::vector<Flag> flags = load_flags(options_);
    const auto environment = [](const std::string& name) -> std::optional<std::string> {
      if (name == "MAILRACE_ABORT") return "7";
      return std::nullopt;
    };
    return parse_arguments("load", "sends", flags, arguments, environment).err;
  }

  tests::TemporaryDirectory directory_;
  LoadOptions options_;
  LoadIdWriter ids_;
};

TEST_F(LoadFlags, AScenarioIsOverTheConfigFileAndUnderAllElse) {
  const std::string config = file("config", "[load]\nconnections = 3\nsize = \"1KiB\"\n");
  const std::string scenario =
      file("scenario", "size = \"lognormal:2KiB:1\"\nabort = 1\nrecipients = 2\nslow = 3\n");
  EXPECT_EQ(parse({"--config", config, "--scenario", scenario, "--slow", "9"}), "");
  EXPECT_EQ(options_.connections, 3u);
  EXPECT_EQ(format_load_size(options_.message_bytes), "lognormal:2KiB:1");
  EXPECT_EQ(options_.abort_percent, 7u);
  EXPECT_EQ(options_.recipients.low, 2u);
  EXPECT_EQ(options_.slow_percent, 9u);
}

TEST_F(LoadFlags, AMistakeInAScenarioHasItsPlace) {
  const std::string scenario = file("scenario", "\n  slow-rate = 0\n");
  EXPECT_EQ(parse({"--scenario", scenario}),
            "mailrace load: " + scenario +
                ":2:3: slow-rate: '0' is not allowed (allowed: 1 to 1000000000)\n");
  const std::string nested = file("nested", "scenario = \"" + scenario + "\"\n");
  EXPECT_EQ(parse({"--scenario", nested}),
            "mailrace load: " + nested + ":1:1: unknown key 'scenario'\n");
}

TEST_F(LoadFlags, PrintedConfigIsAScenario) {
  EXPECT_EQ(parse({"--size", "lognormal:1KiB:0.5", "--source", "127.0.0.0/30", "--recipients",
                   "uniform:1:3"}),
            "");
  const std::vector<Flag> flags = load_flags(options_);
  const auto printed = parse_arguments("load", "sends", flags, {"--print-config"},
                                       [](const std::string&) { return std::nullopt; });
  LoadOptions again;
  std::swap(options_, again);
  EXPECT_EQ(parse({"--scenario", file("printed", printed.out)}), "");
  EXPECT_EQ(format_load_size(options_.message_bytes), "lognormal:1KiB:0.5");
  EXPECT_EQ(format_address_range(options_.source.value()), "127.0.0.0/30");
  EXPECT_EQ(format_load_count(options_.recipients), "uniform:1:3");
}

TEST_F(LoadFlags, MailsAreReadInTheOrderOfTheirNames) {
  file("b.eml", "Subject: b\n");
  file("a.eml", "Subject: a\n");
  file("c.txt", "Subject: c\n");
  options_.mail_folder = directory_.path();
  EXPECT_EQ(prepare_load(options_, ids_), std::nullopt);
  ASSERT_TRUE(options_.mails);
  EXPECT_EQ(*options_.mails, (std::vector<std::string>{"Subject: a\r\n", "Subject: b\r\n"}));
}

TEST_F(LoadFlags, IdsAreAppended) {
  options_.ids = file("ids", "before\n");
  EXPECT_EQ(prepare_load(options_, ids_), std::nullopt);
  ASSERT_EQ(options_.id_writer, &ids_);
  std::vector<LoadAcknowledged> messages = {{1, 4096, 2}, {3, 256, 4}};
  ids_.put(0xab, messages);
  EXPECT_TRUE(messages.empty());
  EXPECT_EQ(ids_.close(), "");
  std::ifstream written(options_.ids);
  const std::string text{std::istreambuf_iterator<char>(written), {}};
  EXPECT_EQ(text,
            "before\n"
            "00000000000000ab.0000000000000001.00000002 4096\n"
            "00000000000000ab.0000000000000003.00000004 256\n");
}

}  // namespace
}  // namespace mailrace::tools
