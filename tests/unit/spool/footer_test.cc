// SPDX-License-Identifier: GPL-3.0-or-later
// A footer stands for its segment only if all of it checks; the index finds what it names.
#include "spool/footer.h"

#include "spool/follower.h"
#include "spool/group_commit.h"
#include "spool/recovery.h"
#include "tests/sim/sim_file.h"
#include "tests/support/memory_disk.h"
#include "tests/support/segment_builder.h"
#include "tests/support/walked_spool.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;
using tests::SegmentBuilder;

constexpr uint64_t kSalt = 0x5a17;

std::string path_of(uint64_t number) { return segment_path("/spool", 0, number); }

SegmentBuilder sealed(uint64_t number) {
  SegmentBuilder segment(number, 0, kSalt);
  segment.add_mail({.mail_id = 10 * number, .data = "first"});
  segment.add_envelope({.mail_id = 10 * number + 9, .data = ""});  // never accepted
  segment.add_mail({.mail_id = 10 * number + 1, .data = "second mail"});
  segment.add_mark(kSegmentHeadBytes);
  segment.add_footer();
  return segment;
}

std::optional<Footer> footer_of(const std::vector<std::byte>& octets, uint64_t number) {
  MemoryDisk disk;
  disk.files[path_of(number)] = octets;
  const auto file = disk.open(path_of(number), /*writable=*/false);
  const auto footer = read_footer(disk, *file, number);
  disk.close(*file);
  return footer;
}

TEST(FooterTest, SaysWhatIsInTheSegment) {
  const SegmentBuilder segment = sealed(3);
  const auto footer = footer_of(segment.octets(), 3);
  ASSERT_TRUE(footer);
  EXPECT_EQ(footer->seal.mails, 2u);
  EXPECT_EQ(footer->seal.data_bytes, 16u);
  EXPECT_EQ(footer->seal.first_ended, 30u);
  EXPECT_EQ(footer->seal.last_ended, 31u);
  EXPECT_EQ(footer->mail_id_max(), 39u);
  EXPECT_EQ(footer->seal.index_entries, 2u);
  EXPECT_EQ(footer->end, segment.end());
}

// The head, and all that the last write wrote. Whatever else is damaged, verify finds.
TEST(FooterTest, EveryFlippedOctetOfHeadMarkAndSealIsNoticed) {
  const SegmentBuilder segment = sealed(1);
  const auto footer = footer_of(segment.octets(), 1);
  ASSERT_TRUE(footer);
  for (uint64_t at = 0; at < segment.end(); ++at) {
    auto octets = segment.octets();
    octets[at] ^= std::byte{0x40};
    const bool covered = at < 72 || at >= footer->seal.began_at;
    EXPECT_EQ(footer_of(octets, 1).has_value(), !covered) << at;
  }
}

TEST(FooterTest, NoPartOfAFileIsOne) {
  const SegmentBuilder segment = sealed(1);
  for (uint64_t bytes = 0; bytes < segment.end(); ++bytes) {
    auto octets = segment.octets();
    octets.resize(bytes);
    EXPECT_FALSE(footer_of(octets, 1)) << bytes;
  }
}

TEST(FooterTest, IsFoundBehindTheLastWholeBlock) {
  for (uint64_t odd = 0; odd < core::kBlockBytes; odd += 509) {
    SegmentBuilder segment(1, 0, kSalt);
    segment.add_mail({.mail_id = 1, .data = "some"});
    // A mark up to where mark and seal fill the block.
    constexpr uint64_t kSealWriteBytes = record_bytes(kMarkBodyBytes) + kSealRecordBytes;
    constexpr uint64_t kIndexBytes = record_bytes(kIndexEntryBytes);
    const uint64_t end = 2 * core::kBlockBytes - kSealWriteBytes - kIndexBytes;
    std::vector<std::byte> mark(end - segment.end() - core::kRecordHeaderBytes);
    segment.add(RecordType::mark, 0, mark);
    segment.add_footer();
    ASSERT_EQ(segment.end(), 2 * core::kBlockBytes);
    auto octets = segment.octets();
    octets.resize(octets.size() + odd, std::byte{0xee});
    EXPECT_TRUE(footer_of(octets, 1)) << odd;
  }
}

// What an earlier tenant left is whole, but of another generation or spool.
TEST(FooterTest, StaleOnesNeverCount) {
  EXPECT_TRUE(footer_of(sealed(7).octets(), 7));
  EXPECT_FALSE(footer_of(sealed(7).octets(), 8));
  auto octets = sealed(7).octets();
  std::array<std::byte, kSegmentHeadBytes> head;
  for (const SegmentHead& other :
       {SegmentHead{.generation = 8, .salt = kSalt}, SegmentHead{.generation = 7, .salt = 1},
        SegmentHead{.generation = 7, .salt = kSalt, .version = 2},
        SegmentHead{.generation = 7, .salt = 0}}) {
    encode_segment_head(head, other);
    std::copy(head.begin(), head.end(), octets.begin());
    EXPECT_FALSE(footer_of(octets, other.generation));
  }
}

TEST(FooterTest, SealsOfEarlierVersionsAreNone) {
  SegmentBuilder segment(1, 0, kSalt);
  segment.add_mail({.mail_id = 1, .data = "some"});
  segment.add_mark(kSegmentHeadBytes);
  segment.add_seal();
  EXPECT_FALSE(footer_of(segment.octets(), 1));
}

// A seal whose mark does not say that all before it had landed proves nothing.
TEST(FooterTest, TheMarkBeforeTheSealVouchesForEverything) {
  for (const bool landed : {false, true}) {
    SegmentBuilder segment(1, 0, kSalt);
    const uint64_t began_at = segment.add_mark(landed ? kSegmentHeadBytes : kSegmentHeadBytes - 8);
    std::array<std::byte, kSealBodyBytes> body{};
    encode_seal(body.data(), {.records = 1, .began_at = began_at});
    segment.add(RecordType::seal, 0, body);
    EXPECT_EQ(footer_of(segment.octets(), 1).has_value(), landed);
  }
}

// --- footers and recovery ------------------------------------------------------------------------

TEST(FooterTest, RecoveryReadsOnlyWhatHasNone) {
  MemoryDisk disk;
  disk.files[path_of(1)] = sealed(1).octets();
  disk.files[path_of(2)] = sealed(2).octets();
  // The octets between the ends of a sealed segment are not looked at.
  auto& middle = disk.files[path_of(2)];
  std::fill(middle.begin() + 4096, middle.begin() + 4200, std::byte{0x77});
  SegmentBuilder tail(3, 0, kSalt);
  tail.add_end(19, 1000, 1);  // began in a segment that is not read
  tail.add_mail({.mail_id = 30, .data = "in the tail"});
  tail.add_mark(kSegmentHeadBytes);
  const uint64_t end = tail.end();
  tail.allocate(end + 100'000);
  disk.files[path_of(3)] = tail.octets();
  const auto recovery = recover(disk, "/spool");
  ASSERT_TRUE(recovery);
  EXPECT_EQ(recovery->segments_read, 1u);
  EXPECT_EQ(recovery->findings_count, 0u);
  EXPECT_EQ(recovery->tails_cut, 1u);
  EXPECT_EQ(disk.files[path_of(3)].size(), end);
  EXPECT_EQ(recovery->workers[0].mails, 6u);
  EXPECT_EQ(recovery->workers[0].octets, 16u + 16u + 1000u + 11u);
  EXPECT_EQ(recovery->workers[0].last_mail_id, 30u);
  EXPECT_EQ(recovery->workers[0].next_segment, 4u);
  EXPECT_EQ(recovery->workers[0].salt, kSalt);
  EXPECT_EQ(disk.open_count, 0u);
}

TEST(FooterTest, RecoveryKnowsTheGreatestIdOfAFooter) {
  MemoryDisk disk;
  disk.files[path_of(4)] = sealed(4).octets();
  const auto recovery = recover(disk, "/spool");
  EXPECT_EQ(recovery->segments_read, 0u);
  EXPECT_EQ(recovery->workers[0].last_mail_id, 49u);
  EXPECT_EQ(recovery->workers[0].next_segment, 5u);
}

TEST(FooterTest, RecoveryReadsASegmentWhoseFooterDoesNotCheck) {
  MemoryDisk disk;
  auto& octets = disk.files[path_of(1)] = sealed(1).octets();
  octets[octets.size() - 1] ^= std::byte{1};
  const auto recovery = recover(disk, "/spool");
  EXPECT_EQ(recovery->segments_read, 1u);
  EXPECT_EQ(recovery->workers[0].mails, 2u);
}

// --- the index -----------------------------------------------------------------------------------

TEST(FooterTest, TheIndexFindsAMailAndItsRecords) {
  MemoryDisk disk;
  for (uint64_t number = 1; number <= 5; ++number) {
    disk.files[path_of(number)] = sealed(number).octets();
  }
  const auto place = find_in_index(disk, "/spool", 0, 31);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->first_segment, 3u);
  EXPECT_EQ(place->end.segment, 3u);
  const auto mail = find_mail(disk, "/spool", *place);
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->data_bytes, 11u);
  EXPECT_FALSE(find_in_index(disk, "/spool", 0, 39));
  EXPECT_FALSE(find_in_index(disk, "/spool", 0, 60));
  EXPECT_FALSE(find_in_index(disk, "/spool", 1, 31));
  EXPECT_EQ(disk.open_count, 0u);
}

TEST(FooterTest, ADamagedIndexNamesNothing) {
  MemoryDisk disk;
  auto& octets = disk.files[path_of(1)] = sealed(1).octets();
  const auto footer = footer_of(octets, 1);
  octets[footer->seal.index_at + core::kRecordHeaderBytes + 5] ^= std::byte{1};
  EXPECT_TRUE(footer_of(octets, 1));
  EXPECT_FALSE(find_in_index(disk, "/spool", 0, 10));
}

// What a footer says, but with checksums that are right: only who reads the segment can tell.
TEST(FooterTest, AReaderComparesTheFooterWithTheRecords) {
  struct Case {
    const char* what;
    std::function<void(SealBody&, IndexEntry&)> change;
  };
  const Case cases[] = {
      {nullptr, [](SealBody&, IndexEntry&) {}},
      {"record.seal", [](SealBody& seal, IndexEntry&) { ++seal.mails; }},
      {"seal.summary", [](SealBody& seal, IndexEntry&) { ++seal.data_bytes; }},
      {"seal.summary", [](SealBody& seal, IndexEntry&) { ++seal.mail_id_max; }},
      {"seal.summary", [](SealBody& seal, IndexEntry&) { --seal.first_ended; }},
      {"seal.summary", [](SealBody& seal, IndexEntry&) { ++seal.last_ended; }},
      {"seal.summary", [](SealBody& seal, IndexEntry&) { seal.index_at += 8; }},
      {"seal.summary", [](SealBody& seal, IndexEntry&) { --seal.index_entries; }},
      {"seal.summary", [](SealBody& seal, IndexEntry&) { seal.began_at -= 8; }},
      {"index.entry", [](SealBody&, IndexEntry& entry) { ++entry.mail_id; }},
      {"index.entry", [](SealBody&, IndexEntry& entry) { entry.end_offset += 8; }},
  };
  for (const Case& row : cases) {
    SegmentBuilder segment(1, 0, kSalt);
    segment.add_mail({.mail_id = 10, .data = "hello"});
    IndexEntry entry{10, segment.offsets().back(), 1};
    SealBody seal{.mails = 1,
                  .records = 5,
                  .data_bytes = 5,
                  .mail_id_max = 10,
                  .first_ended = 10,
                  .last_ended = 10,
                  .index_at = segment.end(),
                  .index_entries = 1};
    seal.began_at = segment.end() + record_bytes(kIndexEntryBytes);
    row.change(seal, entry);
    std::array<std::byte, kIndexEntryBytes> index{};
    encode_index_entry(index.data(), entry);
    segment.add(RecordType::index, 0, index);
    segment.add_mark(segment.end());
    std::array<std::byte, kSealBodyBytes> body{};
    encode_seal(body.data(), seal);
    segment.add(RecordType::seal, 0, body);
    MemoryDisk disk;
    disk.files[path_of(1)] = segment.octets();
    const auto walked = tests::walk_spool(disk, "/spool");
    ASSERT_EQ(walked.findings.size(), row.what == nullptr ? 0u : 1u);
    if (row.what != nullptr) {
      EXPECT_EQ(std::string(walked.findings[0].what), row.what);
    }
    EXPECT_EQ(walked.mails.size(), 1u);
  }
}

// --- footers as the log writes them --------------------------------------------------------------

class FooterLogTest : public testing::TestWithParam<size_t> {
 protected:
  void open(uint64_t segment_bytes) {
    files_.block = GetParam();
    files_.faults.delay_max = 0;
    SpoolOptions options{.directory = "/spool/worker-0000", .salt = kSalt};
    options.segment_bytes = segment_bytes;
    log_.emplace(files_, chunks_, options,
                 GroupCommitEvents{
                     this, [](void*) {}, [](void*, const Chunk&, const core::Error&) {},
                     [](void*, const core::Error&) {}, [](void*, const Chunk&) { return false; }});
    settle();
  }
  // A mail of an end record, and of data before it.
  void append(uint64_t mail_id, size_t data_bytes) {
    Chunk& chunk = *chunks_.take();
    chunk.mail_id = mail_id;
    chunk.open_record();
    std::memset(chunk.tail(), 'x', data_bytes);
    chunk.bytes += uint32_t(data_bytes);
    chunk.close_record(RecordType::data);
    chunk.open_record();
    encode_end(chunk.tail(), {.data_bytes = data_bytes});
    chunk.bytes += uint32_t{kEndBodyBytes};
    chunk.close_record(RecordType::end);
    chunk.begins_mail = true;
    chunk.ends_mail = true;
    chunk.mail_data_bytes = data_bytes;
    log_->append(chunk);
  }
  void settle() {
    for (log_->flush({1}, {1}); files_.pending() > 0; log_->flush({1}, {1})) files_.complete(0);
  }
  void close() {
    log_->close();
    settle();
    ASSERT_TRUE(log_->closed());
    EXPECT_TRUE(files_.violations().empty());
    disk_.files = files_.cached();
  }
  std::optional<Footer> footer(uint64_t number) {
    const auto& octets = disk_.files[path_of(number)];
    return footer_of(octets, number);
  }

  SegmentOutcome scan(uint64_t number) {
    const auto file = disk_.open(path_of(number), /*writable=*/false);
    SegmentReader reader(disk_, *file, {.generation = number});
    while (reader.next() != SegmentReader::Step::end) {
    }
    disk_.close(*file);
    return reader.outcome();
  }

  tests::SimFile files_{/*seed=*/1};
  ChunkPool chunks_{2000};
  std::optional<GroupCommit> log_;
  MemoryDisk disk_;
};

TEST_P(FooterLogTest, EverySealedSegmentHasOneAndAFullOneKeepsItsLength) {
  constexpr uint64_t kBytes = (256 << 10) + 4096 + 8;
  open(kBytes);
  uint64_t mails = 0;
  for (size_t size = 8; size < 15'000; size += 97) {
    append(++mails, size);
    settle();
  }
  close();
  uint64_t named = 0;
  uint64_t full = 0;
  for (const auto& [path, octets] : disk_.files) {
    const auto number = parse_segment_file_name(path.substr(path.rfind('/') + 1));
    if (!number || octets.size() <= kSegmentHeadBytes) continue;  // made ahead
    const auto footer = footer_of(octets, *number);
    ASSERT_TRUE(footer) << path;
    named += footer->seal.index_entries;
    EXPECT_EQ(scan(footer->head.generation).damages, 0u);
    EXPECT_EQ(scan(footer->head.generation).end, SegmentEnd::sealed);
    if (octets.size() == kBytes) ++full;
  }
  EXPECT_EQ(named, mails);
  EXPECT_GE(full, 4u);
}

TEST_P(FooterLogTest, AnIndexOfManyRecordsNamesTheFirstMails) {
  constexpr uint64_t kMails = core::kIndexEntriesMax + 5000;
  open(32 << 20);
  for (uint64_t mail = 1; mail <= kMails; ++mail) {
    append(mail, 8);
    if (mail % 500 == 0) settle();
  }
  close();
  const auto found = footer(1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->seal.mails, kMails);
  EXPECT_EQ(found->seal.index_entries, core::kIndexEntriesMax);
  EXPECT_EQ(found->seal.last_ended, kMails);
  for (const uint64_t id : {uint64_t{1}, uint64_t{core::kIndexEntriesMax}}) {
    const auto place = find_in_index(disk_, "/spool", 0, id);
    ASSERT_TRUE(place) << id;
    EXPECT_EQ(place->mail_id, id);
  }
  EXPECT_FALSE(find_in_index(disk_, "/spool", 0, kMails));
  EXPECT_EQ(scan(1).damages, 0u);
  EXPECT_EQ(scan(1).end, SegmentEnd::sealed);
}

TEST_P(FooterLogTest, TheSealIsWrittenWhenEverythingElseHasLanded) {
  open(1 << 20);
  append(1, 100);
  log_->close();
  log_->flush({1}, {1});
  ASSERT_EQ(files_.pending(), 1u);  // mail, index and mark
  log_->flush({1}, {1});
  EXPECT_EQ(files_.pending(), 1u);
  files_.complete(0);
  log_->flush({1}, {1});
  ASSERT_EQ(files_.pending(), 1u);
  files_.complete(0, tests::SimFile::Ending::io_error);
  settle();
  EXPECT_TRUE(log_->closed());
  disk_.files = files_.cached();
  EXPECT_FALSE(footer(1)) << "a seal that failed is cut off";
  EXPECT_EQ(scan(1).damages, 0u);
  EXPECT_EQ(scan(1).mails, 1u);
  EXPECT_EQ(scan(1).end, SegmentEnd::open_tail);
}

INSTANTIATE_TEST_SUITE_P(Blocks, FooterLogTest, testing::Values(size_t{1}, core::kBlockBytes));

}  // namespace
}  // namespace mailrace::spool
