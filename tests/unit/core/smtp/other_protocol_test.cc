// SPDX-License-Identifier: GPL-3.0-or-later
// What is HTTP or a header field, and what is merely no verb of SMTP.
#include "core/smtp/other_protocol.h"

#include <gtest/gtest.h>

#include <string_view>

namespace mailrace::core {
namespace {

using std::string_view_literals::operator""sv;

TEST(OtherProtocolTest, HttpMethodsAndHeaderFields) {
  for (const std::string_view word :
       {"GET"sv, "POST"sv, "PUT"sv, "HEAD"sv, "DELETE"sv, "OPTIONS"sv, "CONNECT"sv, "PATCH"sv,
        "TRACE"sv, "PRI"sv, "get"sv, "Host:"sv, "Content-Type:text/plain"sv, "X-1:"sv, "a:b:c"sv,
        "!#$%:"sv, "MAILFROM:<a@b>"sv, "http://x"sv}) {
    EXPECT_TRUE(is_other_protocol(word)) << word;
  }
}

TEST(OtherProtocolTest, OtherWordsAreOnlyUnknown) {
  for (const std::string_view word : {""sv, ":"sv, ":x"sv, "GETS"sv, "GE"sv, "WIZ"sv, "XCLIENT"sv,
                                      "a\tb:"sv, "a\0b:"sv, "\xc3\xa4:"sv, "a\x7f:"sv}) {
    EXPECT_FALSE(is_other_protocol(word)) << word;
  }
}

}  // namespace
}  // namespace mailrace::core
