// SPDX-License-Identifier: GPL-3.0-or-later
// Consumers of a real directory: what is handed off, once, and what operators keep back.
#include "tools/spool/hand_off.h"

#include "spool/consumers.h"
#include "spool/cursor.h"
#include "tests/unit/tools/spool/hand_off_fixture.h"
#include "tools/lib/file_lock.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

TEST_F(HandOffTest, EachMailIsHandedOffOnce) {
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(1024), name(2048), name(3072)}));
  EXPECT_EQ(contents(out_ + "/new/" + name(2048)), mail(2048).data);
  EXPECT_TRUE(names(out_ + "/tmp").empty());
  std::filesystem::remove_all(out_);
  add_segment(2, {4096});
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(4096)}));
  // Another consumer has a position of its own.
  EXPECT_EQ(hand_off("maildir", "d").exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new").size(), 4u);
}

// A block that could not be read for a while, or that somebody restored.
TEST_F(HandOffTest, WhatHealsIsHandedOffAfterAll) {
  tests::SegmentBuilder segment(1);
  for (const uint64_t id : kIds) segment.add_mail(mail(id));
  segment.add_seal();
  auto octets = segment.octets();
  octets[segment.offsets()[5]] ^= std::byte{1};  // where the second one ends
  const std::string path = spool::segment_path(spool_, 0, 1);
  std::ofstream(path, std::ios::binary) << core::as_text(octets);
  EXPECT_NE(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(1024), name(3072)}));
  hand_off();  // it is still pending
  write(segment, 1);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(1024), name(2048), name(3072)}));
  std::filesystem::remove_all(out_);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_TRUE(names(out_ + "/new").empty()) << "once";
}

TEST_F(HandOffTest, EmlIsAFileForEachMail) {
  EXPECT_EQ(hand_off("eml").exit_code, kExitOk);
  EXPECT_EQ(names(out_),
            (Names{queue_id(1024) + ".eml", queue_id(2048) + ".eml", queue_id(3072) + ".eml"}));
  EXPECT_EQ(contents(out_ + "/" + queue_id(3072) + ".eml"), mail(3072).data);
}

TEST_F(HandOffTest, LinesAreAddedBehindTheLastWholeOne) {
  std::ofstream(out_) << "{}\n{\"id\":\"torn by a crash";
  EXPECT_EQ(hand_off("jsonl").exit_code, kExitOk);
  const std::string text = contents(out_);
  EXPECT_TRUE(text.starts_with("{}\n{\"id\":\"" + queue_id(1024) + "\""));
  EXPECT_TRUE(text.ends_with("\"}\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 4);
  add_segment(2, {4096});
  EXPECT_EQ(hand_off("jsonl").exit_code, kExitOk);
  EXPECT_TRUE(contents(out_).starts_with(text));
  EXPECT_EQ(std::ranges::count(contents(out_), '\n'), 5);
}

TEST_F(HandOffTest, NothingIsAcknowledgedThatTheTargetDidNotTake) {
  const std::string full = directory_.path() + "/full";
  std::filesystem::create_directories(full + "/new/" + name(2048));         // in the way of nothing
  std::filesystem::create_directories(full + "/tmp/" + name(3072) + ".c");  // in the way
  const Outcome failed = run_spool_command(
      {"export", spool_, "--consumer", "c", "--format", "maildir", "--output", full});
  EXPECT_EQ(failed.exit_code, kExitFailure);
  EXPECT_NE(failed.err.find(name(3072)), std::string::npos);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(1024), name(2048), name(3072)}));
}

// The files of the batch are stable, and their names are not.
TEST_F(HandOffTest, TheCursorDoesNotMoveBeforeTheTargetIsStable) {
  {
    HandOffTarget target(std::in_place_type<DirectoryHandOff>, out_, ExportFormat::maildir, "c");
    HandOff work({spool_, "c"}, target, [&] {
      if (std::filesystem::exists(out_ + "/tmp") && !names(out_ + "/tmp").empty()) {
        std::filesystem::remove_all(out_ + "/new");
      }
      return false;
    });
    EXPECT_EQ(work.run(), kExitFailure);
  }
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(1024), name(2048), name(3072)}));
}

TEST_F(HandOffTest, AHeldMailHoldsNothingElseUp) {
  EXPECT_EQ(say("hold", 2048).exit_code, kExitOk);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(1024), name(3072)}));
  add_segment(2, {4096});
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(1024), name(3072), name(4096)}));
  EXPECT_EQ(say("release", 2048).exit_code, kExitOk);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_TRUE(names(out_ + "/new").contains(name(2048)));
  EXPECT_EQ(contents(out_ + "/new/" + name(2048)), mail(2048).data);
}

TEST_F(HandOffTest, AHeldMailIsHandedOffAsSoonAsItIsReleased) {
  EXPECT_EQ(say("hold", 2048).exit_code, kExitOk);
  HandOffTarget target(std::in_place_type<DirectoryHandOff>, out_, ExportFormat::maildir, "c");
  int asked = 0;
  HandOff work({spool_, "c", /*follow=*/true}, target, [&] {
    if (std::filesystem::exists(out_ + "/new/" + name(3072)) && asked++ == 0) {
      EXPECT_EQ(say("release", 2048).exit_code, kExitOk);
    }
    return std::filesystem::exists(out_ + "/new/" + name(2048));
  });
  EXPECT_EQ(work.run(), kExitOk);
  EXPECT_EQ(asked > 0, true);
  EXPECT_EQ(names(out_ + "/new").size(), 3u);
}

TEST_F(HandOffTest, ADeletedMailIsHandedToNobody) {
  EXPECT_EQ(say("delete", 1024).exit_code, kExitOk);
  EXPECT_EQ(say("hold", 2048).exit_code, kExitOk);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(say("delete", 2048).exit_code, kExitOk);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(3072)}));
  const auto slot = [&] {
    PosixDisk disk;
    return *spool::read_cursor(disk, spool::cursor_path(spool_, "c"));
  }();
  EXPECT_TRUE(slot.cursor.pending().empty());
  EXPECT_EQ(say("release", 2048).exit_code, kExitFailure);
  EXPECT_EQ(say("hold", 2048).exit_code, kExitFailure);
}

// Or its segment would be kept for good.
TEST_F(HandOffTest, WhatWasHeldIsLetGoThoughItCannotBeReadAnyMore) {
  EXPECT_EQ(say("hold", 1024).exit_code, kExitOk);
  EXPECT_EQ(say("hold", 2048).exit_code, kExitOk);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  std::filesystem::remove(path_of(1));
  EXPECT_EQ(say("release", 1024).exit_code, kExitOk);
  EXPECT_EQ(say("delete", 2048).exit_code, kExitOk);
  EXPECT_EQ(say("delete", 2048).exit_code, kExitOk) << "said again";
  EXPECT_EQ(say("hold", 1024).exit_code, kExitFailure) << "nothing to keep";
  EXPECT_EQ(say("delete", 3072).exit_code, kExitFailure) << "nothing was ever said of it";
  hand_off();
  EXPECT_EQ(pending(), 0u);
}

TEST_F(HandOffTest, ListShowsWhatIsHeldAndHidesWhatIsDeleted) {
  say("hold", 1024);
  say("delete", 2048);
  const Outcome list = run_spool_command({"list", spool_});
  EXPECT_NE(list.out.find("<recipient@example.com>\theld\n"), std::string::npos);
  EXPECT_EQ(list.out.find(queue_id(2048)), std::string::npos);
  const Outcome all = run_spool_command({"list", "--json", "--all", spool_});
  EXPECT_NE(all.out.find("\"held\":true}"), std::string::npos);
  EXPECT_NE(all.out.find("\"deleted\":true}"), std::string::npos);
  EXPECT_NE(
      run_spool_command({"show", spool_, queue_id(2048)}).out.find("mark:           deleted\n"),
      std::string::npos);
  const Outcome some = run_spool_command({"export", spool_, "--format", "eml", "--output", out_});
  EXPECT_EQ(some.exit_code, kExitOk);
  EXPECT_EQ(names(out_), (Names{queue_id(3072) + ".eml"}));
  EXPECT_EQ(some.err,
            "mailrace spool: 1 held mails were left out\n"
            "mailrace spool: 1 deleted mails were left out\n");
  EXPECT_EQ(run_spool_command(
                {"export", spool_, "--format", "eml", "--output", out_, "--id", queue_id(1024)})
                .exit_code,
            kExitFailure);
}

TEST_F(HandOffTest, ADamagedOperationsLogStopsIt) {
  say("hold", 1024);
  say("hold", 2048);
  std::fstream(spool_ + "/operations.log", std::ios::in | std::ios::out | std::ios::binary)
          .seekp(70)
      << 'x';
  const Outcome refused = hand_off();
  EXPECT_NE(refused.exit_code, kExitOk);
  EXPECT_NE(refused.err.find("damaged"), std::string::npos);
  EXPECT_EQ(say("hold", 3072).exit_code, kExitFailure);
  const auto exported = run_spool_command({"export", spool_, "--format", "eml", "--output", out_});
  EXPECT_EQ(exported.exit_code, kExitFailure);
  EXPECT_EQ(run_spool_command({"list", spool_}).exit_code, kExitOk);
  EXPECT_EQ(run_spool_command({"verify", spool_}).exit_code, kExitFailure);
}

TEST_F(HandOffTest, VerifyFindsACursorThatCannotBeRead) {
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(run_spool_command({"verify", spool_}).exit_code, kExitOk);
  std::ofstream(spool::cursor_path(spool_, "other")) << std::string(600'000, 'x');
  const Outcome verified = run_spool_command({"verify", spool_});
  EXPECT_EQ(verified.exit_code, kExitFailure);
  EXPECT_NE(verified.err.find("other.cursor: cursor.magic"), std::string::npos) << verified.err;
}

TEST_F(HandOffTest, ConsumersShowsLagsAndForgetForgets) {
  EXPECT_EQ(run_spool_command({"consumers", spool_}).out, "");
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  say("hold", 1024);
  add_segment(2, {4096, 5120});
  const Outcome shown = run_spool_command({"consumers", "--json", spool_});
  EXPECT_EQ(shown.exit_code, kExitOk);
  const std::string octets = std::to_string(2 * mail(4096).data.size());
  EXPECT_NE(
      shown.out.find("{\"consumer\":\"c\",\"mails\":2,\"octets\":" + octets + ",\"seconds\":"),
      std::string::npos)
      << shown.out;
  EXPECT_NE(shown.out.find("\"held\":0,\"damaged\":0,"), std::string::npos) << shown.out;
  EXPECT_NE(
      run_spool_command({"stats", "--json", spool_}).out.find("\"consumers\":[{\"consumer\":"),
      std::string::npos);
  FileLock lock;
  const std::string lock_path = spool::cursor_path(spool_, "c") + ".lock";
  ASSERT_EQ(lock.acquire(lock_path, FileLock::Kind::try_exclusive), 0);
  EXPECT_EQ(run_spool_command({"forget", spool_, "c"}).exit_code, kExitFailure);
  EXPECT_EQ(hand_off().err, "mailrace spool: consumer c is in use by another process\n");
  lock.release();
  EXPECT_EQ(run_spool_command({"forget", spool_, "c"}).exit_code, kExitOk);
  EXPECT_EQ(run_spool_command({"forget", spool_, "c"}).exit_code, kExitFailure);
  EXPECT_TRUE(names(spool_ + "/consumers").empty());
}

TEST_F(HandOffTest, DamageIsReportedAndItsSegmentKept) {
  tests::SegmentBuilder segment(2);
  segment.add_mail(mail(4096));
  const uint64_t bad = segment.end();
  segment.add_mail(mail(5120));
  segment.add_seal();
  write(segment, 2);
  std::fstream(spool::segment_path(spool_, 0, 2), std::ios::in | std::ios::out | std::ios::binary)
          .seekp(std::streamoff(bad + 40))
      << 'x';
  const Outcome outcome = hand_off();
  EXPECT_EQ(outcome.exit_code, kExitFailure);
  EXPECT_NE(outcome.err.find("corruption"), std::string::npos);
  EXPECT_EQ(names(out_ + "/new").size(), 4u);
  const Outcome shown = run_spool_command({"consumers", "--json", spool_});
  EXPECT_NE(shown.out.find("\"damaged\":1"), std::string::npos) << shown.out;
  // Somebody looks at it elsewhere.
  std::filesystem::rename(spool::segment_path(spool_, 0, 2), directory_.path() + "/for-study");
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(hand_off().err, "");
}

// Or nobody would know how far it is, and what must be kept for it.
TEST_F(HandOffTest, ItEndsWhenItsCursorHasLostItsName) {
  const auto replace = [this](int steps) {
    if (steps != 2) return false;
    std::filesystem::rename(spool_ + "/consumers", spool_ + "/moved-away");
    // Whoever is called c now is somewhere else.
    EXPECT_EQ(run_spool_command({"export", spool_, "--consumer", "c", "--format", "eml", "--output",
                                 directory_.path() + "/other"})
                  .exit_code,
              kExitOk);
    return false;
  };
  EXPECT_EQ(hand_off_with(maildir(), replace), kExitFailure);
  const auto remove = [this](int steps) {
    if (steps == 0) std::filesystem::remove(spool::cursor_path(spool_, "c"));
    return false;
  };
  add_segment(2, {4096});
  EXPECT_EQ(hand_off_with(maildir(), remove), kExitFailure);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
}

TEST_F(HandOffTest, WhatCannotBeIsOneLineAndExitTwo) {
  const std::vector<std::vector<std::string>> rows = {
      {"--follow", "--format", "maildir", "--output", out_},
      {"--consumer", "../x", "--format", "maildir", "--output", out_},
      {"--consumer", "c", "--format", "mbox", "--output", out_},
      {"--consumer", "c", "--format", "jsonl", "--output", "-"},
      {"--consumer", "c", "--format", "eml", "--output", out_, "--id", queue_id(1024)},
  };
  for (std::vector<std::string> row : rows) {
    row.insert(row.begin(), {"export", spool_});
    const Outcome outcome = run_spool_command(row);
    EXPECT_EQ(outcome.exit_code, kExitUsage) << outcome.err;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find("--"), std::string::npos) << outcome.err;
  }
  EXPECT_FALSE(std::filesystem::exists(spool_ + "/consumers"));
}

}  // namespace
}  // namespace mailrace::tools
