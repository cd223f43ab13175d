// SPDX-License-Identifier: GPL-3.0-or-later
// Damaged segments become whole ones: every mail that could be read still can, in the same place,
// and nothing is thrown away.
#include "spool/salvage.h"

#include "core/base/limits.h"
#include "spool/segment.h"
#include "tests/support/memory_disk.h"
#include "tests/support/segment_builder.h"
#include "tests/support/walked_spool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;
using tests::SegmentBuilder;
using tests::walk_spool;
using tests::WalkedSpool;

constexpr char kSpool[] = "spool";
constexpr uint64_t kSalt = 0x5a17;

std::string file_of(uint64_t number) { return segment_path(kSpool, 0, number); }
std::string kept_of(uint64_t number, const std::string& more = "") {
  std::string path = file_of(number);
  return path.replace(path.rfind('.'), std::string::npos, ".damaged") + more;
}

struct Salvaged {
  WorkerSalvage plan;
  std::vector<SalvageOutcome> outcomes;
  std::vector<Finding> findings;
};

Salvaged salvage(core::Disk& disk, bool measure = false) {
  Salvaged done;
  SpoolVisit visit;
  visit.finding = [&](const Finding& finding) { done.findings.push_back(finding); };
  auto plan = plan_salvage(disk, kSpool, 0, visit);
  EXPECT_TRUE(plan.has_value());
  done.plan = std::move(*plan);
  if (!done.plan.in_the_way.empty()) return done;
  for (const DamagedSegment& segment : done.plan.segments) {
    auto outcome = salvage_segment(disk, kSpool, done.plan, segment, measure);
    EXPECT_TRUE(outcome.has_value()) << outcome.error().where;
    if (outcome) done.outcomes.push_back(std::move(*outcome));
  }
  return done;
}

// Where each mail begins and ends, and what is in it.
std::map<uint64_t, std::string> places(const WalkedSpool& walked) {
  std::map<uint64_t, std::string> all;
  for (const auto& [id, mail] : walked.mails) {
    all[id] = std::to_string(mail.first_segment) + " " + std::to_string(mail.end_segment) + " " +
              std::to_string(mail.end_offset) + " " + mail.envelope.recipients[0].forward_path +
              " " + walked.data.at(id);
  }
  return all;
}

/// Three sealed segments; mail 9 begins in the first one, goes on in the second and ends in the
/// third. Short bodies, so that all of it can be damaged octet by octet.
struct ThreeSegments {
  std::vector<SegmentBuilder> segments;

  explicit ThreeSegments(uint64_t salt = kSalt) {
    for (uint64_t number = 1; number <= 3; ++number) {
      SegmentBuilder& segment = segments.emplace_back(number, 0, salt);
      segment.add_mail({.mail_id = number * 10, .data = "first"});
      if (number == 1) segment.add_envelope({.mail_id = 9, .data = ""});
      segment.add_data(9, "part");
      if (number == 3) segment.add_end(9, 12, 3);
      segment.add_mail({.mail_id = number * 10 + 1, .data = "second"}, 3);
      if (salt != 0) segment.add_mark(segment.end());
      segment.add_seal();
    }
  }
  MemoryDisk disk() const {
    MemoryDisk disk;
    for (uint64_t number = 1; number <= 3; ++number) {
      disk.files[file_of(number)] = segments[number - 1].octets();
    }
    return disk;
  }
};

TEST(SalvageTest, AWholeSpoolIsLeftAsItIs) {
  MemoryDisk disk = ThreeSegments().disk();
  const auto before = disk.files;
  EXPECT_TRUE(salvage(disk).plan.segments.empty());
  EXPECT_EQ(disk.files, before);
}

// Whatever bit is flipped: what could be read before still can, in its place, and then all checks.
TEST(SalvageTest, KeepsEveryMailThatCouldBeReadInItsPlace) {
  for (const uint64_t salt : {kSalt, uint64_t{0}}) {
    const ThreeSegments spool(salt);
    for (uint64_t number = 1; number <= 3; ++number) {
      const auto& octets = spool.segments[number - 1].octets();
      for (size_t at = 0; at < octets.size(); at += at < 80 || at >= 4090 ? 3 : 512) {
        SCOPED_TRACE("salt " + std::to_string(salt) + ", segment " + std::to_string(number) +
                     ", octet " + std::to_string(at));
        MemoryDisk disk = spool.disk();
        std::vector<std::byte>& damaged = disk.files[file_of(number)];
        damaged[at] ^= std::byte{0x10};
        const auto before = disk.files;
        const WalkedSpool found = walk_spool(disk, kSpool);
        const Salvaged done = salvage(disk);
        if (!done.plan.in_the_way.empty()) {  // a head that speaks of another version
          EXPECT_LT(at, kSegmentHeadBytes);
          EXPECT_EQ(disk.files, before);
          continue;
        }
        EXPECT_EQ(done.findings.size(), found.findings.size());
        EXPECT_EQ(done.plan.segments.empty(), found.findings.empty());
        const WalkedSpool after = walk_spool(disk, kSpool);
        EXPECT_TRUE(after.findings.empty()) << after.findings[0].what;
        EXPECT_EQ(places(after), places(found));
        for (const DamagedSegment& segment : done.plan.segments) {
          EXPECT_EQ(disk.files.at(kept_of(segment.number)), before.at(file_of(segment.number)));
        }
        EXPECT_EQ(disk.files.size(), 3 + done.plan.segments.size());
        EXPECT_EQ(disk.open_count, 0u);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

// Its other records say nothing without those that are gone, and must not be found wrong for ever.
TEST(SalvageTest, ALostMailIsLeftOutWhereItEnds) {
  const ThreeSegments spool;
  MemoryDisk disk = spool.disk();
  // The data of mail 9 in the second segment: behind the three records of mail 20.
  disk.files[file_of(2)][spool.segments[1].offsets()[3] + 33] ^= std::byte{1};
  const Salvaged done = salvage(disk);
  EXPECT_EQ(done.plan.lost, (std::vector<uint64_t>{9}));
  ASSERT_EQ(done.plan.segments.size(), 2u);
  EXPECT_EQ(done.plan.segments[0].number, 2u);
  EXPECT_EQ(done.plan.segments[1].number, 3u);
  EXPECT_EQ(done.outcomes[0].places, 1u);
  EXPECT_EQ(done.outcomes[0].octets_left_out, 40u);
  EXPECT_EQ(done.outcomes[1].mails, 2u);
  EXPECT_EQ(done.outcomes[1].kept_as, "0000000000000003.damaged");
  const WalkedSpool after = walk_spool(disk, kSpool);
  EXPECT_TRUE(after.findings.empty());
  EXPECT_EQ(after.mails.size(), 6u);
}

TEST(SalvageTest, MeasuringWritesNothingAndTellsTheSame) {
  const ThreeSegments spool;
  MemoryDisk disk = spool.disk();
  disk.files[file_of(2)][spool.segments[1].offsets()[3] + 33] ^= std::byte{1};
  const auto before = disk.files;
  const Salvaged measured = salvage(disk, /*measure=*/true);
  EXPECT_EQ(disk.files, before);
  const Salvaged done = salvage(disk);
  ASSERT_EQ(measured.outcomes.size(), done.outcomes.size());
  for (size_t i = 0; i < done.outcomes.size(); ++i) {
    EXPECT_EQ(measured.outcomes[i].records, done.outcomes[i].records);
    EXPECT_EQ(measured.outcomes[i].mails, done.outcomes[i].mails);
    EXPECT_EQ(measured.outcomes[i].octets_left_out, done.outcomes[i].octets_left_out);
  }
}

// Holes of all lengths around those that one mark fills.
TEST(SalvageTest, FillsLongHoles) {
  for (const uint64_t extra : {0u, 8u, 16u, 24u, 32u, 40u, 48u}) {
    SegmentBuilder segment(1, 0, kSalt);
    segment.add_mail({.mail_id = 1, .data = "before"});
    const uint64_t begin = segment.end();
    for (int i = 0; i < 2; ++i) segment.add_data(2, std::string(core::kRecordBodyBytesMax, 'x'));
    segment.add_data(2, std::string(extra, 'x'));
    const uint64_t end = segment.end();
    segment.add_mail({.mail_id = 3, .data = "behind"});
    segment.add_seal();
    MemoryDisk disk;
    auto& octets = disk.files[file_of(1)] = segment.octets();
    std::fill(octets.begin() + std::ptrdiff_t(begin), octets.begin() + std::ptrdiff_t(end),
              std::byte{0xff});
    const WalkedSpool found = walk_spool(disk, kSpool);
    const Salvaged done = salvage(disk);
    EXPECT_EQ(done.outcomes.at(0).octets_left_out, end - begin);
    const WalkedSpool after = walk_spool(disk, kSpool);
    EXPECT_TRUE(after.findings.empty());
    EXPECT_EQ(places(after), places(found));
    EXPECT_EQ(after.mails.size(), 2u);
  }
}

// The disk fails in the middle of the first segment: its other mails move to blocks that are good.
TEST(SalvageTest, BlocksThatCannotBeReadAreLeftOut) {
  SegmentBuilder segment(1, 0, kSalt);
  for (uint64_t id = 1; id <= 4; ++id) {
    segment.add_mail({.mail_id = id, .data = std::string(16'000, 'x')});
  }
  segment.add_seal();
  MemoryDisk disk;
  disk.files[file_of(1)] = segment.octets();
  disk.unreadable_from = segment.offsets()[4] + 8'000;  // in the data of mail 2
  disk.unreadable_to = disk.unreadable_from + 1;
  const Salvaged done = salvage(disk, /*measure=*/true);
  EXPECT_EQ(done.plan.lost, (std::vector<uint64_t>{2}));
  EXPECT_EQ(done.outcomes.at(0).mails, 3u);
  // A memory disk has the bad block in every file, the new one included: it is noticed in time.
  const auto before = disk.files;
  const auto failed = salvage_segment(disk, kSpool, done.plan, done.plan.segments[0], false);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(std::string(failed.error().where), "salvage.check");
  EXPECT_EQ(disk.files, before);
}

TEST(SalvageTest, ALaterDamageGetsANameOfItsOwn) {
  const ThreeSegments spool;
  MemoryDisk disk = spool.disk();
  const uint64_t place = spool.segments[0].offsets()[2] + 40;
  disk.files[file_of(1)][place] ^= std::byte{1};
  const auto first = disk.files.at(file_of(1));
  EXPECT_EQ(salvage(disk).outcomes.at(0).kept_as, "0000000000000001.damaged");
  disk.files[file_of(1)][spool.segments[0].offsets()[5] + 3] ^= std::byte{1};
  const auto second = disk.files.at(file_of(1));
  EXPECT_EQ(salvage(disk).outcomes.at(0).kept_as, "0000000000000001.damaged.2");
  EXPECT_EQ(disk.files.at(kept_of(1)), first);
  EXPECT_EQ(disk.files.at(kept_of(1, ".2")), second);
  EXPECT_TRUE(walk_spool(disk, kSpool).findings.empty());
}

TEST(SalvageTest, GoesOnBehindACrash) {
  const ThreeSegments spool;
  MemoryDisk disk = spool.disk();
  disk.files[file_of(1)][spool.segments[0].offsets()[2] + 40] ^= std::byte{1};
  const auto damaged = disk.files.at(file_of(1));
  disk.files[kept_of(1)] = damaged;                                // got its second name already
  disk.files["spool/worker-0000/0000000000000001.repair"] = {{}};  // and this is half-written
  EXPECT_EQ(salvage(disk).outcomes.at(0).kept_as, "0000000000000001.damaged");
  EXPECT_EQ(disk.files.at(kept_of(1)), damaged);
  EXPECT_EQ(disk.files.size(), 4u);
}

TEST(SalvageTest, NothingIsDoneBesideASegmentThatCannotBeJudged) {
  const ThreeSegments spool;
  MemoryDisk good = spool.disk();
  good.files[file_of(3)][spool.segments[2].offsets()[1] + 40] ^= std::byte{1};
  const auto expect_refusal = [](MemoryDisk& disk, const char* what) {
    const auto before = disk.files;
    const Salvaged done = salvage(disk);
    ASSERT_EQ(done.plan.in_the_way.size(), 1u) << what;
    EXPECT_EQ(std::string(done.plan.in_the_way[0].what), what);
    EXPECT_EQ(done.plan.in_the_way[0].file, file_of(2));
    EXPECT_EQ(disk.files, before);
  };
  MemoryDisk renamed = good;
  renamed.files[file_of(2)] = SegmentBuilder(7, 0, kSalt).octets();
  renamed.files[file_of(2)] = [] {
    SegmentBuilder segment(7, 0, kSalt);
    segment.add_mail({.mail_id = 70, .data = "of another number"});
    return segment.octets();
  }();
  expect_refusal(renamed, "segment.generation");
  MemoryDisk empty = good;
  empty.files[file_of(2)].assign(10'000, std::byte{0xff});
  expect_refusal(empty, "segment.records");
}

// A reader that is out of memory for mails without an end takes some for damaged that are whole.
TEST(SalvageTest, AMailThatWasOnlyForgottenIsKept) {
  SegmentBuilder segment(1, 0, kSalt);
  segment.add_envelope({.mail_id = 1, .data = ""});
  segment.add_data(1, "slow");
  for (uint64_t id = 2; id < 2 + core::kReaderOpenMailsMax; ++id) {
    segment.add_envelope({.mail_id = id, .data = ""});
  }
  segment.add_end(1, 4, 1);
  const uint64_t damaged = segment.add_data(2, "damaged");
  segment.add_mail({.mail_id = 99'999, .data = "behind"});
  segment.add_seal();
  MemoryDisk disk;
  disk.files[file_of(1)] = segment.octets();
  disk.files[file_of(1)][damaged + 35] ^= std::byte{1};
  const Salvaged done = salvage(disk);
  EXPECT_TRUE(done.plan.lost.empty());
  EXPECT_EQ(done.outcomes.at(0).mails, 2u);
}

TEST(SalvageTest, TellsWhichPendingMailsWereLeftOut) {
  const ThreeSegments spool;
  MemoryDisk disk = spool.disk();
  const auto& offsets = spool.segments[1].offsets();
  disk.files[file_of(2)][offsets[1] + 33] ^= std::byte{1};  // data of mail 20
  const PendingMail lost{0, 20, 2, {2, offsets[2]}};
  const PendingMail whole{0, 21, 2, {2, offsets[7]}};
  const PendingMail place{0, 0, 2, {2, offsets[1]}};
  for (const PendingMail& mail : {lost, whole, place}) {
    EXPECT_FALSE(was_left_out(disk, kSpool, mail)) << mail.mail_id;
  }
  salvage(disk);
  EXPECT_TRUE(was_left_out(disk, kSpool, lost));
  EXPECT_TRUE(was_left_out(disk, kSpool, place));
  EXPECT_FALSE(was_left_out(disk, kSpool, whole));
  EXPECT_TRUE(walk_spool(disk, kSpool).mails.contains(21));
}

// By a server whose write had failed behind a reader, or by recovery behind a power cut.
TEST(SalvageTest, TellsWhichPendingMailsWereCutOff) {
  const ThreeSegments spool;
  MemoryDisk disk = spool.disk();
  const auto& offsets = spool.segments[1].offsets();
  const PendingMail mail{0, 21, 2, {2, offsets[7]}};
  const PendingMail place{0, 0, 2, {2, offsets[7]}};
  EXPECT_FALSE(was_left_out(disk, kSpool, mail)) << "it is there";
  auto& octets = disk.files[file_of(2)];
  std::fill(octets.begin() + std::ptrdiff_t(offsets[7]), octets.end(), std::byte{0});
  EXPECT_FALSE(was_left_out(disk, kSpool, mail)) << "it may be written to still";
  octets.resize(size_t(offsets[7]));
  EXPECT_TRUE(was_left_out(disk, kSpool, mail));
  EXPECT_FALSE(was_left_out(disk, kSpool, place)) << "it may have mails in front of it";
  octets[size_t(offsets[1]) + 33] ^= std::byte{1};
  EXPECT_FALSE(was_left_out(disk, kSpool, mail)) << "what does not check may be what is missed";
}

TEST(SalvageTest, KnowsTheNamesOfItsFiles) {
  for (const char* const name : {"0000000000000001.damaged", "00000000000000ff.damaged.2"}) {
    EXPECT_TRUE(damaged_segment_number(name)) << name;
  }
  for (const char* const name : {"0000000000000001.segment", "1.damaged", "damaged",
                                 "0000000000000001.damagedx", "x000000000000001.damaged"}) {
    EXPECT_FALSE(damaged_segment_number(name)) << name;
  }
}

}  // namespace
}  // namespace mailrace::spool
