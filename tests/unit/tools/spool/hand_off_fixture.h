// SPDX-License-Identifier: GPL-3.0-or-later
// A spool of a few mails, and consumers of it that run within the test.
#pragma once

#include "core/base/queue_id.h"
#include "spool/consumers.h"
#include "spool/spool_reader.h"
#include "tests/support/segment_builder.h"
#include "tests/support/spool_command.h"
#include "tests/support/temporary_directory.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/posix_disk.h"
#include "tools/spool/hand_off.h"
#include "tools/spool/walk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mailrace::tools {

using Names = std::set<std::string>;
using tests::Outcome;
using tests::run_spool_command;

inline constexpr uint64_t kIds[] = {1024, 2048, 3072};

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline Names names(const std::string& path) {
  Names found;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    found.insert(entry.path().filename().string());
  }
  return found;
}

/// A spool with three mails in one segment, and room for a second one.
class HandOffTest : public testing::Test {
 protected:
  HandOffTest() : spool_(directory_.path() + "/spool"), out_(directory_.path() + "/out") {
    std::filesystem::create_directories(spool_ + "/worker-0000");
    add_segment(1, {std::begin(kIds), std::end(kIds)});
  }

  static tests::TestMail mail(uint64_t id) {
    return {
        .mail_id = id, .data = "mail " + queue_id(id) + "\r\n", .received_at_ns = 7'000'000'000};
  }
  static std::string name(uint64_t id) { return "7." + queue_id(id) + ".mailrace"; }

  void write(const tests::SegmentBuilder& segment, uint64_t number) const {
    std::ofstream(path_of(number), std::ios::binary) << core::as_text(segment.octets());
  }
  void add_segment(uint64_t number, std::vector<uint64_t> ids) const {
    tests::SegmentBuilder segment(number);
    for (const uint64_t id : ids) segment.add_mail(mail(id));
    segment.add_seal();
    write(segment, number);
  }

  Outcome hand_off(const std::string& format = "maildir", const std::string& consumer = "c") const {
    return run_spool_command(
        {"export", spool_, "--consumer", consumer, "--format", format, "--output", out_});
  }
  /// As a consumer of maildir or jsonl; `between` is called before each step, with the number of
  /// steps before, and says whether that is enough.
  int hand_off_with(HandOffTarget target, const std::function<bool(int)>& between,
                    bool follow = false) const {
    int steps = 0;
    HandOff work({spool_, "c", follow}, target, [&] { return between(steps++); });
    return work.run();
  }
  HandOffTarget lines() const { return HandOffTarget(std::in_place_type<LineHandOff>, out_); }
  HandOffTarget maildir() const {
    return HandOffTarget(std::in_place_type<DirectoryHandOff>, out_, ExportFormat::maildir, "c");
  }
  Outcome say(const std::string& what, uint64_t id) const {
    return run_spool_command({what, spool_, queue_id(id)});
  }

  std::string path_of(uint64_t number) const { return spool::segment_path(spool_, 0, number); }
  /// Changes a bit. returns   what does it the other way round
  std::function<void()> damage(uint64_t number, uint64_t offset) const {
    const auto flip = [path = path_of(number), offset] {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(std::streamoff(offset));
      const int octet = file.get();
      file.seekp(std::streamoff(offset));
      file.put(char(octet ^ 1));
    };
    flip();
    return flip;
  }
  /// What the consumer "c" has pending.
  size_t pending() const {
    PosixDisk disk;
    return spool::read_cursor(disk, spool::cursor_path(spool_, "c"))->cursor.pending().size();
  }

  tests::TemporaryDirectory directory_;
  std::string spool_;
  std::string out_;
};

}  // namespace mailrace::tools
