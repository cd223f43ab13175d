// SPDX-License-Identifier: GPL-3.0-or-later
// Records octet by octet, against the worked example of spool/FORMAT.md.
#include "spool/record.h"

#include "core/base/limits.h"
#include "tests/support/hex_dump.h"
#include "tests/support/segment_builder.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using core::Errc;

TEST(RecordTest, WorkedExampleMatchesFormatMd) {
  tests::SegmentBuilder segment(/*generation=*/1, /*worker=*/0, tests::kWorkedExampleSalt);
  segment.add_mail(tests::worked_example_mail());
  segment.add_mark(/*durable_bytes=*/4096);
  segment.add_footer();
  EXPECT_EQ(tests::hex_dump(segment.octets()), tests::format_md_dump());
}

std::vector<std::byte> end_record() {
  tests::SegmentBuilder segment(/*generation=*/7);
  segment.add_end(/*mail_id=*/42, /*data_bytes=*/5, /*data_records=*/1);
  return {segment.octets().begin() + 4096, segment.octets().end()};
}

TEST(RecordTest, DecodesWhatWasEncoded) {
  const auto octets = end_record();
  ASSERT_EQ(octets.size(), record_bytes(kEndBodyBytes));
  const auto header = decode_record(octets, SegmentKey(7));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->sequence, 0u);
  EXPECT_EQ(header->mail_id, 42u);
  EXPECT_EQ(header->type, RecordType::end);
  EXPECT_EQ(header->generation_low, 0u);
  ASSERT_EQ(header->body_bytes, kEndBodyBytes);
  const auto body = core::Octets(octets).subspan(core::kRecordHeaderBytes, kEndBodyBytes);
  EXPECT_TRUE(body_matches(*header, body));
  const auto end = decode_end(body);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->data_bytes, 5u);
  EXPECT_EQ(end->data_records, 1u);
  EXPECT_EQ(end->durability, uint8_t(Durability::disk));
}

TEST(RecordTest, EveryFlippedBitOfAHeaderIsNoticed) {
  const auto octets = end_record();
  for (size_t bit = 0; bit < 8 * core::kRecordHeaderBytes; ++bit) {
    auto flipped = octets;
    flipped[bit / 8] ^= std::byte(1 << bit % 8);
    const auto header = decode_record(flipped, SegmentKey(7));
    ASSERT_FALSE(header) << "bit " << bit;
    EXPECT_EQ(header.error().code, Errc::corrupt);
  }
}

TEST(RecordTest, ARecordOfAnotherGenerationNeverPasses) {
  const auto octets = end_record();
  for (const uint64_t generation : {uint64_t{6}, uint64_t{8}, UINT64_MAX}) {
    ASSERT_FALSE(decode_record(octets, SegmentKey(generation)));
  }
}

TEST(RecordTest, ZerosAndShortInputAreATornTail) {
  const std::array<std::byte, 64> zeros{};
  EXPECT_EQ(decode_record(zeros, SegmentKey(1)).error().code, Errc::torn_tail);
  const auto octets = end_record();
  for (size_t size = 0; size < core::kRecordHeaderBytes; ++size) {
    EXPECT_EQ(decode_record(core::Octets(octets).first(size), SegmentKey(7)).error().code,
              Errc::torn_tail);
  }
}

TEST(RecordTest, TellsWhatAnEarlierTenantLeft) {
  constexpr uint64_t kSalt = 0x1234;
  auto octets = end_record();
  for (const uint64_t old : {uint64_t{1}, uint64_t{0xffff}, uint64_t{0x10000}, uint64_t{0x2abcd}}) {
    place_record(octets.data(), SegmentKey(old, kSalt), 3);
    for (const uint64_t later : {uint64_t{1}, uint64_t{2}, uint64_t{0x8000}, uint64_t{0xffff}}) {
      const SegmentKey key(old + later, kSalt);
      EXPECT_FALSE(decode_record(octets, key));
      EXPECT_EQ(stale_generation(octets, key), old);
    }
    EXPECT_FALSE(stale_generation(octets, SegmentKey(old, kSalt))) << "our own";
    EXPECT_FALSE(stale_generation(octets, SegmentKey(old + 0x10001, kSalt))) << "too long ago";
    EXPECT_FALSE(stale_generation(octets, SegmentKey(old + 1, kSalt + 1))) << "another spool";
  }
}

// A sender who knows the format, but not the salt, may put what he likes into his mail.
TEST(RecordTest, TheSaltTellsForgedRecords) {
  auto octets = end_record();
  for (const uint64_t guess : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
    place_record(octets.data(), SegmentKey(7, guess), 0);
    EXPECT_EQ(decode_record(octets, SegmentKey(7, 0x1234)).error().code, Errc::corrupt);
  }
}

// Octets with a right checksum but a type or length that no writer uses.
TEST(RecordTest, RefusesUnknownTypesAndLongBodies) {
  for (const uint16_t type : {uint16_t{0}, uint16_t{7}, uint16_t{0xffff}}) {
    auto octets = end_record();
    core::store_le(octets.data() + 24, type);
    place_record(octets.data(), SegmentKey(7), 0);
    EXPECT_EQ(std::string(decode_record(octets, SegmentKey(7)).error().where), "record.type");
  }
  auto octets = end_record();
  core::store_le(octets.data() + 28, core::kRecordBodyBytesMax + 1);
  place_record(octets.data(), SegmentKey(7), 0);
  EXPECT_EQ(std::string(decode_record(octets, SegmentKey(7)).error().where), "record.body_bytes");
}

TEST(RecordTest, EndAndSealBodiesHaveTheirLengths) {
  const std::array<std::byte, 80> octets{};
  for (size_t size = 0; size <= octets.size(); ++size) {
    const auto body = core::Octets(octets).first(size);
    EXPECT_EQ(decode_end(body).has_value(), size == kEndBodyBytes);
    EXPECT_EQ(decode_seal(body).has_value(),
              size == kSealBodyBytes || size == kSealBodyBytesVersion2);
    EXPECT_EQ(decode_mark(body).has_value(), size >= kMarkBodyBytes);  // zeros may follow
  }
}

TEST(RecordTest, TakesUpMultiplesOfEightOctets) {
  EXPECT_EQ(record_bytes(0), 32u);
  EXPECT_EQ(record_bytes(1), 40u);
  EXPECT_EQ(record_bytes(8), 40u);
  EXPECT_EQ(record_bytes(9), 48u);
}

}  // namespace
}  // namespace mailrace::spool
