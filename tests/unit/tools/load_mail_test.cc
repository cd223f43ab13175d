// SPDX-License-Identifier: GPL-3.0-or-later
// The mail data of the load generator is what it says: size, lines, number, checksum.
#include "core/base/crc32c.h"
#include "core/base/limits.h"
#include "tools/load/mail.h"
#include "tools/load/mail_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

constexpr size_t kIdAt = 20;  // behind the name of the field

// As it goes over the wire.
std::string wire_of(const LoadMail& mail, uint64_t number, size_t body = 0) {
  std::string text(mail.head_bytes(), '\0');
  mail.write_head(text.data());
  mail.patch(text.data(), number, mail.bodies()[body]);
  return text.append(core::as_text(mail.bodies()[body].wire));
}

// As a server understands what came behind DATA.
std::string unstuffed(std::string wire) {
  EXPECT_TRUE(wire.ends_with("\r\n.\r\n"));
  wire.resize(wire.size() - 3);
  for (size_t at = 0; (at = wire.find("\r\n..", at)) != std::string::npos;) wire.erase(at += 2, 1);
  return wire;
}

// That the message says of itself what it is, by the most straightforward computation.
void expect_right_id(const std::string& message, uint64_t run, uint64_t number, uint64_t size) {
  const size_t id_end = message.find("\r\n");
  ASSERT_EQ(id_end + 2, LoadMail::kIdFieldBytes);
  EXPECT_EQ(message.substr(0, kIdAt), "X-Mailrace-Load-Id: ");
  const uint32_t crc = core::crc32c(0, core::as_octets(message.substr(id_end + 2)));
  EXPECT_EQ(message.substr(kIdAt, id_end - kIdAt), LoadMail::id(run, number, crc));
  EXPECT_EQ(message.size(), size);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find("\r\n", at);
    if (end == text.npos) {
      ADD_FAILURE() << "no line end behind octet " << at;
      break;
    }
    lines.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  return lines;
}

void expect_good_lines(const std::string& message) {
  for (const std::string& line : lines_of(message)) {
    ASSERT_LE(line.size(), 76u);
    ASSERT_FALSE(line.starts_with('.'));
    ASSERT_EQ(line.find_first_of("\r\n"), std::string::npos);
  }
}

TEST(LoadMail, HasExactlyTheSizeAndOnlyWholeShortLines) {
  for (uint64_t size = core::kLoadMessageBytesMin; size < core::kLoadMessageBytesMin + 400;
       ++size) {
    const LoadMail mail({size}, LoadFraming::data, 1, 2);
    const std::string message = unstuffed(wire_of(mail, 3));
    ASSERT_EQ(message.size(), size);
    expect_good_lines(message);
    expect_right_id(message, 2, 3, mail.bodies().front().size);
  }
}

TEST(LoadMail, IsAHeaderSectionAndABody) {
  const LoadMail mail({4096}, LoadFraming::data, 1, 2);
  const std::string text = wire_of(mail, 3);
  EXPECT_EQ(text.find("\r\n\r\n"), LoadMail::kHeadBytes - 4);
  EXPECT_NE(text.find("\r\nDate: "), std::string::npos);
  EXPECT_NE(text.find("\r\nFrom: "), std::string::npos);
}

TEST(LoadMail, CarriesRunAndNumberTwice) {
  const LoadMail mail({4096}, LoadFraming::data, 1, 0xabcdef);
  const std::string text = wire_of(mail, 0x1234);
  const std::string id = "0000000000abcdef.0000000000001234";
  EXPECT_EQ(text.find(id + "."), kIdAt);
  EXPECT_NE(text.find("\r\nMessage-ID: <" + id + "@"), std::string::npos);
}

TEST(LoadMail, WritesEveryDigit) {
  EXPECT_EQ(LoadMail::id(0x0123456789abcdef, 0xfedcba9876543210, 0x09afa90f),
            "0123456789abcdef.fedcba9876543210.09afa90f");
}

TEST(LoadMail, NumberCanBeChangedAgainAndAgain) {
  const LoadMail mail({4096}, LoadFraming::bdat, 1, 2);
  std::string head(mail.head_bytes(), '\0');
  mail.write_head(head.data());
  for (const uint64_t number : {UINT64_MAX, uint64_t{7}, uint64_t{0}, uint64_t{1} << 48}) {
    mail.patch(head.data(), number, mail.bodies().front());
    const std::string message = head + std::string(core::as_text(mail.bodies().front().wire));
    expect_right_id(message, 2, number, 4096);
  }
}

TEST(LoadMail, HasBodiesOfSeveralSizesWithChecksumsOfTheirOwn) {
  std::vector<uint64_t> sizes;
  for (uint64_t size = core::kLoadMessageBytesMin; size < 900; ++size) sizes.push_back(size);
  sizes.push_back(900);
  sizes.push_back(900);
  sizes.push_back(40'000);
  for (const LoadFraming framing : {LoadFraming::data, LoadFraming::bdat}) {
    const LoadMail mail(sizes, framing, 1, 2);
    ASSERT_EQ(mail.bodies().size(), sizes.size());
    EXPECT_EQ(mail.bodies().back().size, 40'000u);
    for (size_t body = 0; body < sizes.size(); ++body) {
      const std::string wire = wire_of(mail, body, body);
      const std::string message = framing == LoadFraming::data ? unstuffed(wire) : wire;
      expect_right_id(message, 2, body, mail.bodies()[body].size);
      expect_good_lines(message);
      EXPECT_LE(message.size(), sizes[body]);
      EXPECT_GE(message.size() + 4, sizes[body]);
    }
  }
}

TEST(LoadMail, SeedChoosesTheText) {
  const auto text = [](uint64_t seed) {
    return wire_of(LoadMail({4096}, LoadFraming::data, seed, 2), 0);
  };
  EXPECT_EQ(text(1), text(1));
  EXPECT_NE(text(1), text(9));
}

TEST(LoadMail, PutsTheIdInFrontOfMailsThatAreThere) {
  const std::vector<std::string> mails = {"Subject: a\r\n\r\n.\r\n..\r\n.x\r\nx.\r\n", ".\r\n", "",
                                          "Subject: b\r\n\r\n"};
  const LoadMail stuffed(mails, LoadFraming::data, 5);
  const LoadMail plain(mails, LoadFraming::bdat, 5);
  for (size_t index = 0; index < mails.size(); ++index) {
    const std::string message = wire_of(plain, 7, index);
    expect_right_id(message, 5, 7, plain.bodies()[index].size);
    EXPECT_EQ(message.substr(LoadMail::kIdFieldBytes), mails[index]);
    EXPECT_EQ(unstuffed(wire_of(stuffed, 7, index)), message);
    EXPECT_EQ(stuffed.bodies()[index].size, plain.bodies()[index].size);
  }
}

// --- mails from a folder -------------------------------------------------------------------------

TEST(MailFolder, EndsEachLineWithCrLf) {
  EXPECT_EQ(with_line_ends(""), "");
  EXPECT_EQ(with_line_ends("a"), "a\r\n");
  EXPECT_EQ(with_line_ends("a\nb\rc\r\nd\r\n"), "a\r\nb\r\nc\r\nd\r\n");
  EXPECT_EQ(with_line_ends("\n\r\n\r\r\n"), "\r\n\r\n\r\n\r\n");
  EXPECT_EQ(with_line_ends("\r"), "\r\n");
}

TEST(MailFolder, DoublesDotsThatBeginALine) {
  EXPECT_EQ(dot_stuffed(""), "");
  EXPECT_EQ(dot_stuffed(".\r\n"), "..\r\n");
  EXPECT_EQ(dot_stuffed("a.\r\n\r\n..\r\n.b\r\n"), "a.\r\n\r\n...\r\n..b\r\n");
}

}  // namespace
}  // namespace mailrace::tools
