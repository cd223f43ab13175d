// SPDX-License-Identifier: GPL-3.0-or-later
// What the load generator says, reply by reply, without a socket.
#include "net/system_clock.h"
#include "tools/load/dialog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {
namespace {

constexpr std::string_view kHello = "250-test\r\n250-PIPELINING\r\n250 CHUNKING\r\n";

// A dialog, and all that it needs.
class Talk {
 public:
  explicit Talk(const LoadOptions& options) : plan_(options), dialog_(context_) { dialog_.open(0); }

  // Hears some replies; what is said to them. An action that says nothing is in angle brackets, and
  // so is mail data, which is kept in data().
  std::string hear(std::string_view replies) {
    std::string said;
    while (!replies.empty()) {
      replies.remove_prefix(parser_.take(core::as_octets(replies)).consumed);
      said += done(dialog_.on_reply(parser_));
    }
    return said;
  }

  // An open loop of ten messages, a hundred a second from `start` on.
  void begin_open_loop(core::Instant start) {
    pacer_.emplace(10, stats_);
    pacer_->begin({*parse_rate("100"), LoadArrivals::constant, {}, 1, start}, true);
    context_.pacer = &*pacer_;
  }
  // As the worker does at that time, if the dialog rests and a message waits.
  std::string pass_time_to(core::Instant now) {
    context_.now = now;
    pacer_->advance(now);
    const auto due = pacer_->take();
    return due ? done(dialog_.begin_due(*due)) : "";
  }
  std::string quit() { return done(dialog_.quit()); }

  const std::string& data() const { return data_; }
  const LoadStats& stats() const { return stats_; }
  LoadContext& context() { return context_; }

 private:
  std::string done(LoadAction action) {
    switch (action) {
      case LoadAction::wait:
        return "";
      case LoadAction::send:
        return std::string(dialog_.text());
      case LoadAction::mail_data:
        return sent_data();
      case LoadAction::handshake:
        return "<handshake>";
      case LoadAction::rest:
        return "<rest>";
      case LoadAction::end:
        return "<end>";
      case LoadAction::unexpected:
        return "<unexpected>";
      case LoadAction::not_chunking:
        return "<not chunking>";
    }
    return "";
  }

  // In small pieces, of which the kernel takes a part each time.
  std::string sent_data() {
    LoadOutgoing& outgoing = dialog_.outgoing();
    std::string command;
    while (!outgoing.is_taken()) {
      const LoadOutgoing::Pieces pieces = outgoing.hand_over(100);
      std::string all;
      for (const core::Octets piece : {pieces.command, pieces.head, pieces.body}) {
        all += core::as_text(piece);
      }
      const size_t taken = all.size() / 2 + 1;
      const size_t of_command = std::min(taken, pieces.command.size());
      command += all.substr(0, of_command);
      data_ += all.substr(of_command, taken - of_command);
      outgoing.take(taken);
    }
    if (outgoing.is_cut() && outgoing.is_last()) return command + "<half>" + done(dialog_.on_cut());
    dialog_.wait_from(context_.now);
    return command + "<data>";
  }

  LoadPlan plan_;
  net::Ring ring_;
  LoadStats stats_;
  LoadContext context_{.plan = plan_,
                       .ring = ring_,
                       .buffer_group = 0,
                       .stats = stats_,
                       .messages_left = 1000,
                       .next_number = 0,
                       .next_connection = 0,
                       .deadline = {INT64_MAX},
                       .measuring = true};
  std::optional<LoadPacer> pacer_;
  LoadDialog dialog_;
  ReplyParser parser_;
  std::string data_;
};

TEST(LoadDialog, SaysMailRcptAndDataInOnePieceIfItMay) {
  Talk talk({});
  EXPECT_EQ(talk.hear("220 here\r\n"), "EHLO load.mailrace.invalid\r\n");
  const std::string batch =
      "MAIL FROM:<load@example.test>\r\nRCPT TO:<load@example.test>\r\nDATA\r\n";
  EXPECT_EQ(talk.hear(kHello), batch);
  EXPECT_EQ(talk.hear("250 ok\r\n250 ok\r\n"), "");
  EXPECT_EQ(talk.hear("354 go\r\n"), "<data>");
  EXPECT_EQ(talk.data().size(), 4096u + 3);
  EXPECT_EQ(talk.hear("250 taken\r\n"), batch);
  EXPECT_EQ(talk.stats().messages, 1u);
}

TEST(LoadDialog, SaysOneCommandAtATimeIfItMustNot) {
  LoadOptions options;
  options.recipients = 2;
  options.rcpt = "u%d@x.test";
  Talk talk(options);
  talk.hear("220 here\r\n");
  EXPECT_EQ(talk.hear("250 test\r\n"), "MAIL FROM:<load@example.test>\r\n");
  EXPECT_EQ(talk.hear("250 ok\r\n"), "RCPT TO:<u0@x.test>\r\n");
  EXPECT_EQ(talk.hear("250 ok\r\n"), "RCPT TO:<u1@x.test>\r\n");
  EXPECT_EQ(talk.hear("250 ok\r\n"), "DATA\r\n");
  EXPECT_EQ(talk.hear("354 go\r\n"), "<data>");
  talk.hear("250 taken\r\n250 ok\r\n");
  EXPECT_EQ(talk.hear("250 ok\r\n"), "RCPT TO:<u3@x.test>\r\n") << "numbers go on";
}

TEST(LoadDialog, ExpectsBadRecipientsToBeRefused) {
  LoadOptions options;
  options.recipients = 3;
  options.bad_recipients_percent = 50;
  Talk talk(options);
  talk.hear("220 here\r\n");
  std::string said = talk.hear(kHello);
  uint64_t refused = 0;
  uint64_t without = 0;
  for (int message = 0; message < 20; ++message) {
    std::string replies = "250 ok\r\n";
    size_t good = 0;
    for (size_t at = 0; (at = said.find("RCPT TO:<", at)) != std::string::npos; at += 9) {
      const bool is_bad = said.substr(at + 9).starts_with("nobody@");
      replies += is_bad ? (refused++ % 2 == 0 ? "550 no\r\n" : "450 no\r\n") : "250 ok\r\n";
      good += is_bad ? 0 : 1;
    }
    ASSERT_TRUE(said.ends_with(good > 0 ? "DATA\r\n" : "RSET\r\n")) << said;
    without += good > 0 ? 0 : 1;
    replies += good > 0 ? "354 go\r\n250 taken\r\n" : "250 ok\r\n";
    said = talk.hear(replies);
    if (said.starts_with("<data>")) said.erase(0, 6);
  }
  EXPECT_GT(without, 0u);
  EXPECT_EQ(talk.stats().refused_recipients, refused);
  EXPECT_EQ(talk.stats().without_recipients, without);
  EXPECT_EQ(talk.stats().messages, 20 - without);
}

TEST(LoadDialog, DoesNotExpectABadRecipientToBeTaken) {
  LoadOptions options;
  options.bad_recipients_percent = 100;
  Talk talk(options);
  talk.hear("220 here\r\n");
  talk.hear(kHello);
  EXPECT_EQ(talk.hear("250 ok\r\n250 ok\r\n"), "<unexpected>");
}

TEST(LoadDialog, AbortsByResetAndInTheMiddleInTurn) {
  LoadOptions options;
  options.abort_percent = 100;
  Talk talk(options);
  talk.hear("220 here\r\n");
  EXPECT_TRUE(talk.hear(kHello).ends_with("RSET\r\n"));
  EXPECT_TRUE(talk.hear("250 ok\r\n250 ok\r\n250 ok\r\n").ends_with("DATA\r\n"));
  EXPECT_EQ(talk.hear("250 ok\r\n250 ok\r\n354 go\r\n"), "<half><end>");
  EXPECT_EQ(talk.data().size(), (4096u + 3) / 2);
  EXPECT_EQ(talk.stats().aborted, 2u);
  EXPECT_EQ(talk.stats().messages, 0u);
}

TEST(LoadDialog, SendsChunksThatAddUpToTheMessage) {
  LoadOptions options;
  options.framing = LoadFraming::bdat;
  options.bdat_chunk_bytes = 1500;
  Talk talk(options);
  talk.hear("220 here\r\n");
  const std::string batch = "MAIL FROM:<load@example.test>\r\nRCPT TO:<load@example.test>\r\n";
  EXPECT_EQ(talk.hear(kHello), batch);
  EXPECT_EQ(talk.hear("250 ok\r\n250 ok\r\n"), "BDAT 1500\r\n<data>");
  EXPECT_EQ(talk.hear("250 ok\r\n"), "BDAT 1500\r\n<data>");
  EXPECT_EQ(talk.hear("250 ok\r\n"), "BDAT 1096 LAST\r\n<data>");
  EXPECT_EQ(talk.data().size(), 4096u);
  EXPECT_EQ(talk.hear("250 taken\r\n"), batch);
  EXPECT_EQ(talk.stats().messages, 1u);
}

TEST(LoadDialog, AbortsAChunkInTheMiddle) {
  LoadOptions options;
  options.framing = LoadFraming::bdat;
  options.bdat_chunk_bytes = 1500;
  options.abort_percent = 100;
  Talk talk(options);
  talk.hear("220 here\r\n");
  talk.hear(kHello);
  talk.hear("250 ok\r\n250 ok\r\n250 ok\r\n");  // the one that ends by RSET
  EXPECT_EQ(talk.hear("250 ok\r\n250 ok\r\n"), "BDAT 1500\r\n<data>");
  EXPECT_EQ(talk.hear("250 ok\r\n"), "BDAT 1500\r\n<half><end>");
  EXPECT_EQ(talk.data().size(), 2048u);
}

TEST(LoadDialog, SendsNoChunksWhereTheyAreNotOffered) {
  LoadOptions options;
  options.framing = LoadFraming::bdat;
  Talk talk(options);
  talk.hear("220 here\r\n");
  EXPECT_EQ(talk.hear("250-test\r\n250 PIPELINING\r\n"), "<not chunking>");
}

TEST(LoadDialog, SpeaksLmtpAndWaitsForTheReplyOfEachRecipient) {
  LoadOptions options;
  options.target = "lmtp:/run/socket";
  options.recipients = 3;
  Talk talk(options);
  EXPECT_EQ(talk.hear("220 here\r\n"), "LHLO load.mailrace.invalid\r\n");
  talk.hear(kHello);
  EXPECT_EQ(talk.hear("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"), "<data>");
  EXPECT_EQ(talk.hear("250 one\r\n250 two\r\n"), "");
  EXPECT_EQ(talk.stats().messages, 0u);
  EXPECT_TRUE(talk.hear("250 three\r\n").starts_with("MAIL"));
  EXPECT_EQ(talk.stats().messages, 1u);
  talk.hear("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_EQ(talk.hear("250 one\r\n452 full\r\n"), "<unexpected>");
  EXPECT_EQ(talk.stats().messages, 1u);
}

// Number, size, recipients and end of many messages.
std::string choices_of(uint64_t seed) {
  LoadOptions options;
  options.seed = seed;
  options.message_bytes = LoadSize(4096, 1000);
  options.recipients = LoadCount(LoadCount::Kind::uniform, 1, 5);
  options.bad_recipients_percent = 30;
  options.abort_percent = 20;
  const LoadPlan plan(options);
  LoadTransaction transaction(plan);
  std::string choices;
  for (uint64_t number = 0; number < 100; ++number) {
    transaction.choose(number);
    choices +=
        std::to_string(transaction.body().size) + " " + std::to_string(int(transaction.end()));
    choices += std::string(transaction.batch());
  }
  return choices;
}

TEST(LoadTransaction, IsDecidedByTheSeed) {
  EXPECT_EQ(choices_of(1), choices_of(1));
  EXPECT_NE(choices_of(1), choices_of(2));
}

// --- an open loop --------------------------------------------------------------------------------

TEST(LoadDialog, RestsUntilAMessageIsDue) {
  LoadOptions options;
  options.pipelining = false;
  Talk talk(options);
  talk.begin_open_loop({});
  talk.hear("220 here\r\n");
  EXPECT_EQ(talk.hear(kHello), "<rest>");
  EXPECT_EQ(talk.pass_time_to({-1}), "");
  const std::string mail = "MAIL FROM:<load@example.test>\r\n";
  EXPECT_EQ(talk.pass_time_to({core::milliseconds(25).ns}), mail) << "three are due";
  const char* const taken = "250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n";
  const std::string rest_of_it = "RCPT TO:<load@example.test>\r\nDATA\r\n<data>";
  EXPECT_EQ(talk.hear(taken), rest_of_it + mail) << "the next one waits already";
  EXPECT_EQ(talk.hear(taken), rest_of_it + mail);
  EXPECT_EQ(talk.hear(taken), rest_of_it + "<rest>");
  EXPECT_EQ(talk.stats().scheduled, 3u);
  EXPECT_EQ(talk.stats().messages, 3u);
  EXPECT_EQ(talk.quit(), "QUIT\r\n");
  EXPECT_EQ(talk.hear("221 bye\r\n"), "<end>");
}

TEST(LoadDialog, HasLatencyFromWhenAMessageWasDue) {
  Talk talk({});
  const core::Instant now = net::SystemClock().now();
  talk.begin_open_loop({now.ns - core::seconds(10).ns});
  talk.hear("220 here\r\n");
  talk.hear(kHello);
  EXPECT_NE(talk.pass_time_to(now), "");
  talk.hear("250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n");
  EXPECT_EQ(talk.stats().latency_ns.count(), 1u);
  EXPECT_GE(talk.stats().latency_ns.max(), uint64_t(core::seconds(10).ns));
}

// What ends without mail data is not due any more, and has no latency.
std::string said_behind_reset(Talk& talk, std::string_view replies) {
  talk.begin_open_loop({});
  talk.hear("220 here\r\n");
  talk.hear(kHello);
  EXPECT_TRUE(talk.pass_time_to({}).ends_with("RSET\r\n"));
  const std::string said = talk.hear(replies);
  EXPECT_EQ(talk.stats().latency_ns.count(), 0u);
  return said;
}

TEST(LoadDialog, AnAbortedMessageIsNotDueAnyMore) {
  LoadOptions options;
  options.abort_percent = 100;
  Talk talk(options);
  EXPECT_EQ(said_behind_reset(talk, "250 ok\r\n250 ok\r\n250 reset\r\n"), "<rest>");
  EXPECT_EQ(talk.stats().aborted, 1u);
}

TEST(LoadDialog, AMessageOfBadRecipientsOnlyIsNotDueAnyMore) {
  LoadOptions options;
  options.bad_recipients_percent = 100;
  Talk talk(options);
  EXPECT_EQ(said_behind_reset(talk, "250 ok\r\n550 no\r\n250 reset\r\n"), "<rest>");
  EXPECT_EQ(talk.stats().without_recipients, 1u);
}

}  // namespace
}  // namespace mailrace::tools
