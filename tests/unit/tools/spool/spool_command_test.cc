// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool` on a real directory: what it writes, and what its exit status says.
#include "tests/support/spool_command.h"

#include "core/base/queue_id.h"
#include "spool/spool_reader.h"
#include "tests/support/segment_builder.h"
#include "tests/support/temporary_directory.h"
#include "tools/lib/exit_codes.h"
#include "tools/spool/export_target.h"
#include "tools/spool/walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

constexpr uint64_t kFirst = 1024;
constexpr uint64_t kSecond = 2048;
const std::string kFirstId = queue_id(kFirst);
const std::string kSecondId = queue_id(kSecond);

using tests::Outcome;

Outcome run(std::vector<std::string> arguments) {
  return tests::run_spool_command(std::move(arguments));
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> names(const std::string& path) {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    found.insert(entry.path().filename().string());
  }
  return found;
}

/// A spool with two mails in a temporary directory.
class SpoolCommandTest : public testing::Test {
 protected:
  SpoolCommandTest() : spool_(directory_.path() + "/spool"), out_(directory_.path() + "/out") {
    tests::SegmentBuilder segment(1);
    first_ = {.mail_id = kFirst,
              .reverse_path = "",
              .forward_paths = {"\"q\\\"\"@example.com"},
              .data = "Subject: one\r\n\r\nFrom here\r\n",
              .received_at_ns = 1'000'000'000};
    second_ = {.mail_id = kSecond,
               .reverse_path = "bad\xff\x1b@example.org",
               .forward_paths = {"b@example.com", "c@example.com"},
               .data = std::string(100'000, '\xe9'),
               .received_at_ns = 2'000'000'000};
    segment.add_mail(first_);
    segment.add_mail(second_);
    segment.add_seal();
    octets_ = segment.octets();
    offsets_ = segment.offsets();
    std::filesystem::create_directories(spool_ + "/worker-0000");
    write(octets_);
  }

  void write(const std::vector<std::byte>& octets, uint64_t number = 1) const {
    std::ofstream(spool::segment_path(spool_, 0, number), std::ios::binary)
        << core::as_text(octets);
  }

  tests::TemporaryDirectory directory_;
  std::string spool_;
  std::string out_;
  tests::TestMail first_;
  tests::TestMail second_;
  std::vector<std::byte> octets_;
  std::vector<uint64_t> offsets_;
};

TEST_F(SpoolCommandTest, ListSeparatesByTabsForPrograms) {
  const Outcome result = run({"list", spool_});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out, kFirstId + "\t1970-01-01T00:00:01.000000Z\t27\t<>\t1\t" +
                            "<\"q\\\"\"@example.com>\n" + kSecondId +
                            "\t1970-01-01T00:00:02.000000Z\t100000\t<bad\\xff\\x1b@example.org>\t2"
                            "\t<b@example.com>\n");
}

TEST_F(SpoolCommandTest, ListAsJsonIsValidWhateverThePathsHold) {
  const Outcome result = run({"list", "--json", spool_});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_EQ(result.out,
            "{\"id\":\"" + kFirstId +
                "\",\"received_at\":\"1970-01-01T00:00:01.000000Z\",\"peer\":\"192.0.2.1:49152\","
                "\"helo\":\"client.example.org\",\"protocol\":\"ESMTP\",\"mail_from\":\"\","
                "\"rcpt_to\":[\"\\\"q\\\\\\\"\\\"@example.com\"],\"size\":27}\n{\"id\":\"" +
                kSecondId +
                "\",\"received_at\":\"1970-01-01T00:00:02.000000Z\",\"peer\":\"192.0.2.1:49152\","
                "\"helo\":\"client.example.org\",\"protocol\":\"ESMTP\","
                "\"mail_from\":\"bad\xef\xbf\xbd\\u001b@example.org\","
                "\"rcpt_to\":[\"b@example.com\",\"c@example.com\"],\"size\":100000}\n");
}

TEST_F(SpoolCommandTest, ShowsWhatMailAndRcptSaid) {
  tests::SegmentBuilder segment(1);
  segment.add_mail({.mail_id = kFirst,
                    .reverse_path = "\xc3\xbc@example.org",
                    .forward_paths = {"a@example.com"},
                    .claims = {.body = core::BodyType::eight_bit_mime,
                               .is_smtputf8 = true,
                               .requires_tls = true,
                               .return_content = core::ReturnContent::header_section,
                               .priority = int8_t{-4}},
                    .envelope_id = "Q+2BQ",
                    .notify = core::NotifySet::success | core::NotifySet::delay,
                    .original_recipient = "rfc822;A@example.com",
                    .data = "x\r\n"});
  segment.add_seal();
  write(segment.octets());
  const Outcome shown = run({"show", spool_, kFirstId});
  EXPECT_EQ(shown.exit_code, kExitOk);
  EXPECT_NE(shown.out.find("reverse-path:   <\\xc3\\xbc@example.org>\n"
                           "forward-path:   <a@example.com>\n"
                           "  notify:       SUCCESS,DELAY\n"
                           "  orcpt:        rfc822;A@example.com\n"
                           "body:           8BITMIME\n"
                           "smtputf8:       yes\n"
                           "ret:            HDRS\n"
                           "envid:          Q+2BQ\n"
                           "requiretls:     yes\n"
                           "mt-priority:    -4\n"),
            std::string::npos)
      << shown.out;
  const Outcome listed = run({"list", "--json", spool_});
  EXPECT_NE(
      listed.out.find("\"mail_from\":\"\xc3\xbc@example.org\",\"rcpt_to\":[\"a@example.com\"],"
                      "\"rcpt_dsn\":[{\"notify\":\"SUCCESS,DELAY\","
                      "\"orcpt\":\"rfc822;A@example.com\"}],\"body\":\"8BITMIME\","
                      "\"smtputf8\":true,\"ret\":\"HDRS\",\"envid\":\"Q+2BQ\","
                      "\"requiretls\":true,\"mt_priority\":-4,\"size\":3}"),
      std::string::npos)
      << listed.out;
}

TEST_F(SpoolCommandTest, ShowPrintsEnvelopeAndData) {
  const Outcome result = run({"show", spool_, kFirstId});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_NE(result.out.find("reverse-path:   <>\n"), std::string::npos);
  EXPECT_NE(result.out.find("durability:     disk\n"), std::string::npos);
  EXPECT_TRUE(result.out.ends_with("size:           27\n\n" + first_.data));
}

TEST_F(SpoolCommandTest, ShowStopsBehindTheHeaderSection) {
  const Outcome result = run({"show", spool_, kFirstId, "--headers-only"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_TRUE(result.out.ends_with("\n\nSubject: one\r\n\r\n"));
}

TEST_F(SpoolCommandTest, ShowOfAnUnknownMailFails) {
  const Outcome result = run({"show", spool_, queue_id(3072)});
  EXPECT_EQ(result.exit_code, kExitFailure);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "mailrace spool: " + spool_ + ": no mail " + queue_id(3072) + "\n");
}

TEST_F(SpoolCommandTest, EmlFilesHoldTheStoredOctets) {
  EXPECT_EQ(run({"export", spool_, "--format", "eml", "--output", out_}).exit_code, kExitOk);
  EXPECT_EQ(names(out_), (std::set<std::string>{kFirstId + ".eml", kSecondId + ".eml"}));
  EXPECT_EQ(contents(out_ + "/" + kFirstId + ".eml"), first_.data);
  EXPECT_EQ(contents(out_ + "/" + kSecondId + ".eml"), second_.data);
}

TEST_F(SpoolCommandTest, ARepeatedMaildirExportGivesTheSameFiles) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(run({"export", spool_, "--format", "maildir", "--output", out_}).exit_code, kExitOk);
    const std::string name = "1." + kFirstId + ".mailrace";
    EXPECT_EQ(names(out_ + "/new"), (std::set<std::string>{name, "2." + kSecondId + ".mailrace"}));
    EXPECT_TRUE(names(out_ + "/tmp").empty());
    EXPECT_TRUE(names(out_ + "/cur").empty());
    EXPECT_EQ(contents(out_ + "/new/" + name), first_.data);
  }
}

TEST_F(SpoolCommandTest, MboxGoesToStdout) {
  const Outcome result =
      run({"export", spool_, "--format", "mbox", "--output", "-", "--id", kFirstId});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_EQ(result.out,
            "From MAILER-DAEMON Thu Jan  1 00:00:01 1970\nSubject: one\n\n>From here\n\n");
}

TEST_F(SpoolCommandTest, JsonlHasTheDataInBase64) {
  EXPECT_EQ(
      run({"export", spool_, "--format", "jsonl", "--output", out_, "--id", kFirstId}).exit_code,
      kExitOk);
  const std::string text = contents(out_);
  EXPECT_TRUE(text.starts_with("{\"id\":\"" + kFirstId + "\","));
  EXPECT_TRUE(text.ends_with(",\"size\":27,\"data\":\"U3ViamVjdDogb25lDQoNCkZyb20gaGVyZQ0K\"}\n"));
}

TEST_F(SpoolCommandTest, ExportNamesTheMailsThatAreNotThere) {
  const Outcome result = run({"export", spool_, "--format", "jsonl", "--output", "-", "--id",
                              kFirstId, "--id", queue_id(3072)});
  EXPECT_EQ(result.exit_code, kExitFailure);
  EXPECT_EQ(result.err, "mailrace spool: " + spool_ + ": no mail " + queue_id(3072) + "\n");
}

TEST_F(SpoolCommandTest, ExportToAFullDiskFails) {
  const Outcome result = run({"export", spool_, "--format", "jsonl", "--output", "/dev/full"});
  EXPECT_EQ(result.exit_code, kExitFailure);
  EXPECT_EQ(result.err, "mailrace spool: /dev/full: No space left on device\n");
}

TEST_F(SpoolCommandTest, VerifyCountsAndIsSatisfied) {
  const Outcome result = run({"verify", spool_});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_NE(result.out.find("mails         2\n"), std::string::npos);
  EXPECT_NE(result.out.find("octets        100027\n"), std::string::npos);
  EXPECT_NE(result.out.find("findings      0\n"), std::string::npos);
}

TEST_F(SpoolCommandTest, VerifyNamesFileAndOffset) {
  auto octets = octets_;
  octets[offsets_[1] + 40] ^= std::byte{1};  // the first mail's data
  write(octets);
  const std::string file = spool::segment_path(spool_, 0, 1);
  const Outcome result = run({"verify", spool_});
  EXPECT_EQ(result.exit_code, kExitFailure);
  EXPECT_TRUE(
      result.out.starts_with("corruption: " + file + ": offset " + std::to_string(offsets_[1]) +
                             ": record.body_crc\ndamaged mail " + kFirstId + ": " + file +
                             ": offset " + std::to_string(offsets_[2]) + ": mail.data_records\n"));
  const Outcome list = run({"list", spool_});
  EXPECT_EQ(list.exit_code, kExitOk);
  EXPECT_TRUE(list.out.starts_with(kSecondId));
  EXPECT_EQ(list.err, "mailrace spool: " + spool_ + ": 2 findings, see mailrace spool verify\n");
}

TEST_F(SpoolCommandTest, ATornTailIsNamedAndNotWrong) {
  auto octets = octets_;
  octets.resize(offsets_.back() - 5);
  write(octets);
  const Outcome result = run({"verify", spool_});
  EXPECT_EQ(result.exit_code, kExitOk);
  // The second mail's end record lacks five octets.
  const uint64_t tail = offsets_[offsets_.size() - 2];
  EXPECT_TRUE(result.out.starts_with("torn tail: " + spool::segment_path(spool_, 0, 1) +
                                     ": offset " + std::to_string(tail) + ": " +
                                     std::to_string(octets.size() - tail) + " octets\n"))
      << result.out;
  EXPECT_NE(result.out.find("  torn tail   1\n"), std::string::npos);
  EXPECT_NE(result.out.find("mails         1\n"), std::string::npos);
}

/// Mails of generation 3 over those of generation 2, as a recycled segment has them.
struct Recycled {
  tests::SegmentBuilder fresh{3, 0, /*salt=*/7};
  std::vector<std::byte> octets;

  Recycled() {
    tests::SegmentBuilder old(2, 0, 7);
    for (uint64_t id = 1; id < 20; ++id) old.add_mail({.mail_id = id << 10, .data = "old\r\n"});
    for (uint64_t id = 30; id < 34; ++id) fresh.add_mail({.mail_id = id << 10, .data = "new\r\n"});
    octets = old.octets();
    std::ranges::copy(fresh.octets(), octets.begin());
  }
};

TEST_F(SpoolCommandTest, WhatAnEarlierGenerationLeftIsNamedAndNotWrong) {
  const Recycled recycled;
  write(recycled.octets, 3);
  std::filesystem::remove(spool::segment_path(spool_, 0, 1));
  const std::string file = spool::segment_path(spool_, 0, 3);
  const std::string offset = std::to_string(recycled.fresh.end());
  const std::string rest = std::to_string(recycled.octets.size() - recycled.fresh.end());
  const Outcome text = run({"verify", spool_});
  EXPECT_EQ(text.exit_code, kExitOk);
  EXPECT_TRUE(text.out.starts_with("stale generation: " + file + ": offset " + offset + ": " +
                                   rest + " octets, generation 2\n"))
      << text.out;
  EXPECT_NE(text.out.find("  stale tail  1\n"), std::string::npos);
  EXPECT_NE(text.out.find("mails         4\n"), std::string::npos);
  const Outcome json = run({"verify", "--json", spool_});
  EXPECT_EQ(json.exit_code, kExitOk);
  EXPECT_EQ(
      json.out,
      "{\"kind\":\"stale_generation\",\"file\":\"" + file + "\",\"offset\":" + offset +
          ",\"octets\":" + rest +
          ",\"generation\":2}\n"
          "{\"kind\":\"summary\",\"segments\":1,\"sealed\":0,\"open_tails\":0,"
          "\"torn_tails\":0,\"stale_tails\":1,\"damaged_tails\":0,\"set_aside\":0,\"records\":12,"
          "\"mails\":4,\"octets\":20,\"unaccepted\":0,\"findings\":0,\"corruptions\":0,"
          "\"damaged_mails\":0,\"unreadable\":0}\n");
}

// What stands behind is no tail: records that were promised lie beyond it.
TEST_F(SpoolCommandTest, AnEarlierGenerationBeforeWholeRecordsIsCorruption) {
  Recycled recycled;
  const tests::SegmentBuilder old = [] {
    tests::SegmentBuilder segment(2, 0, 7);
    for (uint64_t id = 1; id < 20; ++id) segment.add_mail({.mail_id = id << 10, .data = "old\r\n"});
    return segment;
  }();
  const auto& offsets = recycled.fresh.offsets();
  std::copy(old.octets().begin() + std::ptrdiff_t(offsets[3]),
            old.octets().begin() + std::ptrdiff_t(offsets[6]),
            recycled.octets.begin() + std::ptrdiff_t(offsets[3]));
  write(recycled.octets, 3);
  std::filesystem::remove(spool::segment_path(spool_, 0, 1));
  const std::string file = spool::segment_path(spool_, 0, 3);
  const Outcome json = run({"verify", "--json", spool_});
  EXPECT_EQ(json.exit_code, kExitFailure);
  EXPECT_TRUE(json.out.starts_with("{\"kind\":\"corruption\",\"file\":\"" + file +
                                   "\",\"offset\":" + std::to_string(offsets[3]) +
                                   ",\"what\":\"record.generation\"}\n"))
      << json.out;
  EXPECT_NE(json.out.find("\"mails\":3,"), std::string::npos);
  EXPECT_NE(json.out.find("\"corruptions\":1,"), std::string::npos);
}

TEST_F(SpoolCommandTest, ADamagedMailIsAnObjectWithItsId) {
  auto octets = octets_;
  octets[offsets_[1] + 40] ^= std::byte{1};
  write(octets);
  const std::string file = spool::segment_path(spool_, 0, 1);
  const Outcome json = run({"verify", "--json", spool_});
  EXPECT_EQ(json.exit_code, kExitFailure);
  EXPECT_NE(json.out.find("{\"kind\":\"damaged_mail\",\"file\":\"" + file +
                          "\",\"offset\":" + std::to_string(offsets_[2]) +
                          ",\"what\":\"mail.data_records\",\"id\":\"" + kFirstId + "\"}\n"),
            std::string::npos)
      << json.out;
  EXPECT_NE(json.out.find("\"findings\":2,\"corruptions\":1,\"damaged_mails\":1,"),
            std::string::npos);
}

TEST_F(SpoolCommandTest, StatsAddUp) {
  const Outcome result = run({"stats", spool_, "--json"});
  EXPECT_EQ(result.exit_code, kExitOk);
  const std::string bytes = std::to_string(octets_.size());
  const std::string numbers =
      "\"segments\":1,\"mails\":2,\"octets\":100027,\"used_bytes\":" + bytes +
      ",\"allocated_bytes\":" + bytes +
      ",\"oldest\":\"1970-01-01T00:00:01.000000Z\",\"newest\":\"1970-01-01T00:00:02.000000Z\"";
  EXPECT_EQ(result.out,
            "{" + numbers + ",\"workers\":[{\"worker\":0," + numbers +
                "}],\"durability\":{\"disk\":{\"mails\":2,\"octets\":100027},"
                "\"page-cache\":{\"mails\":0,\"octets\":0}},\"consumers\":[],\"server\":null}\n");
  const Outcome table = run({"stats", spool_});
  EXPECT_EQ(table.exit_code, kExitOk);
  EXPECT_NE(table.out.find("\ndisk                 2           100027\n"), std::string::npos);
}

TEST_F(SpoolCommandTest, BadUsageIsOneLineAndExitTwo) {
  const std::vector<std::vector<std::string>> mistakes = {
      {},
      {"lst"},
      {"list"},
      {"list", spool_, "--unknown"},
      {"list", directory_.path()},
      {"list", directory_.path() + "/nowhere"},
      {"verify", spool_ + "/worker-0000/0000000000000001.segment"},
      {"show", spool_},
      {"show", spool_, "notanid"},
      {"export", spool_},
      {"export", spool_, "--format", "zip", "--output", out_},
      {"export", spool_, "--format", "eml", "--output", "-"},
      {"export", directory_.path(), "--format", "mbox", "--output", out_},
      {"export", spool_, "--format", "mbox", "--output", out_, "--id", "x"},
  };
  for (const auto& mistake : mistakes) {
    const Outcome result = run(mistake);
    EXPECT_EQ(result.exit_code, kExitUsage) << testing::PrintToString(mistake);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_FALSE(std::filesystem::exists(out_)) << testing::PrintToString(mistake);
  }
}

}  // namespace
}  // namespace mailrace::tools
