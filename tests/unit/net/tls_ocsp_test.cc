// SPDX-License-Identifier: GPL-3.0-or-later
// Which responses may be stapled.
#include "net/tls_ocsp.h"

#include "net/tls_library.h"
#include "tests/support/tls_fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace mailrace::net {
namespace {

using testing::HasSubstr;
using tests::tls_file;
using tests::tls_identity;

// Of a certificate, with such a response: what is wrong.
std::string wrong(const std::string& certificate, const std::string& response) {
  return tls_identity(certificate).staple(response);
}

class TlsOcspTest : public testing::Test {
  void SetUp() override {
    if (!tls_library_staples()) GTEST_SKIP() << "this build of wolfSSL staples nothing";
  }
};

TEST_F(TlsOcspTest, KnowsUntilWhenAResponseHolds) {
  TlsIdentity identity = tls_identity("stapled");
  EXPECT_TRUE(identity.ocsp().der.empty());
  EXPECT_EQ(identity.staple(tls_file("stapled.ocsp")), "");
  EXPECT_EQ(identity.ocsp().der, tls_file("stapled.ocsp"));
  EXPECT_GT(identity.ocsp().next_update, core::WallTime{4'000'000'000 * 1'000'000'000});
}

TEST_F(TlsOcspTest, SaysWhatIsWrong) {
  const std::string response = tls_file("stapled.ocsp");
  EXPECT_THAT(wrong("ecdsa", response), HasSubstr("another certificate"));
  EXPECT_THAT(wrong("stapled", tls_file("old.ocsp")), HasSubstr("time is over"));
  EXPECT_THAT(wrong("stapled", std::string("\x30\x03\x0a\x01\x03", 5)), HasSubstr("status is 3"));
  EXPECT_THAT(wrong("stapled", tls_file("stapled.pem")), HasSubstr("no OCSP response"));
  EXPECT_THAT(wrong("stapled", ""), HasSubstr("no OCSP response"));
}

TEST_F(TlsOcspTest, TakesNoPartOfAResponse) {
  const std::string response = tls_file("stapled.ocsp");
  for (size_t size = 0; size < response.size(); ++size) {
    EXPECT_NE(wrong("stapled", response.substr(0, size)), "") << size;
  }
}

}  // namespace
}  // namespace mailrace::net
