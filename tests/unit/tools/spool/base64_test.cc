// SPDX-License-Identifier: GPL-3.0-or-later
// Base64 of pieces.
#include "tools/spool/base64.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mailrace::tools {
namespace {

std::string encode(std::string_view first, std::string_view second = "") {
  Base64Encoder encoder;
  std::string text;
  encoder.add(core::as_octets(first), text);
  encoder.add(core::as_octets(second), text);
  encoder.finish(text);
  return text;
}

struct Vector {
  std::string_view octets;
  const char* text;
};

TEST(Base64Test, Rfc4648Vectors) {
  constexpr Vector kVectors[] = {{"", ""},
                                 {"f", "Zg=="},
                                 {"fo", "Zm8="},
                                 {"foo", "Zm9v"},
                                 {"foob", "Zm9vYg=="},
                                 {"fooba", "Zm9vYmE="},
                                 {"foobar", "Zm9vYmFy"},
                                 {"\xfb\xff\xfe", "+//+"}};
  for (const Vector& vector : kVectors) EXPECT_EQ(encode(vector.octets), vector.text);
}

TEST(Base64Test, AnySplitGivesTheSameText) {
  std::string octets;
  for (int i = 0; i < 256; ++i) octets += char(i);
  const std::string whole = encode(octets);
  for (size_t at = 0; at <= octets.size(); ++at) {
    ASSERT_EQ(encode(octets.substr(0, at), octets.substr(at)), whole) << at;
  }
}

TEST(Base64Test, IsAsNewAfterFinish) {
  Base64Encoder encoder;
  std::string text;
  for (int i = 0; i < 2; ++i) {
    encoder.add(core::as_octets("f"), text);
    encoder.finish(text);
  }
  EXPECT_EQ(text, "Zg==Zg==");
}

}  // namespace
}  // namespace mailrace::tools
