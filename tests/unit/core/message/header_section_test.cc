// SPDX-License-Identifier: GPL-3.0-or-later
// Received fields are counted in the header section and nowhere else, however it is split.
#include "core/message/header_section.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mailrace::core {
namespace {

struct Mail {
  const char* name;
  std::string_view content;
  uint32_t received;
  bool is_open = false;  // the empty line has not come
};

constexpr Mail kMails[] = {
    {"none", "From: a\r\n\r\nbody\r\n", 0},
    {"nothing", "", 0, true},
    {"no_header_section", "\r\nReceived: x\r\n", 0},
    {"one", "Received: x\r\n\r\n", 1},
    {"folded", "Received: from a\r\n\tby b;\r\n Received: c\r\n\r\n", 1},
    {"in_any_case", "RECEIVED: x\r\nreceived:\r\nrEcEiVeD:x\r\n\r\n", 3},
    {"between_others", "A: b\r\nReceived: x\r\nC: d\r\nReceived: y\r\nE: f\r\n\r\n", 2},
    {"not_in_the_body", "Received: x\r\n\r\nReceived: y\r\n\r\nReceived: z\r\n", 1},
    {"other_names", "Received-SPF: x\r\nReceive: y\r\nXReceived: z\r\nReceived : w\r\n\r\n", 0},
    {"name_without_colon", "Received\r\n: x\r\n\r\n", 0},
    {"in_a_line", "Subject: Received: x\r\n\r\n", 0},
    {"header_section_only", "Received: x\r\nReceived: y\r\n", 2, true},
    {"unfinished", "Received: x\r\nReceived", 1, true},
    {"empty_line_is_crlf_only", "A: b\r\n \r\nReceived: x\r\n\r\n", 1},
    // Where bare newlines are kept, they end no line.
    {"bare_lf", "A: b\nReceived: x\r\n\nReceived: y\r\n\r\n", 0},
    {"bare_lf_behind_the_beginning_of_the_name", "Rec\nReceived: x\r\nReceived: y\r\n\r\n", 1},
    {"bare_cr", "A: b\rReceived: x\r\n\rReceived: y\r\n\r\n", 0},
    {"lf_lf", "Received: x\n\nReceived: y\r\n\r\n", 1},
    {"cr_cr_lf", "A: b\r\n\r\r\nReceived: x\r\n\r\n", 1},
};

class HeaderSectionTest : public testing::TestWithParam<Mail> {};

TEST_P(HeaderSectionTest, CountsHoweverItIsSplit) {
  const Mail& mail = GetParam();
  for (size_t first = 0; first <= mail.content.size(); ++first) {
    for (size_t second = first; second <= mail.content.size(); ++second) {
      HeaderSection section;
      section.begin();
      section.feed(as_octets(mail.content.substr(0, first)));
      section.feed(as_octets(mail.content.substr(first, second - first)));
      section.feed(as_octets(mail.content.substr(second)));
      EXPECT_EQ(section.received_count(), mail.received) << first << ' ' << second;
      EXPECT_EQ(section.is_open(), mail.is_open) << first << ' ' << second;
    }
  }
  HeaderSection section;
  for (const char& octet : mail.content) section.feed(as_octets({&octet, 1}));
  EXPECT_EQ(section.received_count(), mail.received);
  EXPECT_EQ(section.is_open(), mail.is_open);
}

INSTANTIATE_TEST_SUITE_P(Rfc5322, HeaderSectionTest, testing::ValuesIn(kMails),
                         [](const auto& mail) { return std::string(mail.param.name); });

TEST(HeaderSectionTest, BeginForgetsTheMailBefore) {
  HeaderSection section;
  section.feed(as_octets("Received: x\r\n\r\n"));
  section.begin();
  EXPECT_TRUE(section.is_open());
  EXPECT_EQ(section.received_count(), 0u);
  section.feed(as_octets("Received: x\r\n"));
  EXPECT_EQ(section.received_count(), 1u);
}

}  // namespace
}  // namespace mailrace::core
