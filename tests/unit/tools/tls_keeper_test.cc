// SPDX-License-Identifier: GPL-3.0-or-later
// Whatever becomes of the files, what could be used once goes on.
#include "tools/serve/tls_keeper.h"

#include "core/base/limits.h"
#include "core/tls/client_hello.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tls_fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace mailrace::tools {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

TEST(DaysToWarnAt, AreThirtySevenOneAndNone) {
  const auto days = [](int64_t count) { return core::seconds(count * 24 * 3600); };
  const core::Duration moment = core::seconds(1);
  EXPECT_EQ(days_to_warn_at(core::Duration{days(30).ns + moment.ns}), std::nullopt);
  EXPECT_EQ(days_to_warn_at(days(30)), 30);
  EXPECT_EQ(days_to_warn_at(core::Duration{days(7).ns + moment.ns}), 30);
  EXPECT_EQ(days_to_warn_at(days(7)), 7);
  EXPECT_EQ(days_to_warn_at(days(1)), 1);
  EXPECT_EQ(days_to_warn_at(moment), 1);
  EXPECT_EQ(days_to_warn_at({}), 0);
}

class TlsKeeperTest : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return directory_.path() + "/" + name; }
  /// Puts a pair of tests/data/tls where certbot would.
  void put(const std::string& place, const std::string& pair) const {
    fs::create_directories(at(place));
    std::ofstream(at(place + "/fullchain.pem")) << tests::tls_file(pair + ".pem");
    std::ofstream(at(place + "/privkey.pem")) << tests::tls_file(pair + ".key");
  }
  void put_text(const std::string& name, const std::string& text) const {
    std::ofstream(at(name)) << text;
  }
  std::string pair_of(const std::string& place) const {
    return at(place + "/fullchain.pem") + "," + at(place + "/privkey.pem");
  }
  std::optional<std::string> load() {
    keeper_.emplace(options_, log_);
    return keeper_->load();
  }
  void start() {
    ASSERT_EQ(load(), std::nullopt);
    run();
  }
  /// Starts the thread, with what was loaded.
  void run() {
    keeper_->start([this] {
      const std::lock_guard lock(mutex_);
      context_ = keeper_->make_context();
      ++renewals_;
      renewed_.notify_all();
    });
  }
  /// Waits until files that have changed were read anew. returns what the log said
  std::string reload() {
    testing::internal::CaptureStdout();
    std::unique_lock lock(mutex_);
    const int before = renewals_;
    EXPECT_TRUE(
        renewed_.wait_for(lock, std::chrono::seconds(20), [&] { return renewals_ > before; }));
    return testing::internal::GetCapturedStdout();
  }
  /// Has other options taken, or all files read anew. returns what is wrong, or nothing
  std::string change() {
    auto change = keeper_->change(options_);
    if (!change) return change.error();
    const std::lock_guard lock(mutex_);
    context_ = keeper_->make_context();
    change->commit();
    return "";
  }
  /// Waits until files were taken. returns whether they were
  bool is_renewed() {
    std::unique_lock lock(mutex_);
    return renewed_.wait_for(lock, std::chrono::seconds(20), [&] { return renewals_ > 0; });
  }
  /// Whether a client that asks for `name` is answered as that.
  bool serves(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (context_ == nullptr) return false;
    core::ClientHello hello;
    hello.server_name.assign(name);
    const net::TlsChoice choice = context_->choose(hello);
    return choice.context != nullptr && choice.host == name;
  }

  tests::TemporaryDirectory directory_;
  TlsOptions options_;
  Log log_{LogFormat::json, LogLevel::info};
  std::mutex mutex_;
  std::condition_variable renewed_;
  std::shared_ptr<net::TlsContext> context_;
  int renewals_ = 0;
  std::optional<TlsKeeper> keeper_;
};

TEST_F(TlsKeeperTest, StartsWithNothingThatIsBroken) {
  put("a", "ecdsa");
  put("b", "p384");
  put_text("b/privkey.pem", "no key");
  options_.certificates = {pair_of("a"), pair_of("b")};
  const auto failed = load();
  ASSERT_TRUE(failed);
  EXPECT_THAT(*failed, HasSubstr(at("b/fullchain.pem")));
  options_.certificates = {pair_of("a"), at("nowhere")};
  EXPECT_THAT(load().value_or(""), HasSubstr(at("nowhere")));
}

TEST_F(TlsKeeperTest, ADirectoryThatVanishesHoldsUpNoOther) {
  put("a", "ecdsa");
  put("b", "p384");
  put_text("keys", std::string(core::kTlsTicketKeyBytes, 'k'));
  options_.certificates = {at("a"), at("b")};
  options_.ticket_keys = at("keys");
  start();
  fs::remove_all(at("a"));
  put("b", "other");
  const std::string said = reload();
  EXPECT_TRUE(serves("mx.example.com")) << "of the directory that is gone";
  EXPECT_TRUE(serves("mx.example.net"));
  EXPECT_FALSE(serves("p384.example.com"));
  EXPECT_THAT(said, HasSubstr(at("a")));
  EXPECT_THAT(said, HasSubstr("in part"));
}

TEST_F(TlsKeeperTest, ABrokenPairThatIsNamedTwiceGoesOn) {
  put("a", "ecdsa");
  options_.certificates = {pair_of("a"), pair_of("a"), at("a")};
  start();
  for (const char* const key : {"no key", "still none"}) {
    put_text("a/privkey.pem", key);
    EXPECT_THAT(reload(), HasSubstr("tls_file_refused"));
    EXPECT_TRUE(serves("mx.example.com"));
  }
}

TEST_F(TlsKeeperTest, ALinkThatLeadsNowhereIsSaidAndWhatItLedToGoesOn) {
  put("live/a", "ecdsa");
  put("live/b", "p384");
  options_.certificates = {at("live")};
  start();
  fs::remove(at("live/b/fullchain.pem"));
  fs::create_symlink("nowhere", at("live/b/fullchain.pem"));
  EXPECT_THAT(reload(), HasSubstr(at("live/b/fullchain.pem")));
  EXPECT_TRUE(serves("p384.example.com"));
  fs::remove(at("live/b/fullchain.pem"));
  EXPECT_THAT(reload(), Not(HasSubstr("tls_file_refused")));
  EXPECT_FALSE(serves("p384.example.com")) << "taken away on purpose";
}

TEST_F(TlsKeeperTest, TakesWhatWasRenewedWhileTheServerStarted) {
  put("a", "ecdsa");
  options_.certificates = {pair_of("a")};
  ASSERT_EQ(load(), std::nullopt);
  put("a", "other");
  run();
  EXPECT_TRUE(is_renewed());
  EXPECT_TRUE(serves("mx.example.net"));
}

TEST_F(TlsKeeperTest, SaysThatItCouldNotReadAnew) {
  put("a", "ecdsa");
  options_.certificates = {pair_of("a")};
  for (const bool is_hidden : {false, true}) {
    ASSERT_EQ(load(), std::nullopt);
    if (is_hidden) fs::rename(at("a"), at("hidden"));
    testing::internal::CaptureStdout();
    run();
    keeper_->stop();
    const std::string said = testing::internal::GetCapturedStdout();
    EXPECT_EQ(said.find("tls_file_not_readable_anew") != std::string::npos, is_hidden) << said;
  }
}

TEST_F(TlsKeeperTest, TakesOtherOptionsAsAWholeOrNotAtAll) {
  put("a", "ecdsa");
  put("b", "p384");
  put_text("keys", std::string(core::kTlsTicketKeyBytes, 'k'));
  options_.certificates = {pair_of("a")};
  start();
  options_.certificates = {pair_of("b"), at("nowhere")};
  EXPECT_THAT(change(), HasSubstr(at("nowhere")));
  options_.certificates = {pair_of("b")};
  options_.ticket_keys = at("none");
  EXPECT_THAT(change(), HasSubstr(at("none")));
  {
    options_.ticket_keys = at("keys");
    const auto undone = keeper_->change(options_);
    EXPECT_TRUE(undone.has_value());
  }
  put("a", "other");
  EXPECT_TRUE(is_renewed()) << "the old options go on";
  EXPECT_TRUE(serves("mx.example.net"));
  EXPECT_EQ(change(), "");
  EXPECT_TRUE(serves("p384.example.com"));
  put_text("b/privkey.pem", "no key");
  EXPECT_THAT(change(), HasSubstr(at("b/fullchain.pem")));
}

TEST_F(TlsKeeperTest, BeginsAndEndsWhileTheServerRuns) {
  put("a", "ecdsa");
  start();
  EXPECT_EQ(keeper_->make_context(), nullptr);
  EXPECT_EQ(change(), "");
  options_.certificates = {pair_of("a")};
  EXPECT_EQ(change(), "");
  EXPECT_TRUE(serves("mx.example.com"));
  put("a", "other");
  EXPECT_TRUE(is_renewed()) << "files are looked at from then on";
  EXPECT_TRUE(serves("mx.example.net"));
  options_.certificates.clear();
  EXPECT_EQ(change(), "");
  EXPECT_EQ(context_, nullptr);
}

TEST_F(TlsKeeperTest, WhatIsHiddenFromUsGoesOn) {
  if (::geteuid() == 0) GTEST_SKIP() << "nothing is hidden from root";
  put("a", "ecdsa");
  put("b", "p384");
  options_.certificates = {pair_of("a")};
  start();
  for (const char* const place : {"a", "b"}) {
    fs::permissions(at(std::string(place) + "/privkey.pem"), fs::perms::none);
  }
  EXPECT_EQ(change(), "");
  EXPECT_TRUE(serves("mx.example.com"));
  options_.certificates = {pair_of("a"), pair_of("b")};
  EXPECT_THAT(change(), HasSubstr(at("b/privkey.pem"))) << "it was never read";
}

TEST(TlsRestTest, IsOverAfterAWhileAllTheSame) {
  TlsRest rest;
  core::Instant now{};
  const auto look = [&](bool is_new, bool is_still) {
    now = now + core::seconds(1);
    return rest.note_look(is_new, is_still, now);
  };
  EXPECT_FALSE(look(false, true));
  EXPECT_FALSE(look(true, false));
  EXPECT_TRUE(look(true, true));
  for (int round = 0; round < 2; ++round) {
    for (int64_t i = 0; i < core::kTlsFilesRestlessS; ++i) EXPECT_FALSE(look(true, false));
    EXPECT_TRUE(look(true, false));
  }
  EXPECT_FALSE(look(false, false));
  EXPECT_FALSE(look(true, false)) << "it begins anew";
}

TEST_F(TlsKeeperTest, BrokenTicketKeysKeepTheOldOnes) {
  put("a", "ecdsa");
  put_text("keys", std::string(core::kTlsTicketKeyBytes, 'k'));
  options_.certificates = {at("a")};
  options_.ticket_keys = at("keys");
  start();
  put_text("keys", "too short");
  EXPECT_THAT(reload(), HasSubstr(at("keys")));
  EXPECT_TRUE(serves("mx.example.com"));
  put_text("keys", "");
  keeper_->stop();
  EXPECT_THAT(load().value_or(""), HasSubstr(at("keys")));
}

}  // namespace
}  // namespace mailrace::tools
