// SPDX-License-Identifier: GPL-3.0-or-later
// A repair, cut off at every operation, and one on a disk that fails now and then: no mail that
// could be read is gone, none is there twice, and the repair comes to its end when done again.
//
// MAILRACE_SIM_SEED=n replays one seed, MAILRACE_SIM_SEEDS=FROM:COUNT runs others.
#include "core/base/prng.h"
#include "spool/salvage.h"
#include "spool/segment.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/memory_disk.h"
#include "tests/support/segment_builder.h"
#include "tests/support/sim_seeds.h"
#include "tests/support/walked_spool.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace mailrace::tests {
namespace {

constexpr char kSpool[] = "spool";
constexpr uint64_t kSegments = 3;

/// A spool with bad octets in one to three places, and mails that go on in later segments.
FileContents make_damaged(core::Prng& random) {
  FileContents files;
  std::vector<uint64_t> open;
  for (uint64_t number = 1; number <= kSegments; ++number) {
    SegmentBuilder segment(number, 0, /*salt=*/7);
    for (uint64_t i = 0; i < 8; ++i) {
      const uint64_t id = number * 100 + i;
      if (random.below(3) == 0) {
        segment.add_envelope({.mail_id = id, .data = ""});
        segment.add_data(id, "part");
        open.push_back(id);
      } else {
        segment.add_mail({.mail_id = id, .data = std::string(random.below(2000), 'x')}, 700);
      }
      if (!open.empty() && random.below(2) == 0) {
        segment.add_data(open.back(), "rest");
        segment.add_end(open.back(), 8, 2);
        open.pop_back();
      }
    }
    segment.add_mark(segment.end());
    segment.add_seal();
    files[spool::segment_path(kSpool, 0, number)] = segment.octets();
  }
  for (uint64_t i = 1 + random.below(3); i > 0; --i) {
    auto& octets = files[spool::segment_path(kSpool, 0, 1 + random.below(kSegments))];
    octets[spool::kSegmentHeadBytes + random.below(octets.size() - spool::kSegmentHeadBytes)] ^=
        std::byte{4};
  }
  return files;
}

// returns   whether all of it was done
bool repair(core::Disk& disk) {
  const auto plan = spool::plan_salvage(disk, kSpool, 0, {});
  if (!plan || !plan->in_the_way.empty()) return false;
  for (const spool::DamagedSegment& segment : plan->segments) {
    if (!spool::salvage_segment(disk, kSpool, *plan, segment, /*measure=*/false)) return false;
  }
  return true;
}

// Every mail by its id, with its place and its octets; an id that is there twice aborts.
std::map<uint64_t, std::string> mails_of(const FileContents& files, size_t* findings = nullptr) {
  MemoryDisk disk;
  disk.files = files;
  const WalkedSpool walked = walk_spool(disk, kSpool);
  if (findings != nullptr) *findings = walked.findings.size();
  std::map<uint64_t, std::string> mails;
  for (const auto& [id, mail] : walked.mails) {
    mails[id] = std::to_string(mail.end_segment) + " " + std::to_string(mail.end_offset) + " " +
                walked.data.at(id);
  }
  return mails;
}

/// Who is called in the middle of it finds all mails, and can end it.
void expect_all_is_well(const FileContents& files, const FileContents& damaged, uint64_t seed) {
  const auto mails = mails_of(damaged);
  EXPECT_EQ(mails_of(files), mails);
  SimDisk disk(seed, files);
  EXPECT_TRUE(repair(disk));
  const FileContents after = disk.power_cut();
  size_t findings = 0;
  EXPECT_EQ(mails_of(after, &findings), mails);
  EXPECT_EQ(findings, 0u);
  // Nothing was deleted: each file that was replaced is there under another name.
  for (const auto& [path, octets] : damaged) {
    const bool as_it_was = after.at(path) == octets;
    std::string kept = path;
    kept.replace(kept.rfind('.'), std::string::npos, ".damaged");
    EXPECT_TRUE(as_it_was || (after.contains(kept) && after.at(kept) == octets)) << path;
  }
  for (const auto& [path, octets] : after) EXPECT_FALSE(path.ends_with(".repair")) << path;
}

TEST(RepairCutTest, ACutAtAnyOperationLosesNothing) {
  const SimSeeds seeds = sim_seeds(1, 60);
  uint64_t cuts = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end(); ++seed) {
    core::Prng random(seed);
    const FileContents damaged = make_damaged(random);
    for (uint64_t cut = 0;; ++cut, ++cuts) {
      SCOPED_TRACE("MAILRACE_SIM_SEED=" + std::to_string(seed) + ", cut at " + std::to_string(cut));
      SimDisk disk(seed * 1000 + cut, damaged);
      disk.cut_at = cut;
      const bool done = repair(disk);
      const bool was_cut = disk.is_cut();
      EXPECT_EQ(done, !was_cut);
      expect_all_is_well(disk.power_cut(), damaged, seed);
      if (testing::Test::HasFailure()) return;
      if (!was_cut) break;
    }
  }
  EXPECT_TRUE(seeds.chosen || cuts > 500) << cuts;
}

TEST(RepairCutTest, NorDoesADiskThatFailsNowAndThen) {
  const SimSeeds seeds = sim_seeds(1, 300);
  uint64_t failed = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end(); ++seed) {
    SCOPED_TRACE("MAILRACE_SIM_SEED=" + std::to_string(seed));
    core::Prng random(seed);
    const FileContents damaged = make_damaged(random);
    SimDisk disk(seed, damaged);
    disk.faults = 80;
    failed += repair(disk) ? 0 : 1;
    expect_all_is_well(disk.power_cut(), damaged, seed);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_TRUE(seeds.chosen || failed > 50) << failed;
}

}  // namespace
}  // namespace mailrace::tests
