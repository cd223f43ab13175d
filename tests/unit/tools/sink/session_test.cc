// SPDX-License-Identifier: GPL-3.0-or-later
// Dialogs of SMTP and LMTP, their order, their bounds, and faults in each place.
#include "tools/sink/session.h"

#include "tests/support/sink_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr const char* kGreeting = "220 sink.example ESMTP mailrace sink|";
constexpr const char* kEhloReply =
    "250-sink.example|250-PIPELINING|250-SIZE 65536|250-8BITMIME|250-SMTPUTF8|250-CHUNKING|"
    "250 ENHANCEDSTATUSCODES|";
constexpr const char* kOpen = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n";
constexpr const char* kOpened = "250 2.1.0 sender ok|250 2.1.5 recipient ok|";
constexpr const char* kStart = "354 end mail data with <CR><LF>.<CR><LF>|";
constexpr const char* kTaken = "250 2.0.0 ok|";

SinkOptions make_options() {
  SinkOptions options;
  options.hostname = "sink.example";
  options.message_bytes_max = core::kMessageBytesFloor;
  options.recipients_max = core::kRecipientsFloor;
  options.ids = "a file that nobody opens here";
  return options;
}

class SinkSessionTest : public testing::Test {
 protected:
  void start(std::string_view input = "EHLO client.example\r\n") {
    plan_ = *SinkPlan::make(options_);
    driver_.emplace(plan_);
    driver_->feed({});
    driver_->feed(input);
    if (!input.empty()) driver_->take_said();
  }
  std::string say(std::string_view input) {
    driver_->feed(input);
    return driver_->take_said();
  }
  std::string mail(const std::string& data) { return say(kOpen + ("DATA\r\n" + data)); }

  SinkOptions options_ = make_options();
  SinkPlan plan_;
  std::optional<tests::SinkDriver> driver_;
};

TEST_F(SinkSessionTest, TakesMailByData) {
  start("");
  EXPECT_EQ(driver_->take_said(), kGreeting);
  EXPECT_EQ(say("EHLO client.example\r\n"), kEhloReply);
  EXPECT_EQ(mail("..dot\r\n.\r\n"), std::string(kOpened) + kStart + kTaken);
  EXPECT_EQ(driver_->stats.messages, 1u);
  EXPECT_EQ(driver_->stats.bytes, 6u);
  ASSERT_EQ(driver_->records.size(), 1u);
  EXPECT_EQ(driver_->records[0].size, 6u);
  EXPECT_EQ(driver_->stats.without_id, 1u);
  EXPECT_EQ(say("QUIT\r\n"), "221 2.0.0 closing connection|<close>");
}

TEST_F(SinkSessionTest, TakesMailInChunks) {
  start();
  EXPECT_EQ(say(std::string(kOpen) + "BDAT 3\r\n.\r\nBDAT 0\r\nBDAT 5 LAST\r\n.\r\n..NOOP\r\n"),
            std::string(kOpened) + "250 2.0.0 3 octets received|250 2.0.0 0 octets received|" +
                kTaken + kTaken);
  ASSERT_EQ(driver_->records.size(), 1u);
  EXPECT_EQ(driver_->records[0].size, 8u);
  EXPECT_EQ(say("BDAT 2 LAST\r\nxx"), "503 5.5.1 MAIL first|");
  EXPECT_EQ(say(std::string(kOpen) + "BDAT 1\r\nxDATA\r\nRCPT TO:<c@example.com>\r\nRSET\r\n"),
            std::string(kOpened) +
                "250 2.0.0 1 octets received|"
                "503 5.5.1 BDAT has begun, go on with it or RSET|"
                "503 5.5.1 BDAT has begun, go on with it or RSET|"
                "250 2.0.0 reset|");
  EXPECT_EQ(say("BDAT 1 FIRST\r\n"), "501 5.5.4 BDAT wants a size, and LAST at most|<hang up>");
}

TEST_F(SinkSessionTest, KeepsAnOrder) {
  start("");
  driver_->take_said();
  EXPECT_EQ(say("MAIL FROM:<>\r\n"), "503 5.5.1 EHLO or HELO first|");
  EXPECT_EQ(say("HELO client\r\n"), "250 sink.example|");
  EXPECT_EQ(say("RCPT TO:<b@example.com>\r\n"), "503 5.5.1 MAIL first|");
  EXPECT_EQ(say("MAIL FROM:<>\r\nMAIL FROM:<>\r\n"),
            "250 2.1.0 sender ok|503 5.5.1 a transaction is open|");
  EXPECT_EQ(say("DATA\r\n"), "554 5.5.1 no valid recipients|");
  EXPECT_EQ(say("NOOP\r\nRSET\r\n"), "250 2.0.0 ok|250 2.0.0 reset|");
  EXPECT_EQ(say("DATA\r\n"), "503 5.5.1 MAIL first|");
  EXPECT_EQ(say("VRFY a\r\n").substr(0, 4), "252 ");
  EXPECT_EQ(say("HELP\r\n").substr(0, 4), "214 ");
}

TEST_F(SinkSessionTest, RefusesWhatItDoesNotOffer) {
  start();
  for (const char* const parameter :
       {"BODY=BINARYMIME", "RET=FULL", "ENVID=x", "REQUIRETLS", "MT-PRIORITY=1", "PRDR", "X=1"}) {
    EXPECT_EQ(say("MAIL FROM:<> " + std::string(parameter) + "\r\n"),
              "555 5.5.4 parameter not known|")
        << parameter;
  }
  EXPECT_EQ(say("MAIL FROM:<> SIZE=65537\r\n"), "552 5.3.4 mail exceeds the size limit|");
  EXPECT_EQ(say("MAIL FROM:<\xc3\xa4@example.org>\r\n"), "501 5.1.7 not a reverse-path|");
  EXPECT_EQ(say("MAIL FROM:<\xc3\xa4@example.org> SMTPUTF8 BODY=8BITMIME SIZE=65536\r\n"),
            "250 2.1.0 sender ok|");
  EXPECT_EQ(say("RCPT TO:<b@example.com> NOTIFY=NEVER\r\n"), "555 5.5.4 parameter not known|");
  EXPECT_EQ(say("RCPT TO:<\xc3\xa4@example.com>\r\n"), "250 2.1.5 recipient ok|");
  EXPECT_EQ(say("STARTTLS\r\n"), "502 5.5.1 command not implemented|");
}

TEST_F(SinkSessionTest, HasBounds) {
  start();
  EXPECT_EQ(say("NOOP " + std::string(core::kCommandLineBytesMax, 'x') + "\r\n"),
            "500 5.5.2 line too long|");
  const std::string line(1022, 'x');
  std::string data;
  for (int i = 0; i < 65; ++i) data += line + "\r\n";
  EXPECT_EQ(mail(data + ".\r\n"),
            std::string(kOpened) + kStart + "552 5.3.4 mail exceeds the size limit|");
  EXPECT_EQ(
      say(std::string(kOpen) + "BDAT 65536\r\n" + std::string(65536, 'x') + "BDAT 1 LAST\r\nx"),
      std::string(kOpened) +
          "250 2.0.0 65536 octets received|552 5.3.4 mail exceeds the size limit|");
  EXPECT_EQ(driver_->stats.messages, 0u);
  std::string recipients = "MAIL FROM:<>\r\n";
  for (uint32_t i = 0; i <= core::kRecipientsFloor; ++i)
    recipients += "RCPT TO:<b@example.com>\r\n";
  EXPECT_TRUE(say(recipients).ends_with("recipient ok|452 4.5.3 too many recipients|"));
  EXPECT_EQ(say("BDAT 1073741825 LAST\r\n"), "552 5.3.4 mail exceeds the size limit|<hang up>");
}

TEST_F(SinkSessionTest, EndsAfterManyErrors) {
  start();
  std::string said;
  for (uint32_t i = 0; i < core::kErrorsDefault; ++i) said = say("XYZZY\r\n");
  EXPECT_EQ(said, "421 4.7.0 too many errors|<hang up>");
  EXPECT_EQ(driver_->stats.dropped, 1u);
}

TEST_F(SinkSessionTest, BeginsNoMailWhileItDrains) {
  start();
  driver_->drain();
  EXPECT_EQ(say("NOOP\r\nMAIL FROM:<>\r\n"),
            "250 2.0.0 ok|421 4.3.2 shutting down, try again|<hang up>");
}

TEST_F(SinkSessionTest, AnswersEachRecipientOfLmtp) {
  options_.protocol = SinkProtocol::lmtp;
  start("");
  EXPECT_EQ(driver_->take_said(), "220 sink.example LMTP mailrace sink|");
  EXPECT_EQ(say("EHLO client\r\n"), "500 5.5.1 command not known|");
  EXPECT_EQ(say("lhlo client\r\n"), kEhloReply);
  const std::string three =
      "MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nRCPT TO:<nobody\r\nRCPT TO:<b@example.com>\r\n";
  driver_->feed(three);
  driver_->take_said();
  const std::string said = say("DATA\r\nx\r\n.\r\nNOOP\r\n");
  EXPECT_EQ(std::count(said.begin(), said.end(), '|'), 4) << said;
  EXPECT_EQ(driver_->stats.messages, 1u);
  EXPECT_EQ(driver_->records.size(), 1u);
  driver_->feed(three);
  driver_->take_said();
  const std::string by_bdat = say("BDAT 1 LAST\r\nxNOOP\r\n");
  EXPECT_EQ(by_bdat, said.substr(said.find('|') + 1));
  EXPECT_EQ(driver_->stats.messages, 2u);
}

TEST_F(SinkSessionTest, FailsSomeRecipientsOfLmtp) {
  options_.protocol = SinkProtocol::lmtp;
  options_.replies = {"message:50:452"};
  start("LHLO client\r\n");
  std::string input = "MAIL FROM:<>\r\n";
  for (int i = 0; i < 40; ++i) input += "RCPT TO:<a@example.com>\r\n";
  driver_->feed(input + "DATA\r\n");
  driver_->take_said();
  const std::string said = say(".\r\n");
  size_t failed = 0;
  for (size_t at = 0; (at = said.find("452 4.0.0 a fault", at)) != said.npos; ++at) ++failed;
  EXPECT_EQ(std::count(said.begin(), said.end(), '|'), 40);
  EXPECT_GT(failed, 5u);
  EXPECT_LT(failed, 35u);
  EXPECT_EQ(driver_->stats.faults[size_t(FaultStage::message)][size_t(FaultKind::reply)], failed);
  EXPECT_EQ(driver_->stats.messages, 1u);  // some recipient has it
}

TEST_F(SinkSessionTest, FailsAtEachStage) {
  const std::string fault = "450 4.0.0 a fault, as asked for|";
  const std::string recipient = "250 2.1.5 recipient ok|";
  const std::string sender = "250 2.1.0 sender ok|";
  const std::string mail_first = "503 5.5.1 MAIL first|";
  for (const auto& [stage, said] : {
           std::pair<std::string, std::string>{"banner", fault + "<hang up>"},
           {"ehlo", kGreeting + fault + "503 5.5.1 EHLO or HELO first|" + mail_first + mail_first},
           {"mail", std::string(kGreeting) + kEhloReply + fault + mail_first + mail_first},
           {"rcpt", std::string(kGreeting) + kEhloReply + sender + fault +
                        "554 5.5.1 no valid recipients|"},
           {"data", std::string(kGreeting) + kEhloReply + sender + recipient + fault},
       }) {
    options_.replies = {stage + ":100:450"};
    start("");
    driver_->feed("EHLO client.example\r\n" + std::string(kOpen) + "DATA\r\n");
    EXPECT_EQ(driver_->take_said(), said) << stage;
  }
}

TEST_F(SinkSessionTest, CountsAMailOnlyIfItsSenderHearsSo) {
  const std::string before = std::string(kOpened) + kStart;
  options_.replies = {"message:100:554"};
  start();
  EXPECT_EQ(mail(".\r\nRSET\r\n"), before + "554 5.0.0 a fault, as asked for|250 2.0.0 reset|");
  EXPECT_EQ(driver_->stats.messages, 0u);
  options_.replies = {"message:100:421"};
  start();
  EXPECT_EQ(mail(".\r\nRSET\r\n"), before + "421 4.0.0 a fault, as asked for|<hang up>");
  options_.replies = {};
  options_.resets = {"message:100"};
  start();
  EXPECT_EQ(mail(".\r\nRSET\r\n"), before + "<reset>");
  EXPECT_EQ(driver_->stats.faults[size_t(FaultStage::message)][size_t(FaultKind::reset)], 1u);
  options_.resets = {};
  options_.closes = {"message:100"};
  start();
  EXPECT_EQ(mail(".\r\nRSET\r\n"), before + "<hang up>");
  EXPECT_EQ(driver_->stats.messages, 0u);
  EXPECT_TRUE(driver_->records.empty());
}

TEST_F(SinkSessionTest, WaitsBeforeAReply) {
  options_.delays = {"rcpt:1ms", "message:2ms"};
  options_.replies = {"rcpt:100:450"};
  start();
  EXPECT_EQ(say(kOpen), "250 2.1.0 sender ok|<delay 1000000>450 4.0.0 a fault, as asked for|");
  options_.replies = {};
  start();
  EXPECT_EQ(mail("x\r\n.\r\nNOOP\r\n"),
            std::string("250 2.1.0 sender ok|<delay 1000000>250 2.1.5 recipient ok|") + kStart +
                "<delay 2000000>" + kTaken + kTaken);
  EXPECT_EQ(driver_->stats.faults[size_t(FaultStage::rcpt)][size_t(FaultKind::delay)], 1u);
}

TEST_F(SinkSessionTest, AnswersMoreThanAReplyBufferHolds) {
  start();
  std::string input;
  for (int i = 0; i < 2000; ++i) input += "NOOP\r\n";
  const std::string said = say(input);
  EXPECT_EQ(std::count(said.begin(), said.end(), '|'), 2000);
}

}  // namespace
}  // namespace mailrace::tools
