// SPDX-License-Identifier: GPL-3.0-or-later
// A group commit on a simulated disk, whose operations a test ends one by one.
#pragma once

#include "spool/group_commit.h"
#include "tests/sim/sim_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mailrace::spool {

inline constexpr core::WallTime kWall{1'700'000'000'000'000'000};
inline constexpr uint32_t kRecord = uint32_t(record_bytes(1000));
// A write ends with a mark.
inline constexpr uint32_t kMark = uint32_t(record_bytes(kMarkBodyBytes));
inline constexpr uint64_t kSmallSegment = 64 << 10;

// Every flush with something to write begins a write.
inline const SpoolOptions kManyWrites{.commit_bytes = 1};

class GroupCommitTest : public testing::Test {
 protected:
  void open(SpoolOptions options) {
    options.directory = "worker";
    if (options.segment_bytes == core::kSegmentBytesDefault) options.segment_bytes = 1 << 20;
    log_.emplace(files_, chunks_, options,
                 GroupCommitEvents{this, &on_moved, &on_lost, &on_gap, &is_lost});
    settle();
  }

  static void on_moved(void* self) {
    auto& test = *static_cast<GroupCommitTest*>(self);
    test.durable_.push_back(test.log_->durable());
  }
  static void on_lost(void* self, const Chunk& chunk, const core::Error&) {
    static_cast<GroupCommitTest*>(self)->lost_.insert(chunk.mail_id);
  }
  static void on_gap(void* self, const core::Error&) {
    ++static_cast<GroupCommitTest*>(self)->gaps_;
  }
  static bool is_lost(void* self, const Chunk& chunk) {
    return static_cast<GroupCommitTest*>(self)->lost_.contains(chunk.mail_id);
  }

  // Appends a chunk of `records` records of 1000 octets.
  uint64_t append(uint64_t mail_id, bool ends_mail = true, uint32_t records = 1,
                  Durability durability = Durability::disk) {
    Chunk& chunk = *chunks_.take();
    chunk.durability = durability;
    chunk.mail_id = mail_id;
    chunk.mail_slot = uint32_t(mail_id);
    chunk.begins_mail = begun_.insert(mail_id).second;
    for (uint32_t i = 0; i < records; ++i) {
      chunk.open_record();
      std::memset(chunk.tail(), 'x', 1000);
      chunk.bytes += 1000;
      chunk.close_record(RecordType::data);
    }
    chunk.ends_mail = ends_mail;
    const uint64_t end = log_->append(chunk);
    EXPECT_EQ(end, log_->appended());
    return end;
  }
  std::optional<core::Instant> flush() { return log_->flush(now_, kWall); }
  void settle() {
    for (flush(); files_.pending() > 0; flush()) files_.complete(0);
  }
  // Indexes of the writes of records under way, in the order of their places in the file.
  size_t writes() const {
    size_t count = 0;
    for (size_t i = 0; i < files_.pending(); ++i) {
      const tests::SimFile::Operation& operation = files_.operation(i);
      count += operation.kind == tests::SimFile::Kind::write && operation.offset > 0 ? 1 : 0;
    }
    return count;
  }

  tests::SimFile files_{/*seed=*/1};
  ChunkPool chunks_{2000};
  core::Instant now_{1'000'000};
  std::vector<uint64_t> durable_;
  std::set<uint64_t> begun_;
  std::set<uint64_t> lost_;
  uint32_t gaps_ = 0;
  std::optional<GroupCommit> log_;
};

/// Mails that are promised different things.
class MixedTest : public GroupCommitTest {
 protected:
  void SetUp() override {
    open({.segment_bytes = kSmallSegment, .sync = SyncPolicy::behind_writes, .commit_bytes = 1});
  }
  uint64_t append_disk(uint64_t mail_id) { return append(mail_id); }
  uint64_t append_page_cache(uint64_t mail_id) {
    return append(mail_id, true, 1, Durability::page_cache);
  }
  // The sync of data under way; pending(): there is none.
  size_t sync() const {
    size_t index = 0;
    while (index < files_.pending() && !files_.operation(index).data_only) ++index;
    return index;
  }
  bool syncing() const { return sync() < files_.pending(); }
};

}  // namespace mailrace::spool
