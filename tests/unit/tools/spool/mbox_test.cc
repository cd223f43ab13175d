// SPDX-License-Identifier: GPL-3.0-or-later
// mboxrd entries, whatever the pieces.
#include "tools/spool/mbox.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mailrace::tools {
namespace {

std::string encode(std::string_view first, std::string_view second = "") {
  MboxEncoder encoder;
  std::string text;
  // Pieces go out as they come: nothing may depend on what is still in the target.
  for (const std::string_view data : {first, second}) {
    std::string piece;
    encoder.add(core::as_octets(data), piece);
    text += piece;
  }
  std::string rest;
  encoder.finish(rest);
  return text + rest;
}

struct Entry {
  const char* name;
  std::string_view data;
  std::string_view text;
};

constexpr Entry kEntries[] = {
    {"line_ends_become_lf", "A: b\r\n\r\nc\r\n", "A: b\n\nc\n\n"},
    {"a_last_line_gets_its_end", "c", "c\n\n"},
    {"no_data_is_an_empty_line", "", "\n"},
    {"from_is_quoted", "From here\r\n", ">From here\n\n"},
    {"quoted_from_is_quoted_again", ">From\r\n>>From here\r\n", ">From\n>>>From here\n\n"},
    {"only_at_the_start_of_a_line", "a From b\r\n From c\r\n", "a From b\n From c\n\n"},
    {"only_with_a_space", "From:\r\nFromage\r\nFrom\r\n", "From:\nFromage\nFrom\n\n"},
    {"a_part_of_it_at_the_end", "x\r\nFro", "x\nFro\n\n"},
    {"nothing_but_greater_at_the_end", "x\r\n>>", "x\n>>\n\n"},
    {"from_again_after_a_near_miss", "FroFrom \r\nFrom \r\n", "FroFrom \n>From \n\n"},
    {"a_bare_cr_stays", "a\rb\r\r\nc\r", "a\rb\r\nc\r\n\n"},
    {"a_bare_lf_begins_a_line", "a\nFrom b\r\n", "a\n>From b\n\n"},
};

TEST(MboxTest, EntriesHowEverTheDataIsSplit) {
  for (const Entry& entry : kEntries) {
    for (size_t at = 0; at <= entry.data.size(); ++at) {
      ASSERT_EQ(encode(entry.data.substr(0, at), entry.data.substr(at)), entry.text)
          << entry.name << " split at " << at;
    }
  }
}

TEST(MboxTest, TheFirstLineNamesSenderAndDate) {
  spool::StoredMail mail;
  mail.envelope.reverse_path = "a@example.org";
  mail.envelope.received_at.ns = 1'795'484'906'123'456'789;
  MboxEncoder encoder;
  std::string text;
  encoder.begin(mail, text);
  EXPECT_EQ(text, "From a@example.org Tue Nov 24 01:48:26 2026\n");
  mail.envelope.received_at.ns = -1;
  text.clear();
  encoder.begin(mail, text);
  EXPECT_EQ(text, "From a@example.org Wed Dec 31 23:59:59 1969\n");
}

TEST(MboxTest, TheSenderIsOneWord) {
  EXPECT_EQ(mbox_sender(""), "MAILER-DAEMON");
  EXPECT_EQ(mbox_sender("\"a b\"@c"), "\"a-b\"@c");
  EXPECT_EQ(mbox_sender("a\nFrom x\x7f\xc3\xa9"), "a-From-x-\xc3\xa9");
}

}  // namespace
}  // namespace mailrace::tools
