// SPDX-License-Identifier: GPL-3.0-or-later
// The load generator against servers that behave, answer in pieces, refuse, hang up, fall silent.
#include "core/base/ip.h"
#include "net/fd.h"
#include "net/listener.h"
#include "net/ring_failure.h"
#include "tools/load/measure.h"
#include "tools/load/report.h"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace mailrace::tools {
namespace {

struct Behaviour {
  std::string greeting = "220 test\r\n";
  std::string ehlo = "250-test\r\n250-SIZE 1000000\r\n250 PIPELINING\r\n";
  std::string rcpt = "250 ok\r\n";
  std::string end_of_data = "250 taken\r\n";
  bool octet_by_octet = false;        // replies
  bool hang_up_in_mail_data = false;  // reset, not end
  bool silent_after_mail_data = false;
  bool drips_after_mail_data = false;  // an octet now and then, and never a whole reply
  core::Duration before_rcpt_reply{};
  core::Duration before_end_of_data{};
};

// A blocking SMTP server, one thread per connection, that remembers what it was sent.
class TestServer {
 public:
  explicit TestServer(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
    core::Endpoint any;
    any.address.octets = {127, 0, 0, 1};
    listener_ = std::move(*net::open_listener(any));
    port_ = net::local_endpoint(listener_)->port;
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~TestServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
  }

  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }
  std::vector<std::string> mails() {
    const std::lock_guard lock(mutex_);
    return mails_;
  }
  size_t connection_count() const { return connections_; }
  size_t early_count() const { return early_; }

 private:
  struct Stream {
    net::Fd socket;
    std::string input;
  };

  void accept_all() {
    for (;;) {
      net::Fd socket(::accept(listener_.get(), nullptr, nullptr));
      if (!socket.is_open()) return;
      ++connections_;
      threads_.emplace_back([this, s = std::move(socket)]() mutable { talk({std::move(s), {}}); });
    }
  }

  static void wait(core::Duration time) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(time.ns));
  }

  void say(Stream& stream, const std::string& text) {
    const size_t piece = behaviour_.octet_by_octet ? 1 : text.size();
    for (size_t at = 0; at < text.size(); at += piece) {
      (void)!::send(stream.socket.get(), text.data() + at, piece, MSG_NOSIGNAL);
    }
  }

  static bool drip(Stream& stream) {
    for (int octet = 0; octet < 100; ++octet) {
      wait(core::milliseconds(50));
      if (::send(stream.socket.get(), "2", 1, MSG_NOSIGNAL) <= 0) break;
    }
    return false;
  }

  // Reads until `end` is there and returns all up to its end; empty at the end of the stream.
  static std::string read_to(Stream& stream, std::string_view end) {
    size_t at = 0;
    size_t from = 0;  // nothing is found before it
    while ((at = stream.input.find(end, from)) == std::string::npos) {
      from = stream.input.size() - std::min(stream.input.size(), end.size() - 1);
      char buffer[65536];
      const ssize_t size = ::recv(stream.socket.get(), buffer, sizeof buffer, 0);
      if (size <= 0) return {};
      stream.input.append(buffer, size_t(size));
    }
    std::string text = stream.input.substr(0, at + end.size());
    stream.input.erase(0, at + end.size());
    return text;
  }

  // Whether the client sent more than the line that was read, before it was answered.
  static bool more_is_there(Stream& stream) {
    pollfd poll{stream.socket.get(), POLLIN, 0};
    return !stream.input.empty() || (::poll(&poll, 1, 0) == 1 && (poll.revents & POLLIN) != 0);
  }

  bool take_mail(Stream& stream) {
    say(stream, "354 go\r\n");
    if (behaviour_.hang_up_in_mail_data) return false;
    const std::string mail = read_to(stream, "\r\n.\r\n");
    if (mail.empty()) return false;
    {
      const std::lock_guard lock(mutex_);
      mails_.push_back(mail.substr(0, mail.size() - 3));
    }
    if (behaviour_.drips_after_mail_data) return drip(stream);
    if (behaviour_.silent_after_mail_data) return !read_to(stream, "never").empty();
    wait(behaviour_.before_end_of_data);
    say(stream, behaviour_.end_of_data);
    return true;
  }

  void talk(Stream stream) {
    say(stream, behaviour_.greeting);
    for (;;) {
      const std::string line = read_to(stream, "\r\n");
      if (line.empty()) return;
      early_ += more_is_there(stream) ? 1 : 0;
      if (line.starts_with("EHLO ")) say(stream, behaviour_.ehlo);
      if (line.starts_with("MAIL FROM:<")) say(stream, "250 ok\r\n");
      if (line.starts_with("RCPT TO:<")) {
        wait(behaviour_.before_rcpt_reply);
        say(stream, behaviour_.rcpt);
      }
      if (line == "DATA\r\n" && !take_mail(stream)) return;
      if (line == "QUIT\r\n") return say(stream, "221 bye\r\n");
    }
  }

  Behaviour behaviour_;
  net::Fd listener_;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::vector<std::string> mails_;
  std::atomic<size_t> connections_ = 0;
  std::atomic<size_t> early_ = 0;
};

class LoadTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string reason = net::ring_unavailable(0);
    if (!reason.empty()) GTEST_SKIP() << reason;
    options_.connections = 3;
    options_.messages = 10;
    options_.message_bytes = 1000;
  }

  // Stopped about a second after its start.
  LoadReport run_for_a_second(TestServer& server) {
    options_.target = server.target();
    std::atomic<bool> stopping = false;
    auto report = measure_load(
        options_, stopping,
        {.on_slice = {},
         .on_second = [&](const LoadStats&, core::Duration, int64_t) { stopping = true; }});
    EXPECT_TRUE(report);
    return report ? *std::move(report) : LoadReport();
  }

  LoadReport run(TestServer& server) {
    options_.target = server.target();
    const std::atomic<bool> stopping = false;
    auto report = measure_load(options_, stopping, {});
    EXPECT_TRUE(report);
    return *report;
  }

  uint64_t error_count(const LoadReport& report, LoadError error) {
    return report.stats.errors[size_t(error)];
  }

  LoadOptions options_;
};

void expect_good_mails(const std::vector<std::string>& mails, size_t count, size_t size) {
  EXPECT_EQ(mails.size(), count);
  std::set<std::string> ids;
  for (const std::string& mail : mails) {
    EXPECT_EQ(mail.size(), size);
    ASSERT_TRUE(mail.starts_with("X-Mailrace-Load-Id: "));
    ids.insert(mail.substr(0, LoadMail::kIdFieldBytes));
  }
  EXPECT_EQ(ids.size(), count) << "two messages have the same id";
}

TEST_F(LoadTest, SendsEveryMessageOnceInOneTransactionEach) {
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.messages, 10u);
  EXPECT_EQ(report.stats.bytes, 10'000u);
  EXPECT_EQ(report.stats.connections, 3u);
  EXPECT_EQ(report.stats.latency_ns.count(), 10u);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
  EXPECT_EQ(report.stats.replies[250], 3u + 3 * 10);
  EXPECT_EQ(report.stats.replies[354], 10u);
  EXPECT_EQ(report.stats.replies[221], 3u);
  EXPECT_EQ(server.early_count(), 2 * 10u) << "behind MAIL and behind RCPT";
  expect_good_mails(server.mails(), 10, 1000);
}

uint64_t phase_count(const LoadReport& report, LoadPhase phase) {
  return report.stats.phase_ns(phase).count();
}

TEST_F(LoadTest, TimesEachPhase) {
  for (const bool pipelining : {true, false}) {
    options_.pipelining = pipelining;
    TestServer server({});
    const LoadReport report = run(server);
    for (const LoadPhase once : {LoadPhase::connect, LoadPhase::banner, LoadPhase::ehlo}) {
      EXPECT_EQ(phase_count(report, once), 3u) << name_of(once);
    }
    for (const LoadPhase each :
         {LoadPhase::mail, LoadPhase::rcpt, LoadPhase::data, LoadPhase::message}) {
      EXPECT_EQ(phase_count(report, each), 10u) << name_of(each);
      EXPECT_GT(report.stats.phase_ns(each).max(), 0u) << name_of(each);
    }
    EXPECT_EQ(phase_count(report, LoadPhase::tls), 0u);
  }
}

TEST_F(LoadTest, ASlowAnswerIsInItsPhase) {
  options_.connections = 1;
  options_.messages = 2;
  TestServer server({.before_rcpt_reply = core::milliseconds(100)});
  const auto slow_ns = uint64_t(core::milliseconds(100).ns);
  for (const bool pipelining : {true, false}) {
    options_.pipelining = pipelining;
    const LoadReport report = run(server);
    EXPECT_GE(report.stats.phase_ns(LoadPhase::rcpt).percentile(500), slow_ns);
    if (!pipelining) continue;
    EXPECT_GE(report.stats.phase_ns(LoadPhase::data).percentile(500), slow_ns)
        << "it was sent with RCPT";
  }
}

TEST_F(LoadTest, CountsEachSecond) {
  options_.messages = 0;
  options_.duration = core::milliseconds(1'300);
  TestServer server({.before_rcpt_reply = core::milliseconds(20)});
  const LoadReport report = run(server);
  ASSERT_GE(report.seconds.size(), 2u);
  EXPECT_EQ(report.seconds[0].start, core::Duration{});
  EXPECT_EQ(report.seconds[1].start, core::seconds(1));
  uint64_t messages = 0;
  for (const LoadSecond& second : report.seconds) messages += second.messages;
  EXPECT_EQ(messages, report.stats.messages);
  EXPECT_GT(report.seconds[0].messages, 0u);
  EXPECT_GT(report.seconds[1].messages, 0u);
}

TEST_F(LoadTest, WaitsForEachReplyWithoutPipelining) {
  options_.pipelining = false;
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.messages, 10u);
  EXPECT_EQ(server.early_count(), 0u);
  expect_good_mails(server.mails(), 10, 1000);
}

TEST_F(LoadTest, WaitsForEachReplyWherePipeliningIsNotOffered) {
  TestServer server({.ehlo = "250 test\r\n"});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.messages, 10u);
  EXPECT_EQ(report.stats.error_count(), 0u);
  EXPECT_EQ(server.early_count(), 0u);
}

TEST_F(LoadTest, ReadsRepliesThatComeInPieces) {
  TestServer server({.rcpt = "250-2.1.5 one\r\n250 2.1.5 two\r\n", .octet_by_octet = true});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.messages, 10u);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
}

TEST_F(LoadTest, ConnectsAgainAfterSoManyMessages) {
  options_.messages_per_connection = 2;
  options_.connections = 2;
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.messages, 10u);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
  EXPECT_GE(server.connection_count(), 5u);
  EXPECT_EQ(report.stats.replies[221], server.connection_count());
}

TEST_F(LoadTest, SpreadsOverThreads) {
  options_.threads = 3;
  options_.connections = 4;
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.messages, 10u);
  EXPECT_EQ(server.connection_count(), 4u);
  expect_good_mails(server.mails(), 10, 1000);
}

TEST_F(LoadTest, SendsWhatIsLargerThanOneSend) {
  options_.connections = 1;
  options_.messages = 2;
  options_.message_bytes = 2 * core::kLoadSendBytesMax + 12'345;
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
  expect_good_mails(server.mails(), 2, size_t(options_.message_bytes.median));
}

TEST_F(LoadTest, GivesUpAConnectionAtAnUnexpectedReply) {
  TestServer server({.rcpt = "550 5.1.1 nobody\r\n"});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.messages, 0u);
  EXPECT_EQ(report.stats.replies[550], 3u);
  EXPECT_EQ(error_count(report, LoadError::unexpected_reply), 3u);
  EXPECT_EQ(report.stats.error_count(), 3u);
  EXPECT_EQ(report.stats.first_error, "RCPT: 550 5.1.1 nobody");
}

TEST_F(LoadTest, CountsARefusalInsteadOfAGreeting) {
  TestServer server({.greeting = "421 4.3.2 full\r\n"});
  const LoadReport report = run(server);
  EXPECT_EQ(error_count(report, LoadError::unexpected_reply), 3u);
  EXPECT_EQ(report.stats.connections, 0u);
}

TEST_F(LoadTest, CountsWhatIsNoSmtp) {
  TestServer server({.greeting = "HTTP/1.1 400 Bad Request\r\n"});
  const LoadReport report = run(server);
  EXPECT_EQ(error_count(report, LoadError::malformed_reply), 3u);
}

TEST_F(LoadTest, CountsConnectionsThatEndInTheMiddle) {
  options_.message_bytes = 4 << 20;  // more than fits into socket buffers
  TestServer server({.hang_up_in_mail_data = true});
  const LoadReport report = run(server);
  EXPECT_EQ(error_count(report, LoadError::closed), 3u);
  EXPECT_EQ(report.stats.error_count(), 3u);
  EXPECT_EQ(report.stats.messages, 0u);
}

TEST_F(LoadTest, CountsConnectionsThatNobodyTakes) {
  options_.target = "127.0.0.1:1";
  const std::atomic<bool> stopping = false;
  const auto report = measure_load(options_, stopping, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(error_count(*report, LoadError::connect), 3u);
  EXPECT_EQ(report->stats.error_count(), 3u);
  EXPECT_EQ(report->stats.first_error, "connect: Connection refused");
}

TEST_F(LoadTest, EndsTheRunWhenNobodyAnswersInTime) {
  options_.reply_timeout = core::milliseconds(300);
  TestServer server({.silent_after_mail_data = true});
  const LoadReport report = run(server);
  EXPECT_GE(error_count(report, LoadError::timeout), 1u);
  EXPECT_EQ(report.stats.messages, 0u);
}

TEST_F(LoadTest, SomeOctetsAreNoAnswer) {
  options_.reply_timeout = core::milliseconds(300);
  TestServer server({.drips_after_mail_data = true});
  const LoadReport report = run(server);
  EXPECT_GE(error_count(report, LoadError::timeout), 1u) << report.stats.first_error;
  EXPECT_EQ(report.stats.messages, 0u);
}

TEST_F(LoadTest, EndsAfterTheGivenTime) {
  options_.messages = 0;
  options_.duration = core::milliseconds(200);
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_GT(report.stats.messages, 0u);
  EXPECT_EQ(report.stats.error_count(), 0u);
  EXPECT_EQ(report.stats.replies[221], 3u) << "connections are ended properly";
  EXPECT_EQ(server.mails().size(), report.stats.messages);
}

// The second message of each connection is begun in time, and acknowledged behind it.
TEST_F(LoadTest, RatesAreOfWhatIsDoneInTime) {
  options_.messages = 0;
  options_.duration = core::seconds(1);
  TestServer server({.before_end_of_data = core::milliseconds(700)});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
  EXPECT_GE(report.tail.messages, 3u);
  EXPECT_EQ(report.tail.bytes, report.tail.messages * 1000);
  EXPECT_GT(report.tail.length, core::Duration{});
  EXPECT_GT(report.elapsed, core::seconds(1));
  EXPECT_EQ(report.rated(), core::seconds(1));
  EXPECT_DOUBLE_EQ(report.messages_per_second(),
                   double(report.stats.messages - report.tail.messages));
  EXPECT_LE(report.stats.messages, 6u);
}

TEST_F(LoadTest, OpensConnectionsOverTheWarmUpAndDoesNotMeasureIt) {
  options_.messages = 0;
  options_.warmup = core::milliseconds(400);
  options_.duration = core::milliseconds(200);
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
  EXPECT_EQ(report.stats.connections, 3u);
  EXPECT_GT(report.stats.messages, 0u);
  EXPECT_GT(report.stats.warmup_messages, 0u);
  EXPECT_EQ(server.mails().size(), report.stats.messages + report.stats.warmup_messages);
  EXPECT_EQ(report.stats.latency_ns.count(), report.stats.messages);
}

TEST_F(LoadTest, OpensNoMoreConnectionsWhenItIsStopped) {
  options_.messages = 0;
  options_.connections = 1000;
  options_.warmup = core::seconds(600);
  TestServer server({});
  const LoadReport report = run_for_a_second(server);
  EXPECT_LT(report.stats.connections, 1000u);
  EXPECT_EQ(report.stats.messages, 0u);
  EXPECT_EQ(report.elapsed, core::Duration{});
}

TEST_F(LoadTest, FinishesWhatIsUnderWayWhenItIsStopped) {
  options_.messages = 0;
  options_.duration = core::seconds(60);
  TestServer server({});
  const LoadReport report = run_for_a_second(server);
  EXPECT_LT(report.elapsed, core::seconds(30));
  EXPECT_EQ(report.stats.error_count(), 0u);
  EXPECT_EQ(server.mails().size(), report.stats.messages);
}

// --- the open loop -------------------------------------------------------------------------------

TEST_F(LoadTest, SendsWhatIsDueAndRestsOtherwise) {
  options_.rate = *parse_rate("200");
  options_.messages = 21;
  options_.threads = 2;
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
  EXPECT_EQ(report.stats.messages, 21u);
  EXPECT_EQ(report.stats.scheduled, 21u);
  EXPECT_EQ(report.stats.unsent, 0u);
  EXPECT_GE(report.elapsed, core::milliseconds(100)) << "the last one is due then";
  EXPECT_EQ(server.connection_count(), 3u) << "they stay open between messages";
  EXPECT_EQ(report.stats.replies[221], 3u);
  expect_good_mails(server.mails(), 21, 1000);
}

TEST_F(LoadTest, OpensAConnectionForEachMessageThatIsDue) {
  options_.rate = *parse_rate("200");
  options_.arrivals = LoadArrivals::poisson;
  options_.messages = 15;
  options_.messages_per_connection = 1;
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
  EXPECT_EQ(report.stats.messages, 15u);
  EXPECT_EQ(server.connection_count(), 15u);
  EXPECT_EQ(report.stats.phase_ns(LoadPhase::banner).count(), 15u);
}

TEST_F(LoadTest, CountsTheTimeThatMessagesWaitForAConnection) {
  options_.rate = *parse_rate("100");
  options_.connections = 1;
  options_.messages = 10;
  TestServer server({.before_rcpt_reply = core::milliseconds(30)});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.messages, 10u);
  EXPECT_EQ(report.stats.latency_ns.count(), 10u);
  // The n-th is due at 10 ms * n, and cannot be sent before 30 ms * n.
  EXPECT_GE(report.stats.latency_ns.max(), uint64_t(core::milliseconds(30 + 9 * 20).ns));
}

TEST_F(LoadTest, CountsWhatIsDueAndUnsentAtTheEnd) {
  options_.rate = *parse_rate("100");
  options_.connections = 1;
  options_.messages = 0;
  options_.duration = core::milliseconds(400);
  TestServer server({.before_rcpt_reply = core::milliseconds(100)});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
  EXPECT_EQ(report.stats.scheduled, 40u);
  EXPECT_EQ(report.stats.messages + report.stats.unsent, 40u);
  EXPECT_GE(report.stats.unsent, 35u) << "no more than one in 100 ms can be sent";
  EXPECT_EQ(report.stats.latency_ns.count(), 40u);
  EXPECT_EQ(server.mails().size(), report.stats.messages);
  EXPECT_GE(report.elapsed, core::milliseconds(400));
}

TEST_F(LoadTest, CountsWhatIsDueInEachSecond) {
  options_.rate = *parse_rate("50");
  options_.messages = 0;
  options_.warmup = core::milliseconds(500);
  options_.duration = core::milliseconds(1'500);
  TestServer server({});
  const LoadReport report = run(server);
  EXPECT_EQ(report.stats.scheduled, 75u);
  ASSERT_GE(report.seconds.size(), 3u);
  EXPECT_TRUE(report.seconds[0].is_warmup);
  EXPECT_EQ(report.seconds[1].scheduled, 50u);
  EXPECT_EQ(report.seconds[2].scheduled, 25u);
}

TEST_F(LoadTest, AnOpenLoopEndsWhenItIsStopped) {
  options_.rate = *parse_rate("0.001");  // the first one at once, the next in 1000 s
  options_.messages = 0;
  options_.duration = core::seconds(600);
  TestServer server({});
  const LoadReport report = run_for_a_second(server);
  EXPECT_EQ(report.stats.messages, 1u);
  EXPECT_EQ(report.stats.replies[221], 3u);
  EXPECT_EQ(report.stats.error_count(), 0u) << report.stats.first_error;
}

TEST_F(LoadTest, AnOpenLoopEndsWhenNobodyIsThere) {
  options_.rate = *parse_rate("100");
  options_.duration = core::seconds(600);
  options_.messages = 0;
  options_.target = "127.0.0.1:1";
  const std::atomic<bool> stopping = false;
  const auto report = measure_load(options_, stopping, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(error_count(*report, LoadError::connect), 3u);
}

TEST(LoadReport, JsonHasWhatWasCounted) {
  LoadReport report;
  report.stats.messages = 4;
  report.stats.bytes = 2'000'000;
  report.stats.replies[250] = 12;
  report.stats.count_error(LoadError::timeout, "RCPT: \"quoted\"");
  report.stats.latency_ns.add(40);
  report.stats.phases_ns[size_t(LoadPhase::rcpt)].add(7);
  report.seconds.push_back({.start = core::milliseconds(-500), .is_warmup = true, .messages = 9});
  report.seconds.push_back({.end = core::seconds(1), .messages = 4, .p99_ns = 40});
  report.elapsed = core::seconds(2);
  report.cpu = core::milliseconds(1);
  const std::string json = report_json(report, LoadOptions());
  for (const char* part :
       {"\"messages\":4,", "\"messages_per_second\":2.000,", "\"megabytes_per_second\":1.000,",
        "\"p50\":0.000040,", "\"replies\":{\"250\":12},", "\"timeout\":1,\"tls\":0}",
        "\"first_error\":\"RCPT: \\\"quoted\\\"\"", "\"generator_cpu_ms_per_message\":0.250000,",
        "\"phases\":{\"rcpt\":{\"count\":1,\"p50\":0.000007,", "\"p99_9\":0.000007,",
        "\"series\":[{\"start\":-0.500,\"end\":0.000,\"warmup\":true,\"messages\":9,",
        "{\"start\":0.000,\"end\":1.000,\"warmup\":false,\"messages\":4,\"bytes\":0,"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << " is not in " << json;
  }
  EXPECT_TRUE(json.ends_with("}\n"));
}

}  // namespace
}  // namespace mailrace::tools
