// SPDX-License-Identifier: GPL-3.0-or-later
// xtext and the addresses of ORCPT, octet class by octet class.
#include "core/smtp/xtext.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace mailrace::core {
namespace {

TEST(XtextTest, StandsForPrintableOctets) {
  EXPECT_EQ(xtext_bytes(""), 0u);
  EXPECT_EQ(xtext_bytes("abc"), 3u);
  EXPECT_EQ(xtext_bytes("a+2Bb+3Dc"), 5u);
  EXPECT_EQ(xtext_bytes("+20"), 1u);
  EXPECT_EQ(xtext_bytes("!~\\<>@;,"), 8u);
}

TEST(XtextTest, RefusesEverythingElse) {
  for (const std::string_view text : {" ", "a b", "=", "+", "+2", "a+", "+2b", "+2G", "+ 2", "++2B",
                                      "\x7f", "\xc3\xbc", "\t", "a\x01"}) {
    EXPECT_FALSE(xtext_bytes(text)) << text;
  }
}

TEST(XtextTest, EveryOctetIsJudgedRawAndEncoded) {
  for (int octet = 0; octet < 256; ++octet) {
    const bool is_xchar = octet >= '!' && octet <= '~' && octet != '+' && octet != '=';
    EXPECT_EQ(xtext_bytes(std::string(1, char(octet))).has_value(), is_xchar) << octet;
    char hexchar[8];
    std::snprintf(hexchar, sizeof hexchar, "+%02X", unsigned(octet));
    EXPECT_EQ(xtext_bytes(hexchar).has_value(), octet >= ' ' && octet <= '~') << octet;
  }
}

TEST(OriginalRecipientTest, HasATypeAndAnAddress) {
  for (const std::string_view text :
       {"rfc822;bob@ivory.edu", "RFC822;bob+2Btag@ivory.edu", "x400;/S+3Da/", "unknown;x",
        "rfc822;", "rfc822;a;b", "utf-8;bob@ivory.edu", "UTF-8;bob", "x-!#$;y"}) {
    EXPECT_TRUE(is_original_recipient(text, Charset::ascii)) << text;
    EXPECT_TRUE(is_original_recipient(text, Charset::utf8)) << text;
  }
  for (const std::string_view text : {"", ";", ";a", "rfc822", "a@b;c", "r(fc;c", "r\"c;c", "r.c;c",
                                      "r\\;c", "r c;c", "rfc822;a+b", "rfc822;a=b", "rfc822;a b",
                                      "rfc822;\xc3\xbc", "r\xc3\xbc;c", "utf-8;", "utf-8;a+2Bb"}) {
    EXPECT_FALSE(is_original_recipient(text, Charset::ascii)) << text;
    EXPECT_FALSE(is_original_recipient(text, Charset::utf8)) << text;
  }
}

TEST(Utf8AddressTest, MayEmbedCharacters) {
  for (const std::string_view text :
       {"a",         "\\x{FC}@b",  "\\x{fc}",    "a\\x{2B}b",   "\\x{3D}",
        "\\x{5C}",   "\\x{20}",    "\\x{7F}",    "\\x{01}",     "\\x{10}",
        "\\x{19}",   "\\x{80}",    "\\x{100}",   "\\x{7532}",   "\\x{D7FF}",
        "\\x{E000}", "\\x{10000}", "\\x{1F4E7}", "\\x{10FFFF}", "\\x{FC}\\x{FC}"}) {
    EXPECT_TRUE(is_utf8_address(text, Charset::ascii)) << text;
  }
  for (const std::string_view text : {"",           " ",           "a b",          "+",
                                      "=",          "\\",          "\\x",          "\\x{",
                                      "\\x{}",      "\\x{FC",      "\\X{FC}",      "\\x{F}",
                                      "\\x{41}",    "\\x{00}",     "\\x{0A}",      "\\x{1A}",
                                      "\\x{0FC}",   "\\x{00FC}",   "\\x{D800}",    "\\x{DFFF}",
                                      "\\x{07532}", "\\x{110000}", "\\x{0010000}", "\\x{1000000}",
                                      "\\x{G1}",    "a\x7f"}) {
    EXPECT_FALSE(is_utf8_address(text, Charset::ascii)) << text;
    EXPECT_FALSE(is_utf8_address(text, Charset::utf8)) << text;
  }
}

TEST(Utf8AddressTest, MayBeUtf8WhereThatIsAllowed) {
  for (const std::string_view text : {"\xc3\xbc@b", "a\xe7\x94\xb2", "\\x{FC}\xc3\xbc"}) {
    EXPECT_TRUE(is_utf8_address(text, Charset::utf8)) << text;
    EXPECT_FALSE(is_utf8_address(text, Charset::ascii)) << text;
  }
  EXPECT_FALSE(is_utf8_address("\xc3", Charset::utf8));
  EXPECT_FALSE(is_utf8_address("\xed\xa0\x80", Charset::utf8));
}

}  // namespace
}  // namespace mailrace::core
