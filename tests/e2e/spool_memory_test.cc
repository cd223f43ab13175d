// SPDX-License-Identifier: GPL-3.0-or-later
// A disk that stands still: memory stays bounded, clients are held back by TCP, then 452 to MAIL;
// when it goes on, every mail that was under way is taken.
#include "net/listener.h"
#include "net/system_clock.h"
#include "net/worker_group.h"
#include "spool/segment.h"
#include "spool/spool_reader.h"
#include "spool/writer.h"
#include "tests/support/smtp_client.h"
#include "tests/support/temporary_directory.h"
#include "tools/lib/posix_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mailrace {
namespace {

constexpr uint64_t kMemoryBytes = core::kSpoolMemoryFloor;
constexpr size_t kMailBytes = 512 << 10;
constexpr int kSenders = 48;  // three times the memory
static_assert(kSenders * kMailBytes >= 3 * kMemoryBytes);

/// A file whose writes of records stand still while `stalled`; the rest goes on.
class StallingFile final : public core::FileIo {
 public:
  StallingFile(core::FileIo& real, const std::atomic<bool>& stalled)
      : real_(real), stalled_(stalled) {}

  size_t block_bytes() const noexcept override { return real_.block_bytes(); }
  bool is_cached() const noexcept override { return real_.is_cached(); }
  bool is_idle() const noexcept override { return real_.is_idle(); }
  void create(core::FileOp& op, const char* path) override { real_.create(op, path); }
  void open(core::FileOp& op, const char* path) override { real_.open(op, path); }
  void rename(core::FileOp& op, const char* from, const char* to) override {
    real_.rename(op, from, to);
  }
  void allocate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override {
    real_.allocate(op, file, bytes);
  }
  std::byte* take_buffer() noexcept override { return real_.take_buffer(); }
  void give_buffer(std::byte* buffer) noexcept override { real_.give_buffer(buffer); }
  void write(core::FileOp& op, core::FileHandle file, std::span<const iovec> pieces,
             uint64_t offset, bool synced) override {
    const auto start = [this, &op, file, pieces, offset, synced] {
      real_.write(op, file, pieces, offset, synced);
    };
    if (!stalled_) return start();
    waiting_.emplace_back(start);
  }
  void sync(core::FileOp& op, core::FileHandle file) override { real_.sync(op, file); }
  void sync_data(core::FileOp& op, core::FileHandle file) override { real_.sync_data(op, file); }
  void sync_directory(core::FileOp& op, const char* path) override {
    real_.sync_directory(op, path);
  }
  int check_name(core::FileHandle file, const char* path) const noexcept override {
    return real_.check_name(file, path);
  }
  void truncate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override {
    real_.truncate(op, file, bytes);
  }
  void drop_cached(core::FileOp& op, core::FileHandle file, uint64_t offset, uint64_t bytes,
                   bool write_back) override {
    real_.drop_cached(op, file, offset, bytes, write_back);
  }
  void close(core::FileHandle file) override { real_.close(file); }

  /// Starts what waits, if it may.
  void go_on() {
    if (stalled_) return;
    for (const auto& start : std::exchange(waiting_, {})) start();
  }

 private:
  core::FileIo& real_;
  const std::atomic<bool>& stalled_;
  std::vector<std::function<void()>> waiting_;
};

/// A Writer on a StallingFile. Tells how much of its memory is out.
class StallingSink final : public core::MailSink {
 public:
  StallingSink(core::FileIo& files, const spool::SpoolOptions& options,
               const core::MailSinkEvents& events, const std::atomic<bool>& stalled,
               std::atomic<size_t>& free_chunks)
      : files_(files, stalled), writer_(files_, options, events), free_chunks_(free_chunks) {}

  core::Result<void> ready() const override { return writer_.ready(); }
  core::SinkLoad load(core::Instant now) const override { return writer_.load(now); }
  core::Result<core::MailHandle> begin(const core::Envelope& envelope,
                                       core::MailOwner owner) override {
    return writer_.begin(envelope, owner);
  }
  core::Result<size_t> append(const core::MailHandle& mail, core::Octets octets) override {
    return writer_.append(mail, octets);
  }
  void commit(const core::MailHandle& mail) override { writer_.commit(mail); }
  void abort(const core::MailHandle& mail) override { writer_.abort(mail); }
  std::optional<core::Instant> flush(core::Instant now, core::WallTime wall) override {
    files_.go_on();
    auto next = writer_.flush(now, wall);
    free_chunks_ = writer_.free_chunks();
    return next;
  }
  void close() override { writer_.close(); }
  bool closed() const override { return writer_.closed(); }

 private:
  StallingFile files_;
  spool::Writer writer_;
  std::atomic<size_t>& free_chunks_;
};

class SpoolMemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    spool::SpoolOptions spool_options;
    spool_options.directory = directory_.path() + "/" + spool::worker_directory_name(0);
    spool_options.sync = spool::SyncPolicy::never;
    spool_options.memory_bytes = kMemoryBytes;
    ASSERT_TRUE(std::filesystem::create_directory(spool_options.directory));
    net::WorkerOptions options;
    auto listener = net::open_listener(*core::parse_endpoint("127.0.0.1:0"));
    ASSERT_TRUE(listener.has_value());
    server_ = *net::local_endpoint(*listener);
    options.listeners.push_back({std::move(*listener), {core::Durability::page_cache}});
    options.terms.settings = settings();
    options.events = &events_;
    options.failures = &events_;
    options.clock = &clock_;
    options.make_sink = [this, spool_options](core::FileIo& files,
                                              const core::MailSinkEvents& events) {
      return std::make_unique<StallingSink>(files, spool_options, events, stalled_, free_chunks_);
    };
    std::vector<net::WorkerOptions> all;
    all.push_back(std::move(options));
    ASSERT_TRUE(workers_.start(std::move(all)).has_value());
  }

  static std::shared_ptr<net::Settings> settings() {
    auto settings = std::make_shared<net::Settings>(
        net::Settings{.session = core::SessionConfig({.hostname = "mx.example.test"})});
    settings->domains.add("example.test");
    return settings;
  }

  static bool wait_until(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }

  // All mails of the spool; the large ones must be `data`.
  int count_mails(const std::string& data) const {
    tools::PosixDisk disk;
    spool::SpoolReader reader(disk, directory_.path());
    int mails = 0;
    spool::SpoolVisit visit;
    visit.mail = [&](const spool::StoredMail& mail) {
      ++mails;
      std::string text;
      EXPECT_TRUE(reader.read_data(mail, [&](core::Octets octets) -> core::Result<void> {
        text += core::as_text(octets);
        return {};
      }));
      // Mail data went from receive buffers to copies of them while it waited.
      if (text.size() > kMailBytes) {
        EXPECT_TRUE(text.ends_with("\r\n" + data + "\r\n"));
      }
      return true;
    };
    visit.finding = [](const spool::Finding& finding) { ADD_FAILURE() << finding.what; };
    EXPECT_TRUE(reader.walk(visit).has_value());
    return mails;
  }

  tests::TemporaryDirectory directory_;
  std::atomic<bool> stalled_{false};
  std::atomic<size_t> free_chunks_{SIZE_MAX};
  core::Endpoint server_;
  net::SystemClock clock_;
  net::EventRing events_;
  net::WorkerGroup workers_;
};

TEST_F(SpoolMemoryTest, HoldsClientsBackRefusesMailAndRecovers) {
  tests::SmtpClient observer(server_);
  const timeval patience{.tv_sec = 30,
                         .tv_usec = 0};  // an observer who is not heard is the failure
  ::setsockopt(observer.socket().get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ASSERT_TRUE(observer.send_mail("Subject: first\r\n\r\ntext"));
  stalled_ = true;

  const std::string line =
      "seventy-odd columns of text in each line, as in most of the mail there is\r\n";
  std::string data = "Subject: large\r\n\r\n";
  while (data.size() < kMailBytes) data += line;
  std::vector<std::unique_ptr<tests::SmtpClient>> clients;
  for (int i = 0; i < kSenders; ++i) {
    clients.push_back(std::make_unique<tests::SmtpClient>(server_));
    ASSERT_TRUE(clients.back()->begin_data());
  }
  std::atomic<int> accepted{0};
  std::vector<std::thread> senders;
  for (const auto& client : clients) {
    senders.emplace_back([&] {
      client->say(data + "\r\n.\r\n");
      if (client->wait_for("250 2.0.0 accepted")) ++accepted;
    });
  }
  EXPECT_TRUE(wait_until([&] { return free_chunks_ == 0; }));

  // Whoever began goes on later; whoever begins now is told to come back.
  observer.say("MAIL FROM:<a@example.net>\r\n");
  EXPECT_TRUE(observer.wait_for("452 4.3.1"));
  EXPECT_EQ(accepted, 0);

  stalled_ = false;
  observer.say("NOOP\r\n");  // one tick, in which the disk goes on
  EXPECT_TRUE(observer.wait_for("250 "));
  EXPECT_TRUE(wait_until([&] { return accepted == kSenders; }));
  for (std::thread& sender : senders) sender.join();
  EXPECT_TRUE(observer.send_mail("Subject: last\r\n\r\ntext"));

  workers_.drain();
  workers_.join();
  EXPECT_EQ(count_mails(data), kSenders + 2);

  // One line for each change, and the refusals with them; all of them once more at the end.
  using net::EventKind;
  std::vector<std::pair<EventKind, uint32_t>> seen;
  events_.drain([&](const net::Event& event) {
    if (event.kind == EventKind::spool_busy) {
      EXPECT_EQ(event.text, "spool.memory");
      seen.emplace_back(event.kind, 0);
    }
    if (event.kind == EventKind::spool_ready) seen.emplace_back(event.kind, event.refused);
    if (event.kind == EventKind::worker_end) {
      EXPECT_GE(event.busy_spells, 1u);
      seen.emplace_back(event.kind, event.refused);
    }
  });
  EXPECT_THAT(seen, testing::ElementsAre(testing::Pair(EventKind::spool_busy, 0u),
                                         testing::Pair(EventKind::spool_ready, 1u),
                                         testing::Pair(EventKind::worker_end, 1u)));
}

}  // namespace
}  // namespace mailrace
