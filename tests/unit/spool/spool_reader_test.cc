// SPDX-License-Identifier: GPL-3.0-or-later
// Mails of a whole spool: interleaved, across segments, damaged, and while a server writes.
#include "spool/spool_reader.h"

#include "core/base/limits.h"
#include "spool/envelope.h"
#include "spool/segment.h"
#include "tests/support/hex_dump.h"
#include "tests/support/memory_disk.h"
#include "tests/support/segment_builder.h"
#include "tests/support/walked_spool.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;
using tests::SegmentBuilder;
using tests::TestMail;
using tests::walk_spool;
using tests::WalkedSpool;

constexpr const char* kGoldenPaths[] = {MAILRACE_SOURCE_DIR "/tests/data/segment_version_1.segment",
                                        MAILRACE_SOURCE_DIR "/tests/data/segment_version_2.segment",
                                        MAILRACE_SOURCE_DIR
                                        "/tests/data/segment_version_3.segment"};

std::string path_of(uint64_t number, uint32_t worker = 0) {
  return segment_path("/spool", worker, number);
}

std::vector<std::string> many_paths(size_t count) {
  std::vector<std::string> paths;
  for (size_t i = 0; i < count; ++i) {
    paths.push_back(std::string(60, 'r') + std::to_string(i) + "@" + std::string(100, 'd'));
  }
  return paths;
}

// Three mails in one segment, two of them interleaved, and a seal.
SegmentBuilder three_mails() {
  SegmentBuilder segment(1);
  segment.add_envelope({.mail_id = 1, .data = ""});
  segment.add_envelope({.mail_id = 2, .forward_paths = {"x@y", "z@y"}, .data = ""});
  segment.add_data(1, "one ");
  segment.add_data(2, "two, in a record");
  segment.add_mail({.mail_id = 3, .data = "three"}, 3);
  segment.add_data(1, "and one");
  segment.add_end(1, 11, 2);
  segment.add_end(2, 16, 1, /*recipients=*/2);
  segment.add_seal();
  return segment;
}

TEST(SpoolReaderTest, PutsInterleavedMailsTogether) {
  MemoryDisk disk;
  disk.files[path_of(1)] = three_mails().octets();
  const WalkedSpool walked = walk_spool(disk, "/spool");
  EXPECT_TRUE(walked.findings.empty());
  EXPECT_EQ(walked.data, (std::map<uint64_t, std::string>{
                             {1, "one and one"}, {2, "two, in a record"}, {3, "three"}}));
  EXPECT_EQ(tests::forward_paths_of(walked.mails.at(2).envelope),
            (std::vector<std::string>{"x@y", "z@y"}));
  EXPECT_EQ(walked.mails.at(3).extents.size(), 2u);
  EXPECT_EQ(walked.mails.at(1).end.durability, uint8_t(Durability::disk));
  EXPECT_EQ(walked.unaccepted, 0u);
  EXPECT_EQ(disk.open_count, 0u);
}

TEST(SpoolReaderTest, AMailMayBeginInOneSegmentAndEndInALaterOne) {
  SegmentBuilder first(1);
  first.add_envelope({.mail_id = 5, .data = ""});
  first.add_data(5, "begin ");
  first.add_seal();
  SegmentBuilder second(2);
  second.add_data(5, "middle ");
  second.add_seal();
  SegmentBuilder third(7);  // numbers may leave gaps
  third.add_data(5, "end");
  third.add_end(5, 16, 3);
  MemoryDisk disk;
  disk.files[path_of(7)] = third.octets();
  disk.files[path_of(2)] = second.octets();
  disk.files[path_of(1)] = first.octets();
  const WalkedSpool walked = walk_spool(disk, "/spool");
  EXPECT_TRUE(walked.findings.empty());
  EXPECT_EQ(walked.data.at(5), "begin middle end");
}

TEST(SpoolReaderTest, WorkersAreApart) {
  MemoryDisk disk;
  for (const uint32_t worker : {0u, 3u}) {
    SegmentBuilder segment(1, worker);
    segment.add_mail({.mail_id = 100 + worker, .data = "data"});
    disk.files[path_of(1, worker)] = segment.octets();
  }
  disk.files["/spool/worker-3/0000000000000001.segment"] = {};  // not our names
  disk.files["/spool/worker-0000/000000000000000A.segment"] = {};
  disk.files["/spool/lock"] = {};
  const WalkedSpool walked = walk_spool(disk, "/spool");
  ASSERT_EQ(walked.segments.size(), 2u);
  EXPECT_EQ(walked.mails.at(100).worker, 0u);
  EXPECT_EQ(walked.mails.at(103).worker, 3u);
}

TEST(SpoolReaderTest, WithoutItsEndAMailWasNeverAccepted) {
  SegmentBuilder segment(1);
  segment.add_envelope({.mail_id = 1, .data = ""});
  segment.add_data(1, "half");
  segment.add_mail({.mail_id = 2, .data = "whole"});
  MemoryDisk disk;
  disk.files[path_of(1)] = segment.octets();
  const WalkedSpool walked = walk_spool(disk, "/spool");
  EXPECT_EQ(walked.mails.size(), 1u);
  EXPECT_EQ(walked.unaccepted, 1u);
  EXPECT_TRUE(walked.findings.empty());
}

struct Part {
  const char* name;
  std::vector<size_t> left_out;  // of 0 envelope, 1 and 2 data, 3 end
  const char* what;
};

// A mail of which records are missing without any trace but the count in its end.
TEST(SpoolReaderTest, AMailThatIsNotWholeIsReportedWhereItEnds) {
  const Part parts[] = {{"no_envelope", {0}, "mail.first_records"},
                        {"no_data", {1}, "mail.data_records"},
                        {"only_the_end", {0, 1, 2}, "mail.first_records"}};
  for (const Part& part : parts) {
    SegmentBuilder segment(1);
    const auto has = [&](size_t i) { return std::ranges::count(part.left_out, i) == 0; };
    if (has(0)) segment.add_envelope({.mail_id = 9, .data = ""});
    if (has(1)) segment.add_data(9, "1");
    if (has(2)) segment.add_data(9, "2");
    const uint64_t end = segment.add_end(9, 2, 2);
    MemoryDisk disk;
    disk.files[path_of(1)] = segment.octets();
    const WalkedSpool walked = walk_spool(disk, "/spool");
    EXPECT_TRUE(walked.mails.empty()) << part.name;
    ASSERT_EQ(walked.findings.size(), 1u) << part.name;
    const Finding& finding = walked.findings[0];
    EXPECT_EQ(finding.kind, FindingKind::damaged_mail);
    EXPECT_EQ(finding.file, path_of(1));
    EXPECT_EQ(finding.offset, end);
    EXPECT_EQ(finding.mail_id, 9u);
    EXPECT_EQ(std::string(finding.what), part.what);
  }
}

bool same_as_original(const WalkedSpool& walked, const WalkedSpool& original) {
  for (const auto& [id, mail] : walked.mails) {
    if (!original.mails.contains(id)) return false;
    const StoredEnvelope& a = mail.envelope;
    const StoredEnvelope& b = original.mails.at(id).envelope;
    const bool same = walked.data.at(id) == original.data.at(id) && a.recipients == b.recipients &&
                      a.reverse_path == b.reverse_path && a.helo == b.helo && a.peer == b.peer &&
                      a.received_at == b.received_at;
    if (!same) return false;
  }
  return true;
}

// A flip in any octet of a segment: it is reported, no mail is altered, and mails that have no
// record there are still whole.
TEST(SpoolReaderTest, AFlippedBitAnywhereCostsOnlyItsOwnMail) {
  const SegmentBuilder segment = three_mails();
  MemoryDisk disk;
  disk.files[path_of(1)] = segment.octets();
  const WalkedSpool original = walk_spool(disk, "/spool");
  const auto& offsets = segment.offsets();
  const uint64_t owners[] = {1, 2, 1, 2, 3, 3, 3, 3, 1, 1, 2, 0};
  ASSERT_EQ(offsets.size(), std::size(owners));
  for (size_t at = 0; at < segment.end(); ++at) {
    disk.files[path_of(1)] = segment.octets();
    disk.files[path_of(1)][at] ^= std::byte(1 << at % 8);
    const WalkedSpool walked = walk_spool(disk, "/spool");
    ASSERT_TRUE(same_as_original(walked, original)) << at;
    const auto behind = std::ranges::upper_bound(offsets, at);
    const bool in_head = behind == offsets.begin();
    const uint64_t owner = in_head ? 0 : owners[behind - offsets.begin() - 1];
    for (const uint64_t id : {1u, 2u, 3u}) {
      ASSERT_TRUE(id == owner || walked.mails.contains(id)) << at;
    }
    const bool in_seal = !in_head && behind == offsets.end();
    const uint64_t from = in_head ? 0 : *std::prev(behind);
    bool reported = in_seal && walked.segments[0].outcome.end == SegmentEnd::torn_tail &&
                    walked.segments[0].outcome.valid_bytes == from;
    for (const Finding& finding : walked.findings) {
      const bool here = finding.offset >= from && finding.offset <= at;
      reported = reported || (here && finding.file == path_of(1));
    }
    ASSERT_TRUE(reported) << at;
  }
}

// Two envelope records; the end record says how many recipients there must be.
TEST(SpoolReaderTest, AMailWithALostEnvelopeRecordIsNotTakenForWhole) {
  for (const size_t bad : {size_t{0}, size_t{1}}) {
    SegmentBuilder segment(1);
    segment.add_envelope({.mail_id = 4, .forward_paths = many_paths(96), .data = ""});
    std::vector<std::byte> more;
    for (const std::string& path : many_paths(3)) {
      const size_t at = more.size();
      more.resize(at + field_bytes(path.size()));
      encode_field(more.data() + at, FieldTag::forward_path, core::as_octets(path));
    }
    segment.add(RecordType::envelope, 4, more);
    segment.add_data(4, "data");
    segment.add_end(4, 4, 1, /*recipients=*/99);
    MemoryDisk disk;
    disk.files[path_of(1)] = segment.octets();
    EXPECT_EQ(walk_spool(disk, "/spool").mails.at(4).envelope.recipients.size(), 99u);
    disk.files[path_of(1)][segment.offsets()[bad] + 9] ^= std::byte{1};
    const WalkedSpool walked = walk_spool(disk, "/spool");
    EXPECT_TRUE(walked.mails.empty());
    EXPECT_EQ(walked.findings.size(), 2u);
    EXPECT_TRUE(walked.found(FindingKind::damaged_mail, segment.offsets()[3]));
  }
}

TEST(SpoolReaderTest, DropsTheMailThatWasSilentLongest) {
  SegmentBuilder segment(1);
  const uint64_t first = segment.add_envelope({.mail_id = 1, .data = ""});
  segment.add_envelope({.mail_id = 2, .data = ""});
  for (uint64_t id = 0; id + 2 < core::kReaderOpenMailsMax; ++id) {
    segment.add_envelope({.mail_id = 1000 + id, .data = ""});
  }
  segment.add_data(2, "2");
  segment.add_mail({.mail_id = 3, .data = "3"});
  segment.add_end(2, 1, 1);
  MemoryDisk disk;
  disk.files[path_of(1)] = segment.octets();
  const WalkedSpool walked = walk_spool(disk, "/spool");
  EXPECT_EQ(walked.data, (std::map<uint64_t, std::string>{{2, "2"}, {3, "3"}}));
  ASSERT_EQ(walked.findings.size(), 1u);
  EXPECT_TRUE(walked.found(FindingKind::dropped_mail, first));
  EXPECT_EQ(walked.unaccepted, core::kReaderOpenMailsMax - 1);
}

TEST(SpoolReaderTest, AnUnfinishedTailIsNoFindingInTheLastSegmentWithARecordOnly) {
  MemoryDisk disk;
  const uint64_t count = 3;
  for (uint64_t number = 1; number <= count; ++number) {
    SegmentBuilder segment(number);
    segment.add_mail({.mail_id = number, .data = "data"});
    const uint64_t last = segment.add_data(100 + number, "torn");
    auto octets = segment.octets();
    octets[last + 34] ^= std::byte{1};
    disk.files[path_of(number)] = octets;
  }
  disk.files[path_of(count + 1)] = SegmentBuilder(count + 1).octets();  // made ahead
  const WalkedSpool walked = walk_spool(disk, "/spool");
  EXPECT_EQ(walked.mails.size(), count);
  ASSERT_EQ(walked.findings.size(), 2u);
  EXPECT_EQ(walked.findings[0].file, path_of(1));
  EXPECT_EQ(walked.findings[1].file, path_of(2));
  EXPECT_EQ(walked.segments[0].outcome.end, SegmentEnd::damaged_tail);
  EXPECT_EQ(walked.segments[1].outcome.end, SegmentEnd::damaged_tail);
  EXPECT_EQ(walked.segments[2].outcome.end, SegmentEnd::torn_tail);
}

TEST(SpoolReaderTest, UnusedSegmentsAreNoFinding) {
  MemoryDisk disk;
  for (uint64_t number = 1; number <= 20; ++number) {
    disk.files[path_of(number)] = std::vector<std::byte>(8192);
  }
  EXPECT_TRUE(walk_spool(disk, "/spool").findings.empty());
}

// While a disk takes no writes, each attempt to make a segment may leave a file.
TEST(SpoolReaderTest, FilesThatNeverBecameSegmentsMakeNoSegmentAFinishedOne) {
  SegmentBuilder live(1);
  live.add_mail({.mail_id = 1, .data = "data"});
  const uint64_t last = live.add_data(2, "on its way");
  MemoryDisk disk;
  disk.files[path_of(1)] = live.octets();
  disk.files[path_of(1)][last + 34] ^= std::byte{1};
  for (uint64_t number = 2; number <= 40; ++number) disk.files[path_of(number)] = {};
  const WalkedSpool walked = walk_spool(disk, "/spool");
  EXPECT_TRUE(walked.findings.empty());
  EXPECT_EQ(walked.segments[0].outcome.end, SegmentEnd::torn_tail);
}

// Retention takes a segment away while it is read, and its file is used again under another name.
TEST(SpoolReaderTest, ASegmentThatIsUsedAgainDuringTheWalkIsNoFinding) {
  for (const bool has_seal : {true, false}) {
    SegmentBuilder first(1);
    for (uint64_t id = 1; id < 1000; ++id) {
      first.add_mail({.mail_id = id, .data = std::string(4000, 'x')});
    }
    if (has_seal) first.add_seal();
    SegmentBuilder second(2);
    second.add_mail({.mail_id = 5000, .data = "5"});
    second.add_seal();
    SegmentBuilder third(3);
    third.add_mail({.mail_id = 5001, .data = "6"});
    MemoryDisk memory;
    memory.files[path_of(1)] = first.octets();
    memory.files[path_of(2)] = second.octets();
    memory.files[path_of(3)] = third.octets();
    const auto octets = third.octets();
    SpoolReader reader(memory, "/spool");
    SpoolVisit visit;
    std::vector<std::string> findings;
    uint64_t mails = 0;
    visit.mail = [&](const StoredMail& mail) {
      ++mails;
      if (mail.mail_id != 1) return true;
      auto& file = memory.files[path_of(1)];
      std::copy(octets.begin(), octets.end(), file.begin());
      std::fill(file.begin() + ptrdiff_t(octets.size()), file.end(), std::byte{0x55});
      EXPECT_TRUE(memory.rename(path_of(1), path_of(4)));
      return true;
    };
    visit.finding = [&](const Finding& finding) { findings.push_back(finding.what); };
    EXPECT_TRUE(reader.walk(visit));
    EXPECT_EQ(findings, std::vector<std::string>{});
    EXPECT_GT(mails, 2u);
    EXPECT_EQ(memory.open_count, 0u);
  }
}

// A server goes on in segment 2 while we are between the two: nothing seems to be missing.
TEST(SpoolReaderTest, AMailWrittenAcrossSegmentsDuringTheWalkIsNoDamage) {
  SegmentBuilder first(1);
  first.add_envelope({.mail_id = 5, .data = ""});
  const size_t seen = first.end();
  first.add_data(5, "begin ");
  first.add_seal();
  SegmentBuilder second(2);
  const size_t empty = second.end();
  second.add_data(5, "end");
  second.add_end(5, 9, 2);
  MemoryDisk memory;
  memory.files[path_of(1)] = first.octets();
  std::fill(memory.files[path_of(1)].begin() + ptrdiff_t(seen), memory.files[path_of(1)].end(),
            std::byte{0});
  memory.files[path_of(2)] = second.octets();
  std::fill(memory.files[path_of(2)].begin() + ptrdiff_t(empty), memory.files[path_of(2)].end(),
            std::byte{0});
  int looks =
      0;  // at the second segment: for the salt, before the first is walked, and behind that
  memory.before_open = [&](const std::string& path) {
    if (path != path_of(2) || ++looks < 3) return;
    memory.files[path_of(1)] = first.octets();
    memory.files[path_of(2)] = second.octets();
  };
  const WalkedSpool walked = walk_spool(memory, "/spool");
  EXPECT_TRUE(walked.findings.empty());
  EXPECT_EQ(walked.data.at(5), "begin end");
}

TEST(SpoolReaderTest, ASegmentThatIsGoneSinceItWasListedIsNoFinding) {
  MemoryDisk memory;
  memory.files[path_of(1)] = three_mails().octets();
  SegmentBuilder second(2);
  second.add_mail({.mail_id = 9, .data = "9"});
  memory.files[path_of(2)] = second.octets();
  memory.before_open = [&](const std::string&) { memory.files.erase(path_of(1)); };
  const WalkedSpool walked = walk_spool(memory, "/spool");
  EXPECT_TRUE(walked.findings.empty());
  EXPECT_EQ(walked.mails.size(), 1u);
}

// Mail 5 began in a segment that was removed; mail 6 has parts in one that was.
TEST(SpoolReaderTest, MailsThatBeganInRemovedSegmentsAreNoFinding) {
  SegmentBuilder second(2);
  second.add_data(5, "end");
  second.add_end(5, 9, 2);
  second.add_envelope({.mail_id = 6, .data = ""});
  second.add_mail({.mail_id = 7, .data = "seven"});
  second.add_seal();
  SegmentBuilder fourth(4);
  fourth.add_data(6, "end");
  fourth.add_end(6, 9, 2);
  fourth.add_mail({.mail_id = 8, .data = "eight"});
  MemoryDisk disk;
  disk.files[path_of(2)] = second.octets();
  disk.files[path_of(4)] = fourth.octets();
  const WalkedSpool walked = walk_spool(disk, "/spool");
  EXPECT_TRUE(walked.findings.empty());
  EXPECT_EQ(walked.data, (std::map<uint64_t, std::string>{{7, "seven"}, {8, "eight"}}));
}

TEST(SpoolReaderTest, WithAllSegmentsThereMissingRecordsAreDamage) {
  SegmentBuilder first(1);
  first.add_data(5, "end");
  const uint64_t end = first.add_end(5, 9, 2);
  MemoryDisk disk;
  disk.files[path_of(1)] = first.octets();
  EXPECT_TRUE(walk_spool(disk, "/spool").found(FindingKind::damaged_mail, end));
}

TEST(SpoolReaderTest, ReadDataNoticesWhatChangedSinceTheWalk) {
  MemoryDisk disk;
  SegmentBuilder segment(1);
  segment.add_mail({.mail_id = 1, .data = "data"});
  disk.files[path_of(1)] = segment.octets();
  SpoolReader reader(disk, "/spool");
  std::optional<core::Error> error;
  SpoolVisit visit;
  visit.mail = [&](const StoredMail& mail) {
    disk.files[path_of(1)][mail.extents[0].offset] ^= std::byte{1};
    const auto read = reader.read_data(mail, [](core::Octets) { return core::Result<void>{}; });
    if (!read) error = read.error();
    return true;
  };
  ASSERT_TRUE(reader.walk(visit));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, core::Errc::corrupt);
}

TEST(SpoolReaderTest, FailsOnlyIfTheSpoolCannotBeListed) {
  MemoryDisk disk;
  SpoolReader reader(disk, "/nowhere");
  EXPECT_FALSE(reader.walk({}));
}

// The worked example and another mail: a segment of each format version that was ever written,
// which later versions must still read. MAILRACE_WRITE_GOLDEN=1 writes the files anew.
class GoldenSegmentTest : public testing::TestWithParam<uint32_t> {};

TEST_P(GoldenSegmentTest, IsReadAndWrittenOctetForOctet) {
  const char* const path = kGoldenPaths[GetParam() - 1];
  SegmentBuilder segment(1, 0, GetParam() == 1 ? 0 : tests::kWorkedExampleSalt, GetParam());
  segment.add_mail(tests::worked_example_mail());
  segment.add_mail({.mail_id = 2, .forward_paths = {"x@y", "z@y"}, .data = "two, in pieces"}, 5);
  if (GetParam() > 1) segment.add_mark(kSegmentHeadBytes);
  GetParam() < 3 ? segment.add_seal() : segment.add_footer();
  if (std::getenv("MAILRACE_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << core::as_text(segment.octets());
  }
  std::ifstream file(path, std::ios::binary);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(golden == core::as_text(segment.octets()));

  MemoryDisk disk;
  const auto octets = core::as_octets(golden);
  disk.files[path_of(1)] = {octets.begin(), octets.end()};
  const WalkedSpool walked = walk_spool(disk, "/spool");
  EXPECT_TRUE(walked.findings.empty());
  ASSERT_EQ(walked.segments.size(), 1u);
  EXPECT_EQ(walked.segments[0].outcome.end, SegmentEnd::sealed);
  EXPECT_EQ(walked.data, (std::map<uint64_t, std::string>{{1, "hello"}, {2, "two, in pieces"}}));
  EXPECT_EQ(tests::forward_paths_of(walked.mails.at(1).envelope),
            (std::vector<std::string>{"b@example.com", "c@example.com"}));
  EXPECT_EQ(walked.mails.at(1).envelope.helo, "client.example.org");
}

INSTANTIATE_TEST_SUITE_P(Versions, GoldenSegmentTest, testing::Values(1u, 2u, 3u));

}  // namespace
}  // namespace mailrace::spool
