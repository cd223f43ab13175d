// SPDX-License-Identifier: GPL-3.0-or-later
// Lost, double, altered and unknown mails, each alone and all together; files that are none.
#include "tools/sink/verify.h"

#include "core/base/limits.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

MailRecord mail(uint64_t number, uint32_t crc = 7, uint64_t size = 100) {
  return {.id = {1, number}, .size = size, .crc = crc, .has_id = true};
}

void expect_counts(const MailMatch& match, const std::vector<uint64_t>& counts) {
  for (size_t finding = 0; finding < kMailFindingCount; ++finding) {
    EXPECT_EQ(match.counts[finding], counts[finding]) << kMailFindingNames[finding];
    EXPECT_EQ(match.examples[finding].size(), counts[finding]);
  }
  EXPECT_EQ(match.is_good(), counts[0] + counts[1] + counts[2] == 0);
}

TEST(MatchMails, IsGoodIfAllIsThereOnceInAnyOrder) {
  const auto match = match_mails({mail(1), mail(2), mail(3)}, {mail(3), mail(1), mail(2)});
  EXPECT_EQ(match.acknowledged, 3u);
  EXPECT_EQ(match.arrived, 3u);
  expect_counts(match, {0, 0, 0, 0});
  expect_counts(match_mails({}, {}), {0, 0, 0, 0});
}

TEST(MatchMails, FindsWhatIsWrong) {
  expect_counts(match_mails({mail(1), mail(2), mail(3)}, {mail(2)}), {2, 0, 0, 0});
  expect_counts(match_mails({mail(1)}, {mail(1), mail(1), mail(1)}), {0, 1, 0, 0});
  expect_counts(match_mails({mail(1)}, {mail(1, 8)}), {0, 0, 1, 0});
  expect_counts(match_mails({mail(1)}, {mail(1, 7, 101)}), {0, 0, 1, 0});
  expect_counts(match_mails({mail(1)}, {mail(1), mail(2)}), {0, 0, 0, 1});
  expect_counts(match_mails({mail(1)}, {mail(1), mail(1, 8)}), {0, 1, 1, 0});
  MailRecord altered = mail(2);
  altered.is_altered = true;  // of itself, although nobody says what it was
  expect_counts(match_mails({mail(1)}, {mail(1), altered}), {0, 0, 1, 1});
}

TEST(MatchMails, TellsRunsApart) {
  MailRecord other = mail(1);
  other.id.run = 2;
  expect_counts(match_mails({mail(1)}, {other}), {1, 0, 0, 1});
}

TEST(MatchMails, LeavesOutMailsWithoutAnId) {
  MailRecord stranger = mail(0);
  stranger.has_id = false;
  const auto match = match_mails({mail(1)}, {stranger, mail(1), stranger});
  EXPECT_EQ(match.arrived, 1u);
  expect_counts(match, {0, 0, 0, 0});
}

TEST(MatchMails, CountsAnAcknowledgementOnce) {
  const auto match = match_mails({mail(1), mail(1)}, {mail(1)});
  EXPECT_EQ(match.acknowledged, 1u);
  expect_counts(match, {0, 0, 0, 0});
}

TEST(MatchMails, NamesTheFirstFew) {
  std::vector<MailRecord> sent;
  for (uint64_t number = 0; number < 100; ++number) sent.push_back(mail(number));
  const auto match = match_mails(sent, {mail(0)});
  EXPECT_EQ(match.count(MailFinding::lost), 99u);
  const auto& examples = match.examples[size_t(MailFinding::lost)];
  ASSERT_EQ(examples.size(), core::kMailExamplesMax);
  EXPECT_EQ(examples.front().number, 1u);
}

class ReadRecords : public testing::Test {
 protected:
  tl::expected<std::vector<MailRecord>, std::string> read(const std::string& text) {
    std::ofstream(path_) << text;
    return read_records("--verify", path_);
  }

  tests::TemporaryDirectory directory_;
  std::string path_ = directory_.path() + "/ids";
};

TEST_F(ReadRecords, ReadsALineForEach) {
  const std::string line = format_record(mail(1)) + "\n";
  const auto records = read(line + "-.00000001 5\n" + line);
  ASSERT_TRUE(records) << records.error();
  ASSERT_EQ(records->size(), 3u);
  EXPECT_EQ((*records)[2].id, mail(1).id);
  EXPECT_FALSE((*records)[1].has_id);
  EXPECT_TRUE(read("")->empty());
}

TEST_F(ReadRecords, NamesFlagFileAndLine) {
  const std::string line = format_record(mail(1)) + "\n";
  EXPECT_EQ(read(line + "x\n").error(), "--verify: " + path_ + ":2: no line RUN.NUMBER.CRC SIZE");
  for (const std::string& text : {line.substr(0, line.size() - 1), std::string("\n"),
                                  std::string(5000, 'x'), std::string("\0\n", 2)}) {
    EXPECT_EQ(read(text).error(), "--verify: " + path_ + ":1: no line RUN.NUMBER.CRC SIZE");
  }
  EXPECT_EQ(read_records("--received", path_ + ".none").error(),
            "--received: " + path_ + ".none: No such file or directory");
}

}  // namespace
}  // namespace mailrace::tools
