// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool repair` on a real directory; and what every reader of a damaged spool says and
// still reads, before and behind it.
#include "spool/consumers.h"
#include "spool/spool_reader.h"
#include "tests/support/segment_builder.h"
#include "tests/support/spool_command.h"
#include "tests/support/temporary_directory.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/file_lock.h"
#include "tools/lib/posix_disk.h"
#include "tools/spool/walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

using tests::Outcome;
using tests::run_spool_command;
using Names = std::set<std::string>;

constexpr uint64_t kIds[] = {1024, 2048, 3072, 4096};
constexpr uint64_t kLost = 2048;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Names names(const std::string& path) {
  Names found;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    found.insert(entry.path().filename().string());
  }
  return found;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// A spool with four mails in one segment, the data of the second one damaged.
class RepairTest : public testing::Test {
 protected:
  RepairTest() : spool_(directory_.path() + "/spool"), out_(directory_.path() + "/out") {
    tests::SegmentBuilder segment(1, 0, /*salt=*/7);
    for (const uint64_t id : kIds) {
      segment.add_mail({.mail_id = id, .data = "mail " + queue_id(id) + "\r\n"});
    }
    segment.add_seal();
    file_ = spool::segment_path(spool_, 0, 1);
    octets_ = std::string(core::as_text(segment.octets()));
    place_ = segment.offsets()[4];
    octets_[place_ + 40] = char(octets_[place_ + 40] ^ 1);
    std::filesystem::create_directories(spool_ + "/worker-0000");
    std::ofstream(file_, std::ios::binary) << octets_;
  }

  static Outcome run(std::vector<std::string> arguments) {
    return run_spool_command(std::move(arguments));
  }
  Outcome hand_off() const {
    return run({"export", spool_, "--consumer", "c", "--format", "eml", "--output", out_});
  }
  Names mails_but_the_lost_one() const {
    Names all;
    for (const uint64_t id : kIds) {
      if (id != kLost) all.insert(queue_id(id) + ".eml");
    }
    return all;
  }

  tests::TemporaryDirectory directory_;
  std::string spool_;
  std::string out_;
  std::string file_;
  std::string octets_;
  uint64_t place_ = 0;
};

// Everybody who reads: passes over the bad record, reads every other mail, and says so.
TEST_F(RepairTest, EveryReaderPassesOverABadRecordAndSaysSo) {
  const std::string where = file_ + ": offset " + std::to_string(place_) + ": record.body_crc\n";
  const Outcome verified = run({"verify", spool_});
  EXPECT_EQ(verified.exit_code, kExitFailure);
  EXPECT_EQ(count(verified.out, "corruption: " + where), 1u);
  EXPECT_EQ(count(verified.out, "damaged mail " + queue_id(kLost) + ": " + file_), 1u);
  const Outcome listed = run({"list", spool_});
  EXPECT_EQ(std::ranges::count(listed.out, '\n'), 3);
  EXPECT_EQ(count(listed.err, "2 findings, see mailrace spool verify"), 1u);
  const Outcome exported = run({"export", spool_, "--format", "eml", "--output", out_ + "1"});
  EXPECT_EQ(names(out_ + "1"), mails_but_the_lost_one());
  EXPECT_EQ(exported.exit_code, kExitFailure);
  EXPECT_EQ(count(exported.err, "corruption: " + where), 1u) << exported.err;
  EXPECT_EQ(count(exported.err, "damaged mail " + queue_id(kLost)), 1u) << exported.err;
  const Outcome counted = run({"stats", spool_});
  EXPECT_EQ(count(counted.err, "2 findings, see mailrace spool verify"), 1u);
  const Outcome handed_off = hand_off();
  EXPECT_EQ(handed_off.exit_code, kExitFailure);
  EXPECT_EQ(names(out_), mails_but_the_lost_one());
  EXPECT_EQ(count(handed_off.err, "corruption: " + where), 1u) << handed_off.err;
  EXPECT_EQ(count(handed_off.err, "damaged mail " + queue_id(kLost)), 1u) << handed_off.err;
}

TEST_F(RepairTest, ADryRunSaysWhatItWouldDoAndDoesNothing) {
  const Outcome result = run({"repair", "--dry-run", spool_});
  EXPECT_EQ(result.exit_code, kExitFailure);
  EXPECT_EQ(count(result.out,
                  "would replace: " + file_ + ": keeps 9 records, 3 ends of mails; leaves out "),
            1u)
      << result.out;
  EXPECT_EQ(count(result.out, "mails lost      1\n"), 1u);
  EXPECT_EQ(names(spool_), (Names{"worker-0000"}));
  EXPECT_EQ(names(spool_ + "/worker-0000"), (Names{"0000000000000001.segment"}));
  EXPECT_EQ(contents(file_), octets_);
}

TEST_F(RepairTest, KeepsTheDamagedOneAndLeavesNothingToFind) {
  const Outcome result = run({"repair", spool_});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_EQ(count(result.out, "corruption: " + file_ + ": offset " + std::to_string(place_)), 1u);
  EXPECT_EQ(count(result.out, "damaged mail " + queue_id(kLost)), 1u);
  EXPECT_EQ(count(result.out, "; the damaged one is 0000000000000001.damaged\n"), 1u) << result.out;
  EXPECT_EQ(names(spool_ + "/worker-0000"),
            (Names{"0000000000000001.segment", "0000000000000001.damaged"}));
  EXPECT_EQ(contents(spool_ + "/worker-0000/0000000000000001.damaged"), octets_);
  const Outcome verified = run({"verify", spool_});
  EXPECT_EQ(verified.exit_code, kExitOk) << verified.out;
  EXPECT_EQ(count(verified.out, "set aside     1\n"), 1u);
  EXPECT_EQ(count(verified.out, "mails         3\n"), 1u);
  const Outcome again = run({"repair", "--json", spool_});
  EXPECT_EQ(again.exit_code, kExitOk);
  EXPECT_EQ(again.out,
            "{\"kind\":\"summary\",\"dry_run\":false,\"segments\":0,\"records\":0,\"mails\":0,"
            "\"places\":0,\"octets_left_out\":0,\"lost_mails\":0,\"left_alone\":0}\n");
}

TEST_F(RepairTest, JsonSaysTheSame) {
  const Outcome result = run({"repair", "--json", spool_});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_TRUE(result.out.starts_with("{\"kind\":\"corruption\",\"file\":\"" + file_ +
                                     "\",\"offset\":" + std::to_string(place_) +
                                     ",\"what\":\"record.body_crc\"}\n"))
      << result.out;
  EXPECT_EQ(count(result.out, "{\"kind\":\"replaced\",\"file\":\"" + file_ +
                                  "\",\"records\":9,\"mails\":3,\"places\":1,"),
            1u)
      << result.out;
  EXPECT_EQ(count(result.out, "\"kept_as\":\"0000000000000001.damaged\"}\n"), 1u);
  EXPECT_EQ(count(result.out, "\"lost_mails\":1,\"left_alone\":0}\n"), 1u);
}

// One consumer had passed the segment, damage and all; another one comes later. Neither is handed a
// mail twice, and what was pending for the damage is not any more.
TEST_F(RepairTest, ConsumersGoOnWhereTheyWere) {
  EXPECT_EQ(hand_off().exit_code, kExitFailure);
  PosixDisk disk;
  const std::string cursor = spool::cursor_path(spool_, "c");
  EXPECT_EQ(spool::read_cursor(disk, cursor)->cursor.pending().size(), 2u);
  std::filesystem::remove_all(out_);
  EXPECT_EQ(hand_off().exit_code, kExitFailure);  // the lost mail is said again
  EXPECT_EQ(run({"repair", spool_}).exit_code, kExitOk);
  const Outcome behind = hand_off();
  EXPECT_EQ(behind.exit_code, kExitOk) << behind.err;
  EXPECT_EQ(behind.err, "mailrace spool: " + queue_id(kLost) + ": not in its segment now\n");
  EXPECT_EQ(names(out_), Names{});
  EXPECT_TRUE(spool::read_cursor(disk, cursor)->cursor.pending().empty());
  const Outcome other =
      run({"export", spool_, "--consumer", "d", "--format", "eml", "--output", out_ + "2"});
  EXPECT_EQ(other.exit_code, kExitOk) << other.err;
  EXPECT_EQ(names(out_ + "2"), mails_but_the_lost_one());
}

TEST_F(RepairTest, SaysWhoHasTheSpoolMeanwhile) {
  std::ofstream(spool_ + "/lock") << "4711\n";
  run({"repair", spool_});
  EXPECT_EQ(contents(spool_ + "/lock"), std::to_string(::getpid()) + "\n");
}

TEST_F(RepairTest, RefusesWhileAServerRuns) {
  FileLock server;
  ASSERT_EQ(server.acquire(spool_ + "/lock", FileLock::Kind::try_exclusive), 0);
  std::ofstream(spool_ + "/lock") << "4711\n";
  const Outcome result = run({"repair", spool_});
  EXPECT_EQ(result.exit_code, kExitUsage);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "mailrace spool: " + spool_ + ": in use by process 4711: stop it first\n");
  EXPECT_EQ(contents(file_), octets_);
  EXPECT_EQ(run({"repair", "--dry-run", spool_}).exit_code, kExitFailure);
}

TEST_F(RepairTest, LeavesAloneWhatIsBesideASegmentThatItCannotJudge) {
  std::ofstream(spool::segment_path(spool_, 0, 2)) << std::string(9000, '?');
  const Outcome result = run({"repair", spool_});
  EXPECT_EQ(result.exit_code, kExitFailure);
  EXPECT_EQ(
      count(result.out, "left alone: " + spool::segment_path(spool_, 0, 2) + ": segment.records\n"),
      1u)
      << result.out;
  EXPECT_EQ(contents(file_), octets_);
}

TEST_F(RepairTest, BadUsageIsOneLineAndExitTwo) {
  const std::vector<std::vector<std::string>> mistakes = {
      {"repair"},
      {"repair", spool_ + "/nowhere"},
      {"repair", directory_.path()},
      {"repair", spool_, "--force"},
  };
  for (const auto& mistake : mistakes) {
    const Outcome result = run(mistake);
    EXPECT_EQ(result.exit_code, kExitUsage);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace mailrace::tools
