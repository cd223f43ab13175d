// SPDX-License-Identifier: GPL-3.0-or-later
// One synced write fails, once: the segment is given up, whoever waited is told, and the next mails
// go elsewhere. Trying again could succeed and say nothing about what was lost.
#include "spool/spool_reader.h"
#include "spool/writer.h"
#include "tests/sim/mail_ledger.h"
#include "tests/sim/sim_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace mailrace::tests {
namespace {

using core::MailOutcome;
using testing::ElementsAre;
using testing::Pair;
using Ending = SimFile::Ending;
using Kind = SimFile::Kind;

constexpr char kFirstSegment[] = "spool/worker-0000/0000000000000001.segment";

class FdatasyncEioTest : public testing::Test {
 protected:
  FdatasyncEioTest()
      : writer_(files_, {.directory = kSimWorker, .segment_bytes = 1 << 20, .commit_bytes = 1},
                {this, &on_committed, nullptr}) {
    settle();
  }

  static void on_committed(void* self, core::MailOwner owner, MailOutcome outcome) {
    FdatasyncEioTest& test = *static_cast<FdatasyncEioTest*>(self);
    test.outcomes_[owner.slot].push_back(outcome);
    test.ledger_.at(test.ids_.at(owner.slot)).outcome = outcome;
  }

  core::MailHandle open(uint32_t name, uint64_t bytes, uint32_t recipients = 1) {
    const SimMail mail{.seed = name, .data_bytes = bytes, .recipients = recipients};
    wall_.ns += 1'000'000;
    const auto handle = ledger_.begin(writer_, mail, {name, 0}, wall_);
    EXPECT_TRUE(handle.has_value());
    ids_[name] = handle->mail_id;
    EXPECT_EQ(writer_.append(*handle, mail.data()).value_or(0), bytes);
    return *handle;
  }
  void commit(const core::MailHandle& handle) {
    ledger_.at(handle.mail_id).committed = true;
    writer_.commit(handle);
  }
  void flush() { writer_.flush(now_, wall_); }
  // Ends everything in good order.
  void settle() {
    for (flush(); files_.pending() > 0; flush()) files_.complete(0);
  }

  SimFile files_{/*seed=*/1};
  MailLedger ledger_;
  std::map<uint32_t, uint64_t> ids_;
  std::map<uint32_t, std::vector<MailOutcome>> outcomes_;
  core::Instant now_{1};
  core::WallTime wall_{1'700'000'000'000'000'000};
  spool::Writer writer_;
};

TEST_F(FdatasyncEioTest, TellsWhoWaitsAndGoesOnInANewSegment) {
  commit(open(1, 1'000));
  settle();
  for (const uint32_t name : {2u, 3u, 4u}) commit(open(name, 1'000));
  const core::MailHandle half = open(5, 100);
  flush();
  ASSERT_EQ(files_.pending(), 1u);
  ASSERT_EQ(files_.operation(0).kind, Kind::write);
  EXPECT_TRUE(files_.operation(0).synced);
  files_.complete(0, Ending::io_error);
  EXPECT_THAT(outcomes_, ElementsAre(Pair(1, ElementsAre(MailOutcome::durable)),
                                     Pair(2, ElementsAre(MailOutcome::failed)),
                                     Pair(3, ElementsAre(MailOutcome::failed)),
                                     Pair(4, ElementsAre(MailOutcome::failed))));
  EXPECT_EQ(writer_.log().failures(), 1u);

  // No octet had left the mail that was still coming in: it goes on.
  commit(half);
  commit(open(6, 1'000));
  for (flush(); files_.pending() > 0; flush()) {
    const SimFile::Operation& operation = files_.operation(0);
    EXPECT_FALSE(operation.kind == Kind::write && operation.path == kFirstSegment);
    files_.complete(0);
  }
  EXPECT_THAT(outcomes_[5], ElementsAre(MailOutcome::durable));
  EXPECT_THAT(outcomes_[6], ElementsAre(MailOutcome::durable));

  MemoryDisk disk;
  disk.files = files_.power_cut();
  std::map<uint64_t, uint64_t> segment_of;
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) {
    segment_of[mail.mail_id] = mail.extents.at(0).segment;
    return true;
  };
  ASSERT_TRUE(spool::SpoolReader(disk, kSimSpool).walk(visit));
  EXPECT_THAT(segment_of, ElementsAre(Pair(ids_[1], 1), Pair(ids_[5], 2), Pair(ids_[6], 2)));
  ledger_.compare(disk, /*crashed=*/false, "after the cut");
  EXPECT_THAT(ledger_.problems, testing::IsEmpty());
}

TEST_F(FdatasyncEioTest, LaterWritesOfTheSegmentFailEvenIfTheySucceeded) {
  commit(open(1, 1'000));
  flush();
  commit(open(2, 1'000));
  flush();
  commit(open(3, 1'000));
  flush();
  ASSERT_EQ(files_.pending(), 3u);
  files_.complete(2);  // the last mail's write is done, but not what stands before it
  EXPECT_THAT(outcomes_, testing::IsEmpty());
  files_.complete(1, Ending::io_error);
  EXPECT_THAT(outcomes_, testing::IsEmpty());  // told in order: the first may still be durable
  files_.complete(0);
  EXPECT_THAT(outcomes_, ElementsAre(Pair(1, ElementsAre(MailOutcome::durable)),
                                     Pair(2, ElementsAre(MailOutcome::failed)),
                                     Pair(3, ElementsAre(MailOutcome::failed))));
}

TEST_F(FdatasyncEioTest, CutsOffWhatLiesBehindTheHoleBeforeTheNextSegmentIsUsed) {
  commit(open(1, 1'000));
  flush();
  commit(open(2, 1'000));
  flush();
  files_.complete(1);
  files_.complete(0, Ending::io_error);
  commit(open(3, 1'000));
  bool cut = false;
  bool stable = false;
  for (flush(); files_.pending() > 0; flush()) {
    const SimFile::Operation operation = files_.operation(0);
    const bool first = operation.path == kFirstSegment;
    cut = cut || (first && operation.kind == Kind::truncate && operation.bytes == 4096);
    stable = stable || (cut && first && operation.kind == Kind::sync);
    // The head of the next segment may be written, its records not.
    if (operation.kind == Kind::write && operation.offset > 0) {
      EXPECT_TRUE(stable);
    }
    files_.complete(0);
  }
  EXPECT_TRUE(stable);
  EXPECT_THAT(outcomes_[2], ElementsAre(MailOutcome::failed));
  EXPECT_THAT(outcomes_[3], ElementsAre(MailOutcome::durable));
}

// If the cut fails, too, the hole stays. Nothing on the disk says how many envelope records a mail
// has, so a reader cannot take one for whole that goes on behind the hole: it must not be promised.
TEST_F(FdatasyncEioTest, MailThatWouldGoOnBehindAHoleIsGivenUp) {
  const core::MailHandle half = open(1, 100, core::kRecipientsDefault);
  commit(open(2, 1'000));
  settle();  // a part of the first mail is stable, too
  commit(open(3, 1'000));
  flush();
  files_.complete(0, Ending::io_error);
  ASSERT_EQ(files_.operation(0).kind, Kind::truncate);
  files_.complete(0, Ending::io_error);
  commit(half);
  commit(open(4, 1'000));
  settle();
  EXPECT_THAT(outcomes_, ElementsAre(Pair(1, ElementsAre(MailOutcome::failed)),
                                     Pair(2, ElementsAre(MailOutcome::durable)),
                                     Pair(3, ElementsAre(MailOutcome::failed)),
                                     Pair(4, ElementsAre(MailOutcome::durable))));
  MemoryDisk disk;
  disk.files = files_.power_cut();
  ledger_.findings_count = false;
  ledger_.compare(disk, /*crashed=*/false, "after the cut");
  EXPECT_THAT(ledger_.problems, testing::IsEmpty());
}

TEST_F(FdatasyncEioTest, FullDiskIsSaidToBeFull) {
  commit(open(1, 1'000));
  flush();
  files_.complete(0, Ending::no_space);
  EXPECT_THAT(outcomes_[1], ElementsAre(MailOutcome::no_space));
}

TEST_F(FdatasyncEioTest, LostMailSaysSoToWhoAppends) {
  const core::MailHandle mail = open(1, 300'000);
  flush();
  ASSERT_EQ(files_.operation(0).kind,
            Kind::write);  // no commit waits, but there is enough to write
  files_.complete(0, Ending::io_error);
  const auto taken = writer_.append(mail, std::vector<std::byte>(10));
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, core::Errc::io);
  writer_.commit(mail);
  EXPECT_THAT(outcomes_, testing::IsEmpty());
  flush();
  EXPECT_THAT(outcomes_[1], ElementsAre(MailOutcome::failed));
}

}  // namespace
}  // namespace mailrace::tests
