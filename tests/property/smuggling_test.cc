// SPDX-License-Identifier: GPL-3.0-or-later
// No octets but <CRLF>.<CRLF> let a second transaction begin behind DATA, and nothing in a chunk
// does (the "smuggling" of CVE-2023-51764 and others); DATA and BDAT store the same octets.
#include "tests/support/look_alikes.h"
#include "tests/support/mail_data_reference.h"
#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tests {
namespace {

using core::BareNewline;
using core::DataDefect;
using testing::PrintToString;

constexpr std::string_view kEnvelope = "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";
constexpr std::string_view kSmuggled =
    "MAIL FROM:<evil@x>\r\nRCPT TO:<victim@y>\r\nDATA\r\nsmuggled\r\n.\r\n";
constexpr BareNewline kPolicies[] = {BareNewline::reject, BareNewline::keep};

SessionRules rules_of(BareNewline bare_newline) {
  return {.transaction_blocks = 2, .options = {.bare_newline = bare_newline}};
}

// What stands behind the octets `begin` to `end` of `wire` may be split from them, and they from
// each other. Calls check(transcript) for the whole, for each split, and for all of them at once.
template <class Check>
void for_each_split(const std::string& wire, size_t begin, size_t end, const SessionRules& rules,
                    Check&& check) {
  const Transcript whole = run_session(wire, {}, rules);
  check(whole);
  std::vector<size_t> all;
  for (size_t split = begin; split <= std::min(end, wire.size()); ++split) {
    const size_t one[] = {split};
    ASSERT_EQ(run_session(wire, one, rules), whole) << split << ' ' << PrintToString(wire);
    all.push_back(split);
  }
  ASSERT_EQ(run_session(wire, all, rules), whole) << PrintToString(wire);
}

size_t evil_mails(const Transcript& transcript) {
  return size_t(std::count_if(transcript.mails.begin(), transcript.mails.end(),
                              [](const auto& mail) { return mail.reverse_path == "evil@x"; }));
}

// Every look-alike as the text before a whole transaction. Where the standard sees no end, that
// transaction is text: it is refused or stored as such. Where it sees one, what follows are lines.
void expect_one_transaction(std::string_view before, const std::string& text,
                            BareNewline bare_newline, size_t& ends) {
  const std::string data = std::string(before) + text + std::string(kSmuggled);
  const MailDataOutcome reference = reference_mail_data(data, 1000, bare_newline);
  const bool is_kept = reference.defect == DataDefect::none;
  const size_t smuggled_at = data.size() - kSmuggled.size();
  const bool has_ended = reference.consumed <= smuggled_at;
  const std::string_view between =
      has_ended
          ? std::string_view(data).substr(reference.consumed, smuggled_at - reference.consumed)
          : std::string_view();
  const bool is_next = has_ended && (between.empty() || between.ends_with("\r\n"));
  ends += is_next ? 1 : 0;
  const std::string wire = std::string(kEnvelope) + "DATA\r\n" + data;
  const size_t text_at = wire.size() - data.size() + before.size();
  for_each_split(wire, text_at - 2, text_at + text.size() + 1, rules_of(bare_newline),
                 [&](const Transcript& transcript) {
                   ASSERT_EQ(evil_mails(transcript), is_next ? 1u : 0u) << PrintToString(data);
                   ASSERT_EQ(transcript.mails.size(), size_t{is_kept} + (is_next ? 1 : 0))
                       << PrintToString(data);
                   if (!is_kept) return;
                   ASSERT_EQ(transcript.mails[0].data, reference.content) << PrintToString(data);
                   ASSERT_EQ(transcript.mails[0].reverse_path, "a@b");
                 });
}

TEST(SmugglingTest, NoLookAlikeBehindDataBeginsASecondTransaction) {
  for (const BareNewline bare_newline : kPolicies) {
    size_t ends = 0;
    for_each_look_alike(5, [&](const std::string& text) {
      if (!HasFailure()) expect_one_transaction("text", text, bare_newline, ends);
    });
    // Exactly one text of five octets is the end; the others only resemble it.
    EXPECT_EQ(ends, 1u);
  }
}

// At the start of a line, and of the mail data, the end is three octets.
TEST(SmugglingTest, NoLookAlikeThatBeginsALineDoes) {
  for (const BareNewline bare_newline : kPolicies) {
    for (const std::string_view before : {"", "text\r\n"}) {
      size_t ends = 0;
      for_each_look_alike(5, [&](const std::string& text) {
        if (!HasFailure()) expect_one_transaction(before, text, bare_newline, ends);
      });
      // "." CRLF, and the same with an empty line before it or behind it.
      EXPECT_EQ(ends, 3u);
    }
  }
}

// The same octets in chunks, which meet anywhere in them: all of it is the mail.
TEST(SmugglingTest, NothingInAChunkBeginsASecondTransaction) {
  for (const BareNewline bare_newline : kPolicies) {
    for_each_look_alike(4, [&](const std::string& text) {
      if (HasFailure()) return;
      const std::string mail = "text" + text + std::string(kSmuggled);
      const bool is_kept =
          bare_newline == BareNewline::keep || reference_chunked_data(mail) == DataDefect::none;
      for (size_t border = 3; border <= text.size() + 5; ++border) {
        const std::string wire = std::string(kEnvelope) + "BDAT " + std::to_string(border) +
                                 "\r\n" + mail.substr(0, border) + "BDAT " +
                                 std::to_string(mail.size() - border) + " LAST\r\n" +
                                 mail.substr(border) + "QUIT\r\n";
        const size_t data_at = kEnvelope.size() + 8;
        for_each_split(
            wire, data_at + 2, data_at + border + 16, rules_of(bare_newline),
            [&](const Transcript& transcript) {
              ASSERT_EQ(transcript.mails.size(), is_kept ? 1u : 0u) << PrintToString(wire);
              ASSERT_TRUE(transcript.replies.ends_with("221 2.0.0 closing connection\r\n"));
              ASSERT_TRUE(transcript.closed);
              if (!is_kept) return;
              ASSERT_EQ(transcript.mails[0].data, mail);
              ASSERT_EQ(transcript.mails[0].reverse_path, "a@b");
            });
      }
    });
  }
}

// A chunk that is refused is no end either: what it declared is gone, and nothing else.
TEST(SmugglingTest, NothingInARefusedChunkIsACommand) {
  for_each_look_alike(4, [&](const std::string& text) {
    const std::string chunk = text + std::string(kSmuggled);
    const std::string bdat = "BDAT " + std::to_string(chunk.size());
    for (const char* before : {"", "EHLO c\r\n", "EHLO c\r\nMAIL FROM:<a@b>\r\n",
                               "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 1\r\n\n"}) {
      for (const char* last : {"", " LAST"}) {
        const auto transcript = run_session(before + bdat + last + "\r\n" + chunk + "QUIT\r\n");
        ASSERT_TRUE(transcript.mails.empty()) << PrintToString(chunk);
        ASSERT_TRUE(transcript.replies.ends_with("221 2.0.0 closing connection\r\n"));
      }
    }
  });
}

// --- the same mail by both ways -----------------------------------------------------------------

std::string stuffed(std::string_view content) {
  std::string wire;
  for (size_t i = 0; i < content.size(); ++i) {
    const bool begins_line = i == 0 || (i >= 2 && content.substr(i - 2, 2) == "\r\n");
    if (begins_line && content[i] == '.') wire += '.';
    wire += content[i];
  }
  return wire;
}

TEST(SmugglingTest, DataAndBdatStoreTheSameOctets) {
  for (const BareNewline bare_newline : kPolicies) {
    for_each_look_alike(6, [&](const std::string& text) {
      const std::string content = text + "\r\n";
      const auto rules = rules_of(bare_newline);
      const auto data =
          run_session(std::string(kEnvelope) + "DATA\r\n" + stuffed(content) + ".\r\n", {}, rules);
      const std::string size = std::to_string(content.size());
      const auto bdat =
          run_session(std::string(kEnvelope) + "BDAT " + size + " LAST\r\n" + content, {}, rules);
      ASSERT_EQ(bdat.mails, data.mails) << PrintToString(content);
      const auto last_reply = [](const Transcript& transcript) {
        return split_replies(transcript.replies).back();
      };
      ASSERT_EQ(last_reply(bdat), last_reply(data)) << PrintToString(content);
      if (!data.mails.empty()) {
        ASSERT_EQ(data.mails[0].data, content);
      }
      ASSERT_EQ(data.mails.empty(), bare_newline == BareNewline::reject &&
                                        reference_chunked_data(content) != DataDefect::none);
    });
  }
}

}  // namespace
}  // namespace mailrace::tests
