// SPDX-License-Identifier: GPL-3.0-or-later
// Segment heads and names.
#include "spool/segment.h"

#include "core/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

using core::Errc;

// salt   0: a head of version 1
std::vector<std::byte> head_octets(uint64_t salt = 5) {
  std::vector<std::byte> octets(kSegmentHeadBytes, std::byte{0xff});
  encode_segment_head(octets, {.generation = 42,
                               .worker = 3,
                               .created_at_ns = -7,
                               .capacity = 9,
                               .salt = salt,
                               .mail_id_floor = 11});
  return octets;
}

TEST(SegmentHeadTest, DecodesWhatWasEncoded) {
  const auto head = decode_segment_head(head_octets());
  ASSERT_TRUE(head);
  EXPECT_EQ(head->generation, 42u);
  EXPECT_EQ(head->worker, 3u);
  EXPECT_EQ(head->created_at_ns, -7);
  EXPECT_EQ(head->capacity, 9u);
  EXPECT_EQ(head->salt, 5u);
  EXPECT_EQ(head->mail_id_floor, 11u);
}

TEST(SegmentHeadTest, VersionOneHasNeitherSaltNorFloor) {
  const auto head = decode_segment_head(head_octets(/*salt=*/0));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->generation, 42u);
  EXPECT_EQ(head->salt, 0u);
  EXPECT_EQ(head->mail_id_floor, 0u);
}

TEST(SegmentHeadTest, EveryFlippedBitIsNoticed) {
  for (size_t bit = 0; bit < 8 * 72; ++bit) {
    auto octets = head_octets();
    octets[bit / 8] ^= std::byte(1 << bit % 8);
    const auto head = decode_segment_head(octets);
    ASSERT_FALSE(head) << "bit " << bit;
    EXPECT_EQ(head.error().code, Errc::corrupt);
  }
}

TEST(SegmentHeadTest, ZerosAndShortFilesWereNeverWritten) {
  const std::vector<std::byte> zeros(kSegmentHeadBytes);
  EXPECT_EQ(decode_segment_head(zeros).error().code, Errc::torn_tail);
  const auto octets = head_octets();
  for (size_t size = 0; size < 72; ++size) {
    const auto head = decode_segment_head(core::Octets(octets).first(size));
    EXPECT_EQ(head.error().code, Errc::torn_tail);
  }
}

TEST(SegmentHeadTest, AnotherVersionIsUnsupportedNotCorrupt) {
  auto octets = head_octets();
  core::store_le(octets.data() + 8, uint32_t{kSegmentVersion + 1});
  const uint32_t crc = core::crc32c(0, core::Octets(octets).first(60));
  core::store_le(octets.data() + 60, core::crc32c(crc, core::Octets(octets).subspan(64, 8)));
  EXPECT_EQ(decode_segment_head(octets).error().code, Errc::unsupported);
}

TEST(SegmentNameTest, NamesAndNumbers) {
  EXPECT_EQ(segment_file_name(42), "000000000000002a.segment");
  EXPECT_EQ(segment_file_name(UINT64_MAX), "ffffffffffffffff.segment");
  EXPECT_EQ(parse_segment_file_name("000000000000002a.segment"), 42u);
  EXPECT_EQ(worker_directory_name(3), "worker-0003");
  EXPECT_EQ(parse_worker_directory_name("worker-0003"), 3u);
}

TEST(SegmentNameTest, OtherNamesAreNotOurs) {
  for (const char* name :
       {"", ".segment", "2a.segment", "000000000000002a", "-00000000000002a.segment",
        "000000000000002g.segment", "0000000000000002a.segment"}) {
    EXPECT_FALSE(parse_segment_file_name(name)) << name;
  }
  for (const char* name :
       {"", "worker-", "worker-1", "worker-00001", "worker--001", "Worker-0001"}) {
    EXPECT_FALSE(parse_worker_directory_name(name)) << name;
  }
}

}  // namespace
}  // namespace mailrace::spool
