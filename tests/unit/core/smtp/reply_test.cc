// SPDX-License-Identifier: GPL-3.0-or-later
// Reply lines: each row's codes, the form of a line, and the buffer they leave from.
#include "core/smtp/reply.h"

#include "core/smtp/extensions.h"
#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace mailrace::core {
namespace {

class Buffer {
 public:
  std::string text() const { return std::string(as_text(out.pending())); }

  BlockPool blocks{kReplyBufferBytes, 1};
  ReplyBuffer out{blocks};
};

struct Codes {
  ReplyId id;
  const char* codes;
};

// Codes from RFC 5321 section 4.2.3 and 4.3.2, enhanced codes from RFC 3463 section 3 and RFC 5248.
constexpr Codes kCodes[] = {
    {ReplyId::greeting, "220"},
    {ReplyId::tls_begins, "220/2.0.0"},
    {ReplyId::helo_ok, "250"},
    {ReplyId::ehlo_ok, "250"},
    {ReplyId::mail_ok, "250/2.1.0"},
    {ReplyId::mail_ok_priority_changed, "250/2.3.6"},
    {ReplyId::rcpt_ok, "250/2.1.5"},
    {ReplyId::prdr_begins, "353"},
    {ReplyId::start_mail_data, "354"},
    {ReplyId::mail_accepted, "250/2.0.0"},
    {ReplyId::recipient_accepted, "250/2.1.5"},
    {ReplyId::chunk_taken, "250/2.0.0"},
    {ReplyId::reset_ok, "250/2.0.0"},
    {ReplyId::noop_ok, "250/2.0.0"},
    {ReplyId::goodbye, "221/2.0.0"},
    {ReplyId::help, "214/2.0.0"},
    {ReplyId::cannot_verify, "252/2.5.0"},
    {ReplyId::service_closing, "421/4.3.2"},
    {ReplyId::too_many_sessions, "421/4.3.2"},
    {ReplyId::overloaded, "421/4.3.2"},
    {ReplyId::too_many_handshakes, "421/4.7.0"},
    {ReplyId::too_many_connections, "421/4.7.0"},
    {ReplyId::timed_out, "421/4.4.2"},
    {ReplyId::too_many_errors, "421/4.7.0"},
    {ReplyId::too_many_unknown_recipients, "421/4.7.0"},
    {ReplyId::too_many_mails, "421/4.7.0"},
    {ReplyId::too_many_idle_commands, "421/4.7.0"},
    {ReplyId::other_protocol, "421/4.7.0"},
    {ReplyId::message_rate, "450/4.7.1"},
    {ReplyId::recipient_rate, "450/4.7.1"},
    {ReplyId::spool_failed, "451/4.3.0"},
    {ReplyId::spool_full, "452/4.3.1"},
    {ReplyId::too_many_recipients, "452/4.5.3"},
    {ReplyId::too_many_open, "452/4.3.1"},
    {ReplyId::unknown_verb, "500/5.5.1"},
    {ReplyId::line_too_long, "500/5.5.2"},
    {ReplyId::line_malformed, "500/5.5.2"},
    {ReplyId::syntax_of_arguments, "501/5.5.4"},
    {ReplyId::argument_unexpected, "501/5.5.4"},
    {ReplyId::argument_missing, "501/5.5.4"},
    {ReplyId::helo_name_malformed, "501/5.5.4"},
    {ReplyId::reverse_path_malformed, "501/5.1.7"},
    {ReplyId::forward_path_malformed, "501/5.1.3"},
    {ReplyId::parameter_malformed, "501/5.5.4"},
    {ReplyId::bdat_malformed, "501/5.5.4"},
    {ReplyId::not_implemented, "502/5.5.1"},
    {ReplyId::helo_first, "503/5.5.1"},
    {ReplyId::mail_first, "503/5.5.1"},
    {ReplyId::rcpt_first, "503/5.5.1"},
    {ReplyId::mail_again, "503/5.5.1"},
    {ReplyId::tls_is_on, "503/5.5.1"},
    {ReplyId::chunks_begun, "503/5.5.1"},
    {ReplyId::chunk_failed, "503/5.5.1"},
    {ReplyId::binary_needs_bdat, "503/5.5.1"},
    {ReplyId::tls_needed, "530/5.7.0"},
    {ReplyId::encryption_needed, "530/5.7.10"},
    {ReplyId::xclient_denied, "550/5.7.0"},
    {ReplyId::relay_denied, "550/5.7.1"},
    {ReplyId::no_recipient_accepted, "550/5.7.1"},
    {ReplyId::bare_newline, "550/5.6.11"},
    {ReplyId::text_line_too_long, "550/5.6.0"},
    {ReplyId::reverse_path_non_ascii, "550/5.6.7"},
    {ReplyId::mail_too_large, "552/5.3.4"},
    {ReplyId::forward_path_non_ascii, "553/5.6.7"},
    {ReplyId::no_valid_recipients, "554/5.5.1"},
    {ReplyId::too_many_hops, "554/5.4.6"},
    {ReplyId::too_many_empty_chunks, "554/5.5.0"},
    {ReplyId::early_talker, "554/5.5.1"},
    {ReplyId::client_blocked, "554/5.7.1"},
    {ReplyId::octets_behind_starttls, "554/5.5.1"},
    {ReplyId::parameter_unknown, "555/5.5.4"},
};
static_assert(std::size(kCodes) == kReplyCount);

TEST(ReplyRowsTest, HaveTheCodesOfTheStandards) {
  for (size_t i = 0; i < kReplyCount; ++i) {
    ASSERT_EQ(size_t(kCodes[i].id), i);
    Buffer buffer;
    buffer.out.add(kCodes[i].id, "x.test");
    EXPECT_EQ(tests::codes_of(buffer.text()), kCodes[i].codes);
    EXPECT_EQ(tests::defect_of_replies(buffer.text()), "");
  }
}

TEST(ReplyRowsTest, CanBeToldApart) {
  std::set<std::string> lines;
  for (const ReplyRow& row : kReplies) {
    EXPECT_FALSE(row.source.empty());
    Buffer buffer;
    buffer.out.add(row.id, std::to_string(int(row.id)));
    EXPECT_TRUE(lines.insert(buffer.text()).second) << buffer.text();
  }
}

TEST(ReplyBufferTest, PutsTheArgumentInItsPlace) {
  Buffer buffer;
  buffer.out.add(ReplyId::greeting, "mx.test");
  buffer.out.add(ReplyId::helo_ok, "mx.test");
  buffer.out.add(ReplyId::mail_accepted, "000000000000A");
  buffer.out.add(ReplyId::noop_ok, "not used");
  EXPECT_EQ(buffer.text(),
            "220 mx.test ESMTP mailrace\r\n250 mx.test\r\n"
            "250 2.0.0 accepted as 000000000000A\r\n250 2.0.0 ok\r\n");
}

TEST(ReplyBufferTest, CutsALineAtItsLimit) {
  Buffer buffer;
  buffer.out.add(ReplyId::greeting, std::string(1000, 'x'));
  EXPECT_EQ(buffer.text(), "220 " + std::string(kReplyLineBytesMax - 6, 'x') + "\r\n");
  Buffer longest;
  longest.out.add(ReplyId::greeting, std::string(kDomainBytesMax, 'x'));
  EXPECT_TRUE(longest.text().ends_with("x ESMTP mailrace\r\n"));
}

TEST(ReplyBufferTest, TakesRepliesWhileTheLongestWouldFit) {
  Buffer buffer;
  size_t replies = 0;
  for (; buffer.out.has_room(); ++replies)
    buffer.out.add_lines(ReplyId::ehlo_ok, std::string(kReplyBytesMax, 'x'));
  EXPECT_EQ(replies, kReplyBufferBytes / kReplyBytesMax);
  EXPECT_EQ(buffer.out.pending().size(), kReplyBufferBytes);
}

TEST(ReplyBufferTest, OctetsDoNotMoveWhileSomeArePending) {
  Buffer buffer;
  buffer.out.add(ReplyId::noop_ok);
  const std::byte* const first = buffer.out.pending().data();
  buffer.out.consume(4);
  EXPECT_EQ(buffer.out.pending().data(), first + 4);
  buffer.out.add(ReplyId::noop_ok);
  EXPECT_EQ(buffer.text(), "2.0.0 ok\r\n250 2.0.0 ok\r\n");
  EXPECT_EQ(buffer.out.pending().data(), first + 4);
  // Room comes back only when all is gone.
  while (buffer.out.has_room()) buffer.out.add(ReplyId::noop_ok);
  buffer.out.consume(buffer.out.pending().size() - 1);
  EXPECT_FALSE(buffer.out.has_room());
  buffer.out.consume(1);
  EXPECT_TRUE(buffer.out.empty());
  EXPECT_TRUE(buffer.out.has_room());
}

TEST(ReplyBufferTest, HoldsABlockOnlyWhileThereIsSomethingToSend) {
  BlockPool blocks(kReplyBufferBytes, 1);
  {
    ReplyBuffer out(blocks);
    EXPECT_EQ(blocks.free_count(), 1u);
    for (int i = 0; i < 2; ++i) {
      out.add(ReplyId::noop_ok);
      EXPECT_EQ(blocks.free_count(), 0u);
      out.consume(out.pending().size() - 1);
      EXPECT_EQ(blocks.free_count(), 0u);
      out.consume(1);
      EXPECT_EQ(blocks.free_count(), 1u);
    }
    out.add_lines(ReplyId::ehlo_ok, "250 x\r\n");
    EXPECT_EQ(blocks.free_count(), 0u);
  }
  EXPECT_EQ(blocks.free_count(), 1u);
}

TEST(ReplyBufferDeathTest, RefusesWhatDoesNotFit) {
  Buffer buffer;
  while (buffer.out.has_room())
    buffer.out.add_lines(ReplyId::ehlo_ok, std::string(kReplyBytesMax, 'x'));
  EXPECT_DEATH(buffer.out.add(ReplyId::noop_ok), "check failed");
  EXPECT_DEATH(buffer.out.add_lines(ReplyId::ehlo_ok, "x"), "check failed");
  EXPECT_DEATH(buffer.out.consume(kReplyBufferBytes + 1), "check failed");
}

TEST(DefectOfRepliesTest, FindsWhatIsWrong) {
  EXPECT_EQ(tests::defect_of_replies("250-mx\r\n250 SIZE\r\n"), "");
  for (const char* replies : {
           "250 ok",                  // no line end
           "250-mx\r\n",              // no last line
           "250-mx\r\n251 SIZE\r\n",  // two codes
           "250\r\n",                 // no text
           "25x ok\r\n",              // no code
           "650 ok\r\n",              // no such class
           "550 2.0.0 ok\r\n",        // classes differ
           "550 denied\r\n",          // no enhanced code
           "250 2.0.0 a\nb\r\n",      // bare LF
           "250 2.0.0 \xc3\xa4\r\n",  // no text
       }) {
    EXPECT_NE(tests::defect_of_replies(replies), "") << replies;
  }
  EXPECT_EQ(tests::defect_of_replies("250 " + std::string(506, 'x') + "\r\n"), "");
  EXPECT_NE(tests::defect_of_replies("250 " + std::string(507, 'x') + "\r\n"), "");
}

}  // namespace
}  // namespace mailrace::core
