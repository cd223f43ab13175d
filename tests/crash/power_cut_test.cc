// SPDX-License-Identifier: GPL-3.0-or-later
// A small scenario of mails, cut off at every operation; and every operation failing once.
#include "spool/recovery.h"
#include "spool/writer.h"
#include "tests/sim/mail_ledger.h"
#include "tests/sim/sim_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tests {
namespace {

using core::MailOutcome;

constexpr uint64_t kSegmentBytes = 48 << 10;

/// Mails of one scenario: small ones that share a write, ones that go over the end of a segment,
/// one with an envelope of several records, one that is given up half-way.
constexpr SimMail kMails[] = {
    {.seed = 11, .data_bytes = 300},
    {.seed = 12, .data_bytes = 20'000, .recipients = 3},
    {.seed = 13, .data_bytes = 1},
    {.seed = 14, .data_bytes = 60'000},
    {.seed = 15, .data_bytes = 500, .recipients = 200},
    {.seed = 16, .data_bytes = 33'000},  // aborted
    {.seed = 17, .data_bytes = 16'384},
};
constexpr uint32_t kAbortedMail = 5;

/// Which of the operations under way ends first.
enum class Order : uint8_t { oldest, newest };

/// How a spool is run.
struct Given {
  Order order = Order::oldest;
  spool::SyncPolicy sync = spool::SyncPolicy::with_each_write;  // behind_writes: mails differ
};

/// Runs the mails through a writer, one operation at a time.
class Scenario {
 public:
  Scenario(uint64_t seed, Given given, MailLedger& ledger, const FileContents& disk,
           const spool::WorkerRecovery& recovered)
      : given_(given), ledger_(ledger), files_(seed, disk) {
    spool::SpoolOptions options;
    options.directory = kSimWorker;
    options.first_segment = recovered.next_segment;
    options.segment_bytes = kSegmentBytes;
    options.salt = 0x5a17;
    options.sync = given.sync;
    options.last_mail_id = recovered.last_mail_id;
    options.commit_bytes = 1;  // as many writes under way as there can be
    writer_ = std::make_unique<spool::Writer>(files_, options,
                                              core::MailSinkEvents{this, &on_committed, nullptr});
  }

  /// The operation with this number, counted from 0, ends like that.
  void fail(uint32_t number, SimFile::Ending ending) {
    failing_ = number;
    ending_ = ending;
  }

  /// Runs until `operations` have ended, or to the end.
  /// returns  whether it came to the end
  bool run(uint64_t operations) {
    for (uint32_t mail = 0; mail < std::size(kMails); ++mail) {
      put(mail);
      // Three mails wait together before the first operation ends, then one comes with each.
      if (mail >= 2 && !advance(operations, 1)) return false;
    }
    if (!advance(operations, UINT32_MAX)) return false;
    writer_->close();
    return advance(operations, UINT32_MAX) && writer_->closed();
  }

  SimFile& files() { return files_; }
  /// Whether what failed was the sync behind writes: mails that were promised the page cache stay
  /// in the file, and nobody knows what a reboot finds of them.
  bool failed_sync() const { return failed_sync_; }
  uint64_t writes() const { return writer_->log().writes(); }

 private:
  static void on_committed(void* self, core::MailOwner owner, MailOutcome outcome) {
    Scenario& scenario = *static_cast<Scenario*>(self);
    scenario.ledger_.at(scenario.ids_.at(owner.slot)).outcome = outcome;
  }

  void put(uint32_t index) {
    SimMail mail = kMails[index];
    const bool mixed = given_.sync == spool::SyncPolicy::behind_writes;
    if (mixed && index % 2 == 0) mail.durability = core::Durability::page_cache;
    wall_.ns += 1'000'000;
    const auto handle = ledger_.begin(*writer_, mail, {index, 0}, wall_);
    if (!handle) return;
    ids_[index] = handle->mail_id;
    const std::vector<std::byte> data = mail.data();
    const auto taken = writer_->append(*handle, data);
    if (index == kAbortedMail || !taken) return writer_->abort(*handle);
    EXPECT_EQ(*taken, data.size());
    ledger_.at(handle->mail_id).committed = true;
    writer_->commit(*handle);
  }

  // Flushes and ends up to `most` operations. returns  false: `operations` have ended
  bool advance(uint64_t operations, uint32_t most) {
    for (uint32_t i = 0; i < most; ++i) {
      const std::optional<core::Instant> next = writer_->flush(now_, wall_);
      if (files_.pending() == 0) {
        if (!next) return true;
        now_ = *next;
        continue;
      }
      if (files_.completed() >= operations) return false;
      const bool fails = files_.completed() == failing_;
      const size_t index = given_.order == Order::oldest ? 0 : files_.pending() - 1;
      failed_sync_ = failed_sync_ || (fails && files_.operation(index).data_only);
      files_.complete(index, fails ? ending_ : SimFile::Ending::good);
    }
    return true;
  }

  Given given_;
  MailLedger& ledger_;
  SimFile files_;
  std::unique_ptr<spool::Writer> writer_;
  std::map<uint32_t, uint64_t> ids_;
  core::Instant now_{1};
  core::WallTime wall_{1'700'000'000'000'000'000};
  uint64_t failing_ = UINT64_MAX;
  bool failed_sync_ = false;
  SimFile::Ending ending_ = SimFile::Ending::good;
};

void expect_no_problems(const MailLedger& ledger, const SimFile& files) {
  EXPECT_THAT(ledger.problems, testing::IsEmpty());
  EXPECT_THAT(files.violations(), testing::IsEmpty());
}

uint32_t count(const MailLedger& ledger, MailOutcome outcome) {
  uint32_t sum = 0;
  for (const auto& [id, entry] : ledger.entries()) sum += entry.outcome == outcome ? 1 : 0;
  return sum;
}

class PowerCutTest : public testing::TestWithParam<Given> {};

TEST_P(PowerCutTest, WhatWasAcknowledgedIsThereAfterACutAtAnyOperation) {
  bool finished = false;
  uint32_t durable_before = 0;
  uint64_t cuts = 0;
  for (uint64_t operations = 0; !finished; ++operations) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE("cut after " + std::to_string(operations) + " operations, seed " +
                   std::to_string(seed));
      MailLedger ledger;
      Scenario scenario(seed, GetParam(), ledger, {}, {});
      finished = scenario.run(operations);
      MemoryDisk disk;
      disk.files = scenario.files().power_cut();
      ledger.power_failed();
      ledger.compare(disk, /*crashed=*/true, "after the cut");
      const auto recovery = spool::recover(disk, kSimSpool);
      ASSERT_TRUE(recovery.has_value());
      ledger.compare(disk, /*crashed=*/false, "after recovery");
      const uint32_t durable = count(ledger, MailOutcome::durable);
      EXPECT_GE(durable, durable_before);
      durable_before = durable;

      // The next server goes on behind it.
      ASSERT_EQ(recovery->workers.size(), 1u);
      Scenario next(seed, GetParam(), ledger, disk.files, recovery->workers[0]);
      EXPECT_TRUE(next.run(UINT64_MAX));
      disk.files = next.files().power_cut();
      ledger.power_failed();
      ledger.compare(disk, /*crashed=*/false, "after the next server");
      EXPECT_EQ(count(ledger, MailOutcome::durable), durable + std::size(kMails) - 1);
      expect_no_problems(ledger, scenario.files());
      ++cuts;
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_EQ(durable_before, std::size(kMails) - 1);
  EXPECT_GT(cuts, 4 * 20u);
}

TEST_P(PowerCutTest, AnyOperationMayFailOnce) {
  using Ending = SimFile::Ending;
  uint64_t operations = 0;
  uint32_t not_durable = 0;
  {
    MailLedger ledger;
    Scenario scenario(1, GetParam(), ledger, {}, {});
    ASSERT_TRUE(scenario.run(UINT64_MAX));
    operations = scenario.files().completed();
  }
  for (uint32_t failing = 0; failing < operations; ++failing) {
    for (const Ending ending : {Ending::io_error, Ending::no_space, Ending::short_write}) {
      SCOPED_TRACE("operation " + std::to_string(failing) + " fails, ending " +
                   std::to_string(int(ending)));
      MailLedger ledger;
      Scenario scenario(failing, GetParam(), ledger, {}, {});
      scenario.fail(failing, ending);
      EXPECT_TRUE(scenario.run(UINT64_MAX));
      for (const auto& [id, entry] : ledger.entries()) {
        EXPECT_EQ(entry.outcome.has_value(), entry.committed) << entry.mail.seed;
      }
      not_durable += count(ledger, MailOutcome::failed) + count(ledger, MailOutcome::no_space);
      // No name was left open, and whole mails are all that a reader finds.
      EXPECT_EQ(scenario.files().open_count(), 0u);
      MemoryDisk disk;
      disk.files = scenario.files().power_cut();
      ledger.power_failed();
      ledger.findings_count = !scenario.failed_sync();
      ledger.compare(disk, /*crashed=*/false, "after closing");
      expect_no_problems(ledger, scenario.files());
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(not_durable, 10u);
}

constexpr Given kGiven[] = {
    {Order::oldest, spool::SyncPolicy::with_each_write},
    {Order::newest, spool::SyncPolicy::with_each_write},
    {Order::oldest, spool::SyncPolicy::behind_writes},
    {Order::newest, spool::SyncPolicy::behind_writes},
};

INSTANTIATE_TEST_SUITE_P(Ways, PowerCutTest, testing::ValuesIn(kGiven), [](const auto& given) {
  const bool mixed = given.param.sync == spool::SyncPolicy::behind_writes;
  return std::string(given.param.order == Order::oldest ? "oldest" : "newest") +
         (mixed ? "_mixed" : "");
});

}  // namespace
}  // namespace mailrace::tests
