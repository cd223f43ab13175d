// SPDX-License-Identifier: GPL-3.0-or-later
// Where mails are handed off to, when somebody else works there as well.
#include "tools/spool/hand_off_target.h"

#include "tests/unit/tools/spool/hand_off_fixture.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace mailrace::tools {
namespace {

// --- a line for each mail ------------------------------------------------------------------------

using LineHandOffTest = HandOffTest;

// At a step with two mails on their way.
std::function<bool(int)> within_the_batch(const std::function<void()>& what) {
  return [what](int steps) {
    if (steps == 2) what();
    return false;
  };
}

bool has_all_mails(const std::string& text) {
  return std::ranges::all_of(kIds, [&text](uint64_t id) {
    return text.find("{\"id\":\"" + queue_id(id) + "\"") != std::string::npos;
  });
}

// As log rotation does.
TEST_F(LineHandOffTest, LinesGoToTheFileThatHasTheName) {
  std::ofstream(out_) << "{}\n";
  const auto rotate = [this] { std::filesystem::rename(out_, out_ + ".1"); };
  EXPECT_EQ(hand_off_with(lines(), within_the_batch(rotate)), kExitOk);
  EXPECT_EQ(contents(out_ + ".1"), "{}\n");
  const std::string text = contents(out_);
  EXPECT_EQ(std::ranges::count(text, '\n'), 3);
  EXPECT_TRUE(has_all_mails(text));
  EXPECT_EQ(hand_off("jsonl").exit_code, kExitOk);
  EXPECT_EQ(contents(out_), text) << "once";
}

// Lines that are longer than what is collected before it is written.
TEST_F(LineHandOffTest, NothingIsLostWithAFileThatIsRemoved) {
  tests::SegmentBuilder segment(2);
  for (const uint64_t id : {4096, 5120}) {
    segment.add_mail({.mail_id = id, .data = std::string(300'000, char('a' + id % 7))});
  }
  segment.add_seal();
  write(segment, 2);
  const auto remove = [this](int steps) {
    if (steps == 4) std::filesystem::remove(out_);
    return false;
  };
  EXPECT_EQ(hand_off_with(lines(), remove), kExitOk);
  const std::string text = contents(out_);
  EXPECT_TRUE(has_all_mails(text));
  EXPECT_EQ(std::ranges::count(text, '\n'), 5);
  std::filesystem::remove(out_);
  EXPECT_EQ(hand_off("jsonl", "other").exit_code, kExitOk);
  EXPECT_EQ(contents(out_), text);
}

TEST_F(LineHandOffTest, NothingIsAcknowledgedWithoutADirectoryForIt) {
  const std::string directory = directory_.path() + "/logs";
  std::filesystem::create_directories(directory);
  out_ = directory + "/out";
  const auto remove = [&] { std::filesystem::remove_all(directory); };
  EXPECT_EQ(hand_off_with(lines(), within_the_batch(remove)), kExitFailure);
  std::filesystem::create_directories(directory);
  EXPECT_EQ(hand_off("jsonl").exit_code, kExitOk);
  EXPECT_TRUE(has_all_mails(contents(out_)));
}

TEST_F(LineHandOffTest, NothingIsAcknowledgedThatSomebodyElseMayHaveCutOff) {
  std::ofstream(out_) << std::string(10'000, '\n');
  const auto cut = [this] { std::filesystem::resize_file(out_, 0); };
  EXPECT_EQ(hand_off_with(lines(), within_the_batch(cut)), kExitFailure);
  EXPECT_EQ(contents(out_).find('\0'), std::string::npos);
  EXPECT_EQ(hand_off("jsonl").exit_code, kExitOk);
  EXPECT_TRUE(has_all_mails(contents(out_)));
}

TEST_F(LineHandOffTest, AFileThatWasCutIsNotMadeLonger) {
  const spool::StoredMail mail;
  {
    LineHandOff target(out_);
    EXPECT_FALSE(target.prepare());
    for (int i = 0; i < 2; ++i) {
      EXPECT_FALSE(target.begin(mail));
      EXPECT_FALSE(target.end());
      EXPECT_FALSE(target.sync());
      EXPECT_EQ(std::ranges::count(contents(out_), '\n'), 1);
      std::filesystem::resize_file(out_, 0);  // between two batches: nobody misses anything
    }
    EXPECT_FALSE(target.begin(mail));
    EXPECT_FALSE(target.add(core::as_octets(std::string(1 << 20, 'x'))));
    std::filesystem::resize_file(out_, 10);
    target.abandon();
    EXPECT_TRUE(target.begin(mail)) << "somebody else has cut it";
  }
  EXPECT_EQ(std::filesystem::file_size(out_), 10u);
}

// --- a file for each mail ------------------------------------------------------------------------

using DirectoryHandOffTest = HandOffTest;

std::string second_name(uint64_t id) { return "7." + queue_id(id) + ".2.mailrace"; }

TEST_F(DirectoryHandOffTest, AMailThatIsThereAlreadyIsLeftAsItIs) {
  std::filesystem::create_directories(out_ + "/new");
  std::filesystem::create_directories(out_ + "/cur");
  std::ofstream(out_ + "/new/" + name(1024)) << mail(1024).data;
  std::ofstream(out_ + "/cur/" + name(2048) + ":2,S") << mail(2048).data;
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(1024), name(3072)}));
  EXPECT_EQ(names(out_ + "/cur"), (Names{name(2048) + ":2,S"}));
  EXPECT_TRUE(names(out_ + "/tmp").empty());
  // All three are acknowledged.
  std::filesystem::remove_all(out_);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_TRUE(names(out_ + "/new").empty());
}

// Of another spool that had a mail in the same microsecond.
TEST_F(DirectoryHandOffTest, AnotherMailOfTheSameNameIsLeftAsItIsAndCostsNone) {
  std::filesystem::create_directories(out_ + "/new/" + name(3072));
  std::filesystem::create_directories(out_ + "/cur");
  std::ofstream(out_ + "/new/" + name(1024)) << 'm';
  std::ofstream(out_ + "/cur/" + name(2048) + ":2,S") << std::string(mail(2048).data.size(), 'x');
  for (const char* const consumer : {"c", "again"}) {
    EXPECT_EQ(hand_off("maildir", consumer).exit_code, kExitOk);
    EXPECT_EQ(names(out_ + "/new"), (Names{name(1024), second_name(1024), second_name(2048),
                                           name(3072), second_name(3072)}));
    for (const uint64_t id : kIds) {
      EXPECT_EQ(contents(out_ + "/new/" + second_name(id)), mail(id).data);
    }
    EXPECT_EQ(contents(out_ + "/new/" + name(1024)), "m");
    EXPECT_EQ(names(out_ + "/cur").size(), 1u);
    EXPECT_TRUE(names(out_ + "/tmp").empty());
  }
}

// As a power cut may leave what was never synced.
TEST_F(DirectoryHandOffTest, AnEmptyFileIsNoMail) {
  std::filesystem::create_directories(out_);
  std::ofstream(out_ + "/" + queue_id(2048) + ".eml").flush();
  EXPECT_EQ(hand_off("eml").exit_code, kExitOk);
  EXPECT_EQ(contents(out_ + "/" + queue_id(2048) + ".2.eml"), mail(2048).data);
  EXPECT_EQ(names(out_).size(), 4u);
}

}  // namespace
}  // namespace mailrace::tools
