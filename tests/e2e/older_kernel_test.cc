// SPDX-License-Identifier: GPL-3.0-or-later
// The server as an older kernel would run it: features of newer ones are left out one by one. What
// then stands in for them (plain descriptors, getpeername(2), ftruncate(2)) must do the same.
#include "net/listener.h"
#include "net/ring_failure.h"
#include "net/system_clock.h"
#include "net/worker_group.h"
#include "spool/segment.h"
#include "spool/writer.h"
#include "tests/support/smtp_client.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/walked_spool.h"
#include "tools/lib/posix_disk.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace mailrace {
namespace {

constexpr uint32_t kWorkers = 2;

struct Given {
  const char* name;
  net::RingFeatures usable;
};
void PrintTo(const Given& given, std::ostream* out) { *out << given.name; }

size_t count_sockets() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.starts_with("socket:")) ++count;
  }
  return count;
}

// Waits for it, but not for ever.
bool sockets_become(size_t count) {
  for (int tries = 0; tries < 1000; ++tries) {
    if (count_sockets() == count) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string text_of(const std::string& name, size_t bytes) {
  std::string text = "Subject: " + name + "\r\n\r\n";
  while (text.size() < bytes)
    text += name + ": seventy-odd columns, each line of which is its own\r\n";
  return text + "the end";
}

// How a client may go.
enum class Leaving : uint8_t { closing, reset, half_closing, quit, too_many_errors };

// in_mail   with a mail begun, where that is possible
void leave(tests::SmtpClient& client, Leaving how, bool in_mail) {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  if (in_mail && how != Leaving::quit && how != Leaving::too_many_errors) {
    EXPECT_TRUE(client.begin_data());
    client.say("half a mail\r\n");
  }
  switch (how) {
    case Leaving::closing:
      return;
    case Leaving::reset:
      ::setsockopt(client.socket().get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      return;
    case Leaving::half_closing:
      ::shutdown(client.socket().get(), SHUT_WR);
      EXPECT_FALSE(client.wait_for("250 "));  // the server closes
      return;
    case Leaving::quit:
      client.say("QUIT\r\n");
      EXPECT_TRUE(client.wait_for("221 "));
      return;
    case Leaving::too_many_errors:
      for (int error = 0; error < 100; ++error) client.say("NONSENSE\r\n");
      EXPECT_FALSE(client.wait_for("250 "));
      return;
  }
}

class OlderKernelTest : public testing::TestWithParam<Given> {
 protected:
  void SetUp() override {
    const std::string reason = net::ring_unavailable(core::kConnectionsPerWorkerMax);
    if (!reason.empty()) GTEST_SKIP() << reason;
    std::vector<net::WorkerOptions> all;
    for (uint32_t worker = 0; worker < kWorkers; ++worker) all.push_back(worker_options(worker));
    ASSERT_TRUE(workers_.start(std::move(all)).has_value());
  }

  static std::shared_ptr<net::Settings> settings() {
    auto settings = std::make_shared<net::Settings>(
        net::Settings{.session = core::SessionConfig({.hostname = "mx.example.test"})});
    settings->domains.add("example.test");
    return settings;
  }

  net::WorkerOptions worker_options(uint32_t worker) {
    spool::SpoolOptions spool_options;
    spool_options.worker = worker;
    spool_options.directory = directory_.path() + "/" + spool::worker_directory_name(worker);
    spool_options.segment_bytes = core::kSegmentBytesFloor;  // sealed and cut often
    spool_options.sync = spool::SyncPolicy::never;
    std::filesystem::create_directory(spool_options.directory);
    net::WorkerOptions options;
    options.worker = worker;
    for (core::Endpoint* const endpoint : {&v4_, &v6_}) {
      auto listener = net::open_listener(*endpoint);
      if (!listener) continue;  // no IPv6 here
      *endpoint = *net::local_endpoint(*listener);
      options.listeners.push_back({std::move(*listener), {core::Durability::page_cache}});
    }
    options.terms.settings = settings();
    options.clock = &clock_;
    options.usable = GetParam().usable;
    options.make_sink = [spool_options](core::FileIo& files, const core::MailSinkEvents& events) {
      return std::make_unique<spool::Writer>(files, spool_options, events);
    };
    return options;
  }

  void stop() {
    workers_.drain();
    workers_.join();
  }

  tests::TemporaryDirectory directory_;
  core::Endpoint v4_ = *core::parse_endpoint("127.0.0.1:0");
  core::Endpoint v6_ = *core::parse_endpoint("[::1]:0");
  net::SystemClock clock_;
  net::WorkerGroup workers_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, OlderKernelTest,
                         testing::Values(Given{"Floor", {}},
                                         Given{"NoSocketCommands", {.truncate = true}},
                                         Given{"NoTruncate", {.socket_commands = true}},
                                         Given{"ThisOne", net::kAllRingFeatures}),
                         [](const auto& given) { return std::string(given.param.name); });

TEST_P(OlderKernelTest, MailIsKeptWithItsPeer) {
  struct Sent {
    core::Endpoint peer;
    std::string text;
  };
  std::mutex mutex;
  std::map<std::string, Sent> sent;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      const core::Endpoint& server = thread % 2 == 1 && v6_.port != 0 ? v6_ : v4_;
      for (int session = 0; session < 4; ++session) {
        tests::SmtpClient client(server);
        for (int i = 0; i < 25; ++i) {
          const std::string name =
              std::to_string(thread) + '-' + std::to_string(session) + '-' + std::to_string(i);
          const std::string text = text_of(name, i == 24 ? 300 << 10 : i % 5 == 0 ? 20 << 10 : 100);
          EXPECT_TRUE(client.send_mail(text)) << name;
          const std::lock_guard lock(mutex);
          sent[name] = {client.endpoint(), text + "\r\n"};
        }
        client.say("QUIT\r\n");
        EXPECT_TRUE(client.wait_for("221 "));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop();

  tools::PosixDisk disk;
  const auto spool = tests::walk_spool(disk, directory_.path());
  EXPECT_TRUE(spool.findings.empty());
  ASSERT_EQ(spool.mails.size(), 400u);
  for (const auto& [id, mail] : spool.mails) {
    const std::string& data = spool.data.at(id);
    const size_t at = data.find("\r\nSubject: ");  // behind the trace field
    ASSERT_NE(at, std::string::npos);
    const size_t name_at = at + 2 + std::string("Subject: ").size();
    const auto found = sent.find(data.substr(name_at, data.find('\r', name_at) - name_at));
    ASSERT_NE(found, sent.end());
    EXPECT_EQ(data.substr(at + 2), found->second.text) << found->first;
    EXPECT_EQ(mail.envelope.peer, found->second.peer) << found->first;
    sent.erase(found);  // each is there once
  }
  EXPECT_TRUE(sent.empty());
}

TEST_P(OlderKernelTest, SegmentsAreCutToWhatIsInThem) {
  for (int i = 0; i < 8; ++i) {
    tests::SmtpClient client(v4_);
    EXPECT_TRUE(client.send_mail(text_of("large", 400 << 10)));
  }
  stop();
  tools::PosixDisk disk;
  const auto spool = tests::walk_spool(disk, directory_.path());
  EXPECT_GT(spool.segments.size(), size_t{kWorkers});
  std::set<uint32_t> used;  // workers: which one gets a client is the kernel's choice
  std::set<uint32_t> cut;
  for (const spool::SegmentSummary& segment : spool.segments) {
    const bool spare = segment.outcome.records == 0;  // made ahead, and not needed any more
    EXPECT_EQ(segment.outcome.end == spool::SegmentEnd::sealed, !spare) << segment.file;
    EXPECT_LE(segment.file_bytes, segment.outcome.valid_bytes + core::kSealedRestBytesMax);
    if (!spare) used.insert(segment.worker);
    if (segment.file_bytes < core::kSegmentBytesFloor) cut.insert(segment.worker);
  }
  EXPECT_FALSE(used.empty());
  EXPECT_EQ(cut, used);  // at least those that were in use at the end
}

TEST_P(OlderKernelTest, DescriptorsComeBackHoweverASessionEnds) {
  const size_t before = count_sockets();
  {
    std::vector<std::unique_ptr<tests::SmtpClient>> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<tests::SmtpClient>(v4_));
    // Ours, and the server's too if they are plain ones.
    if (!GetParam().usable.socket_commands) {
      EXPECT_EQ(count_sockets(), before + 40);
    }
    for (size_t i = 0; i < clients.size(); ++i) leave(*clients[i], Leaving(i % 5), i >= 10);
  }
  EXPECT_TRUE(sockets_become(before)) << count_sockets() << " instead of " << before;
  tests::SmtpClient client(v4_);
  EXPECT_TRUE(client.send_mail("all is well"));
}

TEST_P(OlderKernelTest, IdleSessionsHearOfTheEnd) {
  {
    tests::SmtpClient idle(v4_);
    tests::SmtpClient busy(v4_);
    ASSERT_TRUE(busy.begin_data());
    workers_.drain();
    EXPECT_TRUE(idle.wait_for("421 "));
    busy.say("text\r\n.\r\n");
    EXPECT_TRUE(busy.wait_for("250 2.0.0 accepted"));
    EXPECT_TRUE(busy.wait_for("421 "));
  }
  stop();
}

TEST(RingFeaturesTest, WhatMayNotBeUsedIsNotThere) {
  net::Ring ring;
  ASSERT_TRUE(ring.open(8, {}).has_value()) << net::ring_unavailable(8);
  EXPECT_FALSE(ring.features().socket_commands);
  EXPECT_FALSE(ring.features().truncate);
}

}  // namespace
}  // namespace mailrace
