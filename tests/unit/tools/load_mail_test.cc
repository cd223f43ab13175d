// SPDX-License-Identifier: GPL-3.0-or-later
// The mail data of the load generator is what it says: size, lines, number.
#include "core/base/limits.h"
#include "tools/load/mail.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

std::string whole(const LoadMail& mail, uint64_t number) {
  std::string text(LoadMail::kHeaderBytes, '\0');
  mail.write_header(text.data());
  LoadMail::patch_number(text.data(), number);
  return text.append(core::as_text(mail.body()));
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

TEST(LoadMail, HasExactlyTheSizeAndOnlyWholeShortLines) {
  for (uint64_t size = core::kLoadMessageBytesMin; size < core::kLoadMessageBytesMin + 400;
       ++size) {
    const LoadMail mail(size, 1, 2);
    const std::string text = whole(mail, 3);
    ASSERT_EQ(text.size(), size + 3);  // and the line that ends it
    ASSERT_TRUE(text.ends_with("\r\n.\r\n")) << size;
    const std::vector<std::string> lines = lines_of(text);
    for (size_t line = 0; line + 1 < lines.size(); ++line) {
      ASSERT_LE(lines[line].size(), 76u);
      ASSERT_FALSE(lines[line].starts_with('.'));
      ASSERT_EQ(lines[line].find_first_of("\r\n"), std::string::npos);
    }
  }
}

TEST(LoadMail, IsAHeaderSectionAndABody) {
  const LoadMail mail(4096, 1, 2);
  const std::string text = whole(mail, 3);
  EXPECT_EQ(text.find("\r\n\r\n"), LoadMail::kHeaderBytes - 4);
  EXPECT_TRUE(text.starts_with("Date: "));
  EXPECT_NE(text.find("\r\nFrom: "), std::string::npos);
}

TEST(LoadMail, CarriesRunAndNumberTwice) {
  const LoadMail mail(4096, 1, 0xabcdef);
  const std::string text = whole(mail, 0x1234);
  const std::string id = "0000000000abcdef.0000000000001234";
  EXPECT_NE(text.find("\r\nX-Mailrace-Load-Id: " + id + "\r\n"), std::string::npos);
  EXPECT_NE(text.find("\r\nMessage-ID: <" + id + "@"), std::string::npos);
}

TEST(LoadMail, NumberCanBeChangedAgainAndAgain) {
  const LoadMail mail(4096, 1, 2);
  std::string header(LoadMail::kHeaderBytes, '\0');
  mail.write_header(header.data());
  LoadMail::patch_number(header.data(), UINT64_MAX);
  LoadMail::patch_number(header.data(), 7);
  EXPECT_EQ(header + std::string(core::as_text(mail.body())), whole(mail, 7));
  EXPECT_NE(header + std::string(core::as_text(mail.body())), whole(mail, 8));
}

TEST(LoadMail, SeedChoosesTheText) {
  EXPECT_EQ(whole(LoadMail(4096, 1, 2), 0), whole(LoadMail(4096, 1, 2), 0));
  EXPECT_NE(whole(LoadMail(4096, 1, 2), 0), whole(LoadMail(4096, 9, 2), 0));
}

}  // namespace
}  // namespace mailrace::tools
