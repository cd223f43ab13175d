// SPDX-License-Identifier: GPL-3.0-or-later
// One segment, whole, torn, damaged or forged: what the reader finds and how it goes on.
#include "spool/reader.h"

#include "core/base/limits.h"
#include "spool/segment.h"
#include "tests/support/memory_disk.h"
#include "tests/support/segment_builder.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using tests::MemoryDisk;
using tests::SegmentBuilder;
using Step = SegmentReader::Step;

struct Walked {
  std::vector<uint64_t> sequences;
  std::vector<std::string> bodies;
  std::vector<Damage> damages;
  SegmentOutcome outcome;
};

void walk_on(SegmentReader& reader, Walked& walked) {
  for (;;) {
    const Step step = reader.next();
    if (step == Step::end) break;
    if (step == Step::damage) {
      walked.damages.push_back(reader.damage());
      continue;
    }
    walked.sequences.push_back(reader.record().header.sequence);
    walked.bodies.emplace_back(core::as_text(reader.record().body));
  }
  walked.outcome = reader.outcome();
}

Walked walk(MemoryDisk& disk, ReaderOptions options) {
  const auto file = disk.open("s", false);
  SegmentReader reader(disk, *file, std::move(options));
  Walked walked;
  walk_on(reader, walked);
  disk.close(*file);
  return walked;
}

Walked walk(const std::vector<std::byte>& octets, uint64_t generation = 1) {
  MemoryDisk disk;
  disk.files["s"] = octets;
  return walk(disk, {.generation = generation});
}

// Records of 0, 1, 2 ... octets, so that every padding occurs.
SegmentBuilder stairs(uint64_t generation, size_t count) {
  SegmentBuilder segment(generation);
  for (size_t i = 0; i < count; ++i) segment.add_data(7, std::string(i, char('a' + i)));
  return segment;
}

TEST(SegmentReaderTest, ReadsAllRecordsUpToTheSeal) {
  SegmentBuilder segment = stairs(1, 20);
  segment.add_seal();
  const uint64_t end = segment.end();
  segment.allocate(end + 4096);
  const Walked walked = walk(segment.octets());
  EXPECT_TRUE(walked.damages.empty());
  ASSERT_EQ(walked.sequences.size(), 21u);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(walked.sequences[i], i);
    EXPECT_EQ(walked.bodies[i], std::string(i, char('a' + i)));
  }
  EXPECT_EQ(walked.outcome.end, SegmentEnd::sealed);
  EXPECT_EQ(walked.outcome.valid_bytes, end);
  EXPECT_EQ(walked.outcome.mail_id_max, 7u);
}

TEST(SegmentReaderTest, ReadsBodiesOfEverySizeAcrossTheBuffer) {
  SegmentBuilder segment(1);
  std::vector<std::string> bodies;
  for (const size_t size : {size_t{0}, size_t{700'000}, size_t{1} << 20, size_t{8}, size_t{1} << 20,
                            (size_t{1} << 20) - 1, size_t{32}}) {
    bodies.emplace_back(size, 'x');
    segment.add_data(1, bodies.back());
  }
  const Walked walked = walk(segment.octets());
  EXPECT_EQ(walked.bodies, bodies);
  EXPECT_TRUE(walked.damages.empty());
  EXPECT_EQ(walked.outcome.end, SegmentEnd::open_tail);
}

TEST(SegmentReaderTest, ATailTornAtAnyOctetLosesOnlyTheLastRecord) {
  const SegmentBuilder segment = stairs(1, 20);
  const uint64_t last = segment.offsets().back();
  const uint64_t body_end = last + core::kRecordHeaderBytes + 19;
  for (uint64_t size = last; size <= segment.end(); ++size) {
    for (const bool allocated : {false, true}) {
      auto octets = segment.octets();
      octets.resize(size);
      if (allocated) octets.resize(segment.end() + 8192);
      const Walked walked = walk(octets);
      const bool whole = size >= body_end;
      EXPECT_TRUE(walked.damages.empty()) << size;
      EXPECT_EQ(walked.outcome.records, whole ? 20u : 19u) << size;
      EXPECT_EQ(walked.outcome.valid_bytes, whole ? segment.end() : last) << size;
      const bool open = whole || size == last;
      EXPECT_EQ(walked.outcome.end, open ? SegmentEnd::open_tail : SegmentEnd::torn_tail) << size;
    }
  }
}

TEST(SegmentReaderTest, GarbageBehindTheLastRecordIsATornTail) {
  SegmentBuilder segment = stairs(1, 3);
  auto octets = segment.octets();
  for (int i = 0; i < 3000; ++i) octets.push_back(std::byte(i * 37 + 1));
  const Walked walked = walk(octets);
  EXPECT_TRUE(walked.damages.empty());
  EXPECT_EQ(walked.outcome.end, SegmentEnd::torn_tail);
  EXPECT_EQ(walked.outcome.valid_bytes, segment.end());
}

TEST(SegmentReaderTest, GoesOnBehindABadRecordWithItsPlaceReported) {
  const SegmentBuilder segment = stairs(1, 20);
  for (size_t bad = 0; bad + 1 < 20; ++bad) {
    auto octets = segment.octets();
    octets[segment.offsets()[bad] + 3] ^= std::byte{1};
    const Walked walked = walk(octets);
    ASSERT_EQ(walked.damages.size(), 1u) << bad;
    EXPECT_EQ(walked.damages[0].offset, segment.offsets()[bad]);
    EXPECT_EQ(walked.damages[0].resumed_at, segment.offsets()[bad + 1]);
    EXPECT_EQ(std::string(walked.damages[0].what), "record.header_crc");
    EXPECT_EQ(walked.sequences.size(), 19u);
    EXPECT_EQ(walked.outcome.end, SegmentEnd::open_tail);
  }
}

TEST(SegmentReaderTest, AHoleOfZerosWithRecordsBehindItIsDamage) {
  SegmentBuilder segment = stairs(1, 20);
  auto octets = segment.octets();
  std::fill(octets.begin() + ptrdiff_t(segment.offsets()[4]),
            octets.begin() + ptrdiff_t(segment.offsets()[9]), std::byte{0});
  const Walked walked = walk(octets);
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(walked.damages[0].offset, segment.offsets()[4]);
  EXPECT_EQ(walked.damages[0].resumed_at, segment.offsets()[9]);
  EXPECT_TRUE(walked.damages[0].records_lost);
  EXPECT_EQ(walked.outcome.records, 15u);
}

TEST(SegmentReaderTest, AMissingSequenceNumberIsDamage) {
  SegmentBuilder segment = stairs(1, 3);
  auto octets = segment.octets();
  octets.erase(octets.begin() + ptrdiff_t(segment.offsets()[1]),
               octets.begin() + ptrdiff_t(segment.offsets()[2]));
  octets.resize(octets.size() + 4096);
  // The third record stands where only the second can; it is whole, so it is nothing to cut either.
  const Walked walked = walk(octets);
  EXPECT_EQ(walked.outcome.records, 1u);
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(std::string(walked.damages[0].what), "record.sequence");
  EXPECT_EQ(walked.outcome.end, SegmentEnd::damaged_tail);
}

TEST(SegmentReaderTest, GoesOnBehindAGapInTheSequence) {
  SegmentBuilder segment = stairs(1, 20);
  auto octets = segment.octets();
  octets.erase(octets.begin() + ptrdiff_t(segment.offsets()[17]),
               octets.begin() + ptrdiff_t(segment.offsets()[18]));
  const Walked walked = walk(octets);
  EXPECT_EQ(walked.outcome.records, 19u);
  EXPECT_EQ(walked.sequences.back(), 19u);
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(walked.damages[0].offset, segment.offsets()[17]);
  EXPECT_TRUE(walked.damages[0].records_lost);
}

TEST(SegmentReaderTest, RecordsOfAnOlderGenerationAreNeverRead) {
  SegmentBuilder older = stairs(1, 30);
  SegmentBuilder newer = stairs(2, 4);
  auto octets = older.octets();
  std::copy(newer.octets().begin(), newer.octets().end(), octets.begin());
  const Walked walked = walk(octets, 2);
  EXPECT_EQ(walked.outcome.records, 4u);
  EXPECT_TRUE(walked.damages.empty());
  EXPECT_EQ(walked.outcome.end, SegmentEnd::torn_tail);
  EXPECT_EQ(walked.outcome.valid_bytes, newer.end());
}

// A whole segment as mail data: a sender knows the format, and may guess the generation.
TEST(SegmentReaderTest, ForgedRecordsInsideABadBodyAreSkippedWithIt) {
  SegmentBuilder forged = stairs(1, 200);
  SegmentBuilder segment(1);
  segment.add_data(1, "first");
  segment.add_data(1, core::as_text(core::Octets(forged.octets()).subspan(kSegmentHeadBytes)));
  segment.add_data(1, "third");
  auto octets = segment.octets();
  octets[segment.offsets()[2] - 20] ^= std::byte{1};  // in the body
  const Walked walked = walk(octets);
  EXPECT_EQ(walked.bodies, (std::vector<std::string>{"first", "third"}));
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(std::string(walked.damages[0].what), "record.body_crc");
}

TEST(SegmentReaderTest, AForgedHighSequenceHidesNoRealRecord) {
  std::array<std::byte, 32 + 8> forged{};
  encode_record(forged, RecordType::data, 99, core::Octets(forged).subspan(32));
  SegmentBuilder segment(1);
  for (int i = 0; i < 10; ++i) segment.add_data(1, "0123456789");
  place_record(forged.data(), SegmentKey(1), /*sequence=*/15);
  const uint64_t carrier = segment.add_data(1, core::as_text(forged));
  for (int i = 0; i < 10; ++i) segment.add_data(1, "0123456789");
  auto octets = segment.octets();
  octets[carrier] ^= std::byte{1};  // the header, so the length of the body is not known
  const Walked walked = walk(octets);
  EXPECT_EQ(walked.sequences.back(), 20u);
  EXPECT_EQ(walked.outcome.records,
            10u + 1u + 10u);  // the forged one cannot be told from real ones
  EXPECT_EQ(walked.outcome.end, SegmentEnd::open_tail);
}

// Three writes of two mails each; the second did not land, the third did.
struct Hole {
  SegmentBuilder segment{1};
  std::vector<std::byte> octets;
  uint64_t begin = 0;

  explicit Hole(uint64_t durable_in_third) {
    const auto write = [this](uint64_t first, uint64_t durable) {
      segment.add_data(first, "one");
      segment.add_data(first + 1, "two");
      return segment.add_mark(durable);
    };
    write(1, kSegmentHeadBytes);
    begin = segment.end();
    write(3, begin);
    const uint64_t end = segment.end();
    write(5, durable_in_third == 0 ? begin : end);
    segment.allocate(1 << 20);
    octets = segment.octets();
    std::fill(octets.begin() + std::ptrdiff_t(begin), octets.begin() + std::ptrdiff_t(end),
              std::byte{0});
  }

  Walked walk(bool unfinished) const {
    MemoryDisk disk;
    disk.files["s"] = octets;
    return spool::walk(disk, {.generation = 1, .unfinished = unfinished});
  }
};

TEST(SegmentReaderTest, AHoleThatNobodyWasPromisedEndsTheSegment) {
  const Hole hole(/*durable_in_third=*/0);
  const Walked walked = hole.walk(/*unfinished=*/true);
  EXPECT_EQ(walked.outcome.end, SegmentEnd::torn_tail);
  EXPECT_EQ(walked.outcome.valid_bytes, hole.begin);
  EXPECT_EQ(walked.outcome.records, 3u);
  EXPECT_TRUE(walked.damages.empty());
}

TEST(SegmentReaderTest, AHoleInWhatHadLandedIsDamage) {
  const Hole hole(/*durable_in_third=*/1);
  const Walked walked = hole.walk(/*unfinished=*/true);
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(walked.damages[0].offset, hole.begin);
  EXPECT_EQ(walked.outcome.records, 6u);  // what lies behind it is read
}

// A crash tore the last write: its seal landed, its mark did not.
TEST(SegmentReaderTest, AHoleInFrontOfASealIsDamage) {
  SegmentBuilder segment(1, 0, /*salt=*/9);
  segment.add_mail({.mail_id = 1, .data = "one"});
  segment.add_mail({.mail_id = 2, .data = "two"});
  segment.add_mark(kSegmentHeadBytes);
  segment.add_footer();
  MemoryDisk disk;
  auto& octets = disk.files["s"];
  octets = segment.octets();
  octets[segment.offsets()[1]] ^= std::byte{1};
  std::fill_n(octets.begin() + std::ptrdiff_t(segment.offsets()[8]), 32, std::byte{0});
  const Walked walked = walk(disk, {.generation = 1, .unfinished = true});
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(walked.damages[0].offset, segment.offsets()[1]);
  EXPECT_EQ(walked.outcome.records, 7u);  // but the one that is bad, and what the crash tore
  EXPECT_EQ(walked.outcome.end, SegmentEnd::torn_tail);
}

// A segment that was used before, full of valid records: they are told from a torn write of ours.
TEST(SegmentReaderTest, WhatAnEarlierTenantLeftIsNoRecord) {
  constexpr uint64_t kSalt = 9;
  SegmentBuilder old(1, 0, kSalt);
  for (uint64_t mail = 1; mail < 200; ++mail) old.add_data(mail, std::string(mail, 'o'));
  SegmentBuilder fresh(5, 0, kSalt);
  std::vector<size_t> ends = {fresh.octets().size()};
  for (uint64_t mail = 1000; mail < 1040; ++mail) {
    fresh.add_data(mail, std::string(mail % 37, 'n'));
    ends.push_back(fresh.octets().size());
  }
  for (size_t records = 0; records < ends.size(); ++records) {
    MemoryDisk disk;
    auto& octets = disk.files["s"] = old.octets();
    std::copy_n(fresh.octets().begin(), ends[records], octets.begin());
    const Walked walked = walk(disk, {.generation = 5});
    EXPECT_EQ(walked.outcome.records, records);
    EXPECT_EQ(walked.outcome.end, SegmentEnd::stale_tail);
    EXPECT_EQ(walked.outcome.tail_generation, 1u);
    EXPECT_EQ(walked.outcome.valid_bytes, ends[records]);
    EXPECT_TRUE(walked.damages.empty());
  }
  // The header came down, its body did not.
  MemoryDisk disk;
  auto& octets = disk.files["s"] = old.octets();
  std::copy_n(fresh.octets().begin(), ends[30] + 33, octets.begin());
  EXPECT_EQ(walk(disk, {.generation = 5}).outcome.end, SegmentEnd::torn_tail);
}

// The disk said that a write was done, and it never was: damage, and its cause is told from others.
TEST(SegmentReaderTest, AnEarlierTenantInTheMiddleIsALostWrite) {
  constexpr uint64_t kSalt = 9;
  SegmentBuilder old(1, 0, kSalt);
  for (uint64_t mail = 1; mail < 200; ++mail) old.add_data(mail, std::string(20, 'o'));
  SegmentBuilder fresh(5, 0, kSalt);
  for (uint64_t mail = 1000; mail < 1040; ++mail) fresh.add_data(mail, std::string(100, 'n'));
  MemoryDisk disk;
  auto& octets = disk.files["s"] = fresh.octets();
  const auto lost = ptrdiff_t(fresh.offsets()[10]);
  std::copy_n(old.octets().begin() + lost, 5 * 136, octets.begin() + lost);
  const Walked walked = walk(disk, {.generation = 5});
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(std::string(walked.damages[0].what), "record.generation");
  EXPECT_EQ(walked.damages[0].offset, fresh.offsets()[10]);
  EXPECT_EQ(walked.damages[0].resumed_at, fresh.offsets()[15]);
  EXPECT_EQ(walked.outcome.records, 35u);
}

TEST(SegmentReaderTest, AnyHeadOfTheSpoolTellsTheSaltOfADamagedOne) {
  SegmentBuilder segment(5, 0, /*salt=*/9);
  segment.add_data(1, "one");
  auto octets = segment.octets();
  octets[3] ^= std::byte{1};
  MemoryDisk disk;
  disk.files["s"] = octets;
  EXPECT_EQ(walk(disk, {.generation = 5, .salt = 9}).outcome.records, 1u);
  EXPECT_EQ(walk(disk, {.generation = 5}).outcome.records, 0u);
}

TEST(SegmentReaderTest, AHoleInAFinishedSegmentIsDamage) {
  const Hole hole(/*durable_in_third=*/0);
  EXPECT_EQ(hole.walk(/*unfinished=*/false).damages.size(), 1u);
}

TEST(SegmentReaderTest, FlippedPaddingIsReportedAndCostsNoRecord) {
  SegmentBuilder segment = stairs(1, 3);
  auto octets = segment.octets();
  octets[segment.offsets()[2] - 1] ^= std::byte{4};
  const Walked walked = walk(octets);
  EXPECT_EQ(walked.outcome.records, 3u);
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_FALSE(walked.damages[0].records_lost);
  EXPECT_EQ(std::string(walked.damages[0].what), "record.padding");
}

// The end of a body may be what stood there before, by chance; what follows it tells.
TEST(SegmentReaderTest, PaddingThatHasNotLandedIsTheEndOfASegmentThatIsWrittenTo) {
  SegmentBuilder segment(1);
  segment.add_data(1, "x");
  segment.add_data(1, "yy");
  auto octets = segment.octets();
  octets.back() ^= std::byte{4};
  MemoryDisk disk;
  disk.files["s"] = octets;
  const Walked walked = walk(disk, {.generation = 1, .unfinished = true});
  EXPECT_EQ(walked.outcome.records, 1u);
  EXPECT_EQ(walked.outcome.end, SegmentEnd::torn_tail);
  EXPECT_TRUE(walked.damages.empty());
}

TEST(SegmentReaderTest, FlippedPaddingOfWhatHadLandedCostsNoRecordThereEither) {
  SegmentBuilder segment(1);
  segment.add_data(1, "x");
  const uint64_t end = segment.end();
  segment.add_data(1, "y");
  segment.add_mark(segment.end());
  auto octets = segment.octets();
  octets[end - 1] ^= std::byte{4};
  MemoryDisk disk;
  disk.files["s"] = octets;
  const Walked walked = walk(disk, {.generation = 1, .unfinished = true});
  EXPECT_EQ(walked.bodies[0], "x");
  EXPECT_EQ(walked.outcome.records, 3u);
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_FALSE(walked.damages[0].records_lost);
}

TEST(SegmentReaderTest, RecordsAreReadBehindADamagedHead) {
  SegmentBuilder segment = stairs(1, 3);
  auto octets = segment.octets();
  octets[40] ^= std::byte{1};
  const Walked walked = walk(octets);
  EXPECT_EQ(walked.outcome.records, 3u);
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(walked.damages[0].offset, 0u);
}

TEST(SegmentReaderTest, ARenamedSegmentIsReadAndReported) {
  const Walked walked = walk(stairs(1, 3).octets(), 9);
  EXPECT_EQ(walked.outcome.records, 3u);
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(std::string(walked.damages[0].what), "segment.generation");
}

// A head that went to the wrong place, or one that should have been replaced and never was.
TEST(SegmentReaderTest, TheHeadOfAnotherSegmentHidesNoRecord) {
  for (const bool first_is_bad : {false, true}) {
    SegmentBuilder segment = stairs(5, 40);
    auto octets = segment.octets();
    const auto other = SegmentBuilder(3).octets();
    std::ranges::copy(other, octets.begin());
    if (first_is_bad) octets[segment.offsets()[0]] ^= std::byte{1};
    const Walked walked = walk(octets, 5);
    EXPECT_EQ(walked.outcome.records, first_is_bad ? 39u : 40u);
    ASSERT_EQ(walked.damages.size(), first_is_bad ? 2u : 1u);
    EXPECT_EQ(std::string(walked.damages[0].what), "segment.generation");
  }
}

TEST(SegmentReaderTest, AnEmptyFileHasAnOpenTail) {
  for (const size_t size : {size_t{0}, size_t{10}, kSegmentHeadBytes, size_t{100'000}}) {
    const Walked walked = walk(std::vector<std::byte>(size));
    EXPECT_TRUE(walked.damages.empty());
    EXPECT_EQ(walked.outcome.records, 0u);
    EXPECT_EQ(walked.outcome.end, SegmentEnd::open_tail);
    EXPECT_EQ(walked.outcome.valid_bytes, 0u);
  }
}

TEST(SegmentReaderTest, BlocksThatCannotBeReadCostOnlyTheirRecords) {
  SegmentBuilder segment(1);
  for (int i = 0; i < 100; ++i) segment.add_data(1, std::string(1000, 'x'));
  MemoryDisk disk;
  disk.files["s"] = segment.octets();
  disk.unreadable_from = 40960;
  disk.unreadable_to = 49152;
  const Walked walked = walk(disk, {.generation = 1});
  EXPECT_GE(walked.outcome.records, 90u);
  EXPECT_LT(walked.outcome.records, 92u);
  ASSERT_EQ(walked.damages.size(), 2u);
  EXPECT_EQ(std::string(walked.damages[0].what), "segment.read");
  EXPECT_EQ(walked.damages[0].offset, 40960u);
  EXPECT_EQ(walked.outcome.end, SegmentEnd::open_tail);
}

TEST(SegmentReaderTest, ATailThatCannotBeReadIsNotATornTail) {
  SegmentBuilder segment = stairs(1, 20);
  segment.allocate(65536);
  MemoryDisk disk;
  disk.files["s"] = segment.octets();
  disk.unreadable_from = 8192;
  const Walked walked = walk(disk, {.generation = 1});
  EXPECT_EQ(walked.outcome.records, 20u);
  EXPECT_EQ(walked.outcome.end, SegmentEnd::damaged_tail);
}

TEST(SegmentReaderTest, SeesWhatIsWrittenAfterAnEnd) {
  const SegmentBuilder segment = stairs(1, 20);
  MemoryDisk disk;
  disk.files["s"] = segment.octets();
  auto& octets = disk.files["s"];
  octets.resize(65536);
  std::fill(octets.begin() + ptrdiff_t(segment.offsets()[10] + 5), octets.end(), std::byte{0});
  const auto file = disk.open("s", false);
  SegmentReader reader(disk, *file, {.generation = 1});
  Walked walked;
  walk_on(reader, walked);
  EXPECT_EQ(walked.outcome.records, 10u);
  EXPECT_EQ(walked.outcome.end, SegmentEnd::torn_tail);
  std::copy(segment.octets().begin(), segment.octets().end(), octets.begin());
  walk_on(reader, walked);
  EXPECT_EQ(walked.outcome.records, 20u);
  EXPECT_EQ(walked.sequences.size(), 20u);
  EXPECT_EQ(walked.outcome.end, SegmentEnd::open_tail);
  EXPECT_TRUE(walked.damages.empty());
}

// A server has several writes under way, and a later one may be done first.
TEST(SegmentReaderTest, WaitsForAWriteThatIsUnderWay) {
  const SegmentBuilder segment = stairs(1, 20);
  MemoryDisk disk;
  disk.files["s"] = segment.octets();
  std::fill(disk.files["s"].begin() + ptrdiff_t(segment.offsets()[4]),
            disk.files["s"].begin() + ptrdiff_t(segment.offsets()[9]), std::byte{0});
  int asked = 0;
  const Walked walked = walk(disk, {.generation = 1, .settle = [&] {
                                      if (++asked == 3) disk.files["s"] = segment.octets();
                                      return asked < 10;
                                    }});
  EXPECT_EQ(asked, 3);
  EXPECT_TRUE(walked.damages.empty());
  EXPECT_EQ(walked.outcome.records, 20u);
}

TEST(SegmentReaderTest, PatienceEndsAndDamageIsReported) {
  const SegmentBuilder segment = stairs(1, 20);
  MemoryDisk disk;
  disk.files["s"] = segment.octets();
  disk.files["s"][segment.offsets()[4]] ^= std::byte{1};
  int asked = 0;
  const Walked walked = walk(disk, {.generation = 1, .settle = [&] { return ++asked < 5; }});
  EXPECT_EQ(asked, 5);
  EXPECT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(walked.outcome.records, 19u);
}

TEST(SegmentReaderTest, AWrongSealIsReported) {
  SegmentBuilder segment = stairs(1, 2);
  std::array<std::byte, kSealBodyBytes> body{};
  encode_seal(body.data(), {.mails = 3, .records = 2});
  segment.add(RecordType::seal, 0, body);
  const Walked walked = walk(segment.octets());
  EXPECT_EQ(walked.outcome.end, SegmentEnd::sealed);
  ASSERT_EQ(walked.damages.size(), 1u);
  EXPECT_EQ(std::string(walked.damages[0].what), "record.seal");
}

}  // namespace
}  // namespace mailrace::spool
