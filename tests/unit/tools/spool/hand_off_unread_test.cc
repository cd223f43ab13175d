// SPDX-License-Identifier: GPL-3.0-or-later
// Mails that a consumer was told of, and could not read: some heal, some are lost; none keeps its
// segment for ever.
#include "tests/unit/tools/spool/hand_off_fixture.h"

#include <filesystem>
#include <functional>
#include <string>

namespace mailrace::tools {
namespace {

class HandOffUnreadTest : public HandOffTest {
 protected:
  /// Two more segments, of which the first has a mail that does not check. returns   what heals it
  std::function<void()> add_damage() const {
    tests::SegmentBuilder second(2);
    second.add_mail(mail(4096));
    const uint64_t bad = second.end() + 40;
    second.add_mail(mail(5120));
    second.add_seal();
    write(second, 2);
    add_segment(3, {6144});
    return damage(2, bad);
  }
  /// One more segment with all of a mail but its end.
  void add_begun(uint64_t number, uint64_t id) const {
    tests::SegmentBuilder begun(number);
    begun.add_envelope(mail(id));
    begun.add_data(id, mail(id).data);
    begun.add_seal();
    write(begun, number);
  }
};

// Some seconds of a consumer that has nothing to do.
constexpr int kStepsMax = 200;

// --- looked at again -----------------------------------------------------------------------------

TEST_F(HandOffUnreadTest, WhatHealsIsHandedOffByTheConsumerThatRuns) {
  const auto heal = add_damage();
  const auto between = [&](int steps) {
    if (steps == 20) heal();
    return steps > kStepsMax || std::filesystem::exists(out_ + "/new/" + name(5120));
  };
  EXPECT_EQ(hand_off_with(maildir(), between, /*follow=*/true), kExitFailure) << "it was damaged";
  EXPECT_EQ(contents(out_ + "/new/" + name(5120)), mail(5120).data);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(pending(), 0u);
}

TEST_F(HandOffUnreadTest, WhatARepairGaveUpIsLetGoByTheConsumerThatRuns) {
  add_damage();
  const auto between = [&](int steps) {
    if (steps == 20) {
      EXPECT_EQ(run_spool_command({"repair", spool_}).exit_code, kExitOk);
    }
    return steps > kStepsMax || (steps > 20 && pending() == 0);
  };
  EXPECT_EQ(hand_off_with(maildir(), between, /*follow=*/true), kExitFailure);
  EXPECT_EQ(pending(), 0u);
  EXPECT_EQ(names(out_ + "/new").size(), 5u);
}

// Too many open files, a file system that hangs. The mail's data is in another segment than its
// end, which has no name for a moment.
TEST_F(HandOffUnreadTest, AMailThatCouldNotBeReadForAMomentIsHandedOff) {
  add_begun(2, 5120);
  tests::SegmentBuilder third(3);
  third.add_mail(mail(4096));
  third.add_end(5120, mail(5120).data.size(), 1);
  third.add_mail(mail(6144));
  third.add_seal();
  write(third, 3);
  const std::string aside = path_of(2) + ".aside";
  const auto between = [&](int steps) {
    if (steps == 4) std::filesystem::rename(path_of(2), aside);
    if (steps == 5) std::filesystem::rename(aside, path_of(2));
    return steps > kStepsMax || std::filesystem::exists(out_ + "/new/" + name(5120));
  };
  testing::internal::CaptureStderr();
  EXPECT_EQ(hand_off_with(maildir(), between, /*follow=*/true), kExitFailure);
  const std::string complaints = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(complaints, '\n'), 1) << complaints;
  EXPECT_EQ(contents(out_ + "/new/" + name(5120)), mail(5120).data);
  EXPECT_EQ(names(out_ + "/new").size(), 6u);
}

// --- not there any more --------------------------------------------------------------------------

// Its write failed behind the reader, the server cut the segment, and its sender heard 451.
TEST_F(HandOffUnreadTest, AMailThatWasUndoneIsLetGo) {
  tests::SegmentBuilder begun(1);
  begun.add_mail(mail(1024));
  const uint64_t undone = begun.end();
  EXPECT_EQ(say("hold", 2048).exit_code, kExitOk);
  const auto between = [&](int steps) {
    if (steps == 1) std::filesystem::resize_file(path_of(1), undone);
    return false;
  };
  EXPECT_EQ(hand_off_with(maildir(), between), kExitFailure);
  EXPECT_EQ(names(out_ + "/new"), (Names{name(1024)}));
  EXPECT_EQ(say("release", 2048).exit_code, kExitOk);
  const Outcome again = hand_off();
  EXPECT_EQ(again.exit_code, kExitOk) << again.err;
  EXPECT_NE(again.err.find(queue_id(3072)), std::string::npos) << again.err;
  EXPECT_EQ(pending(), 0u);
  EXPECT_EQ(hand_off().err, "");
}

TEST_F(HandOffUnreadTest, AMailWhoseFirstSegmentWasTakenAwayIsLetGo) {
  add_begun(2, 5120);
  tests::SegmentBuilder third(3);
  third.add_end(5120, mail(5120).data.size(), 1);
  third.add_seal();
  write(third, 3);
  EXPECT_EQ(say("hold", 5120).exit_code, kExitOk);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(pending(), 1u);
  std::filesystem::rename(path_of(2), directory_.path() + "/for-study");
  EXPECT_EQ(say("release", 5120).exit_code, kExitOk);
  EXPECT_EQ(hand_off().exit_code, kExitOk);
  EXPECT_EQ(pending(), 0u);
}

}  // namespace
}  // namespace mailrace::tools
