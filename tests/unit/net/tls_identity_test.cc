// SPDX-License-Identifier: GPL-3.0-or-later
// What a pair of files is good for, and pairs that are none.
#include "net/tls_identity.h"

#include "tests/support/tls_fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mailrace::net {
namespace {

using core::KeyKind;
using testing::ElementsAre;
using testing::HasSubstr;
using tests::tls_file;
using tests::tls_identity;

TEST(TlsIdentityTest, TellsNamesAndKindOfKey) {
  const TlsIdentity ecdsa = tls_identity("ecdsa");
  EXPECT_EQ(ecdsa.kind(), KeyKind::ecdsa_p256);
  EXPECT_THAT(ecdsa.names(), testing::UnorderedElementsAre("mx.example.com", "mail.example.com"));
  EXPECT_EQ(tls_identity("rsa").kind(), KeyKind::rsa);
  EXPECT_EQ(tls_identity("p384").kind(), KeyKind::ecdsa_p384);
  EXPECT_THAT(tls_identity("other").names(),
              testing::UnorderedElementsAre("mx.example.net", "*.example.net"));
}

TEST(TlsIdentityTest, DoesNotTakeTheCommonNameForAHost) {
  const auto made = TlsIdentity::make(tls_file("client.pem"), tls_file("client.key"));
  ASSERT_TRUE(made.has_value());
  EXPECT_THAT(made->names(), ElementsAre());
}

TEST(TlsIdentityTest, KnowsWhenTheCertificateEnds) {
  constexpr int64_t kYearNs = int64_t{365} * 24 * 3600 * 1'000'000'000;
  EXPECT_GT(tls_identity("ecdsa").not_after().ns, 150 * kYearNs);  // since 1970
  EXPECT_LT(tls_identity("ecdsa").not_after().ns, 170 * kYearNs);
}

TEST(TlsIdentityTest, SaysWhatIsWrong) {
  const auto wrong = [](const std::string& chain, const std::string& key) {
    const auto made = TlsIdentity::make(chain, key);
    return made ? "nothing" : made.error();
  };
  EXPECT_THAT(wrong("", ""), HasSubstr("chain"));
  EXPECT_THAT(wrong("no PEM", tls_file("ecdsa.key")), HasSubstr("chain"));
  EXPECT_THAT(wrong(tls_file("ecdsa.pem"), ""), HasSubstr("key"));
  EXPECT_THAT(wrong(tls_file("ecdsa.pem"), tls_file("other.key")),
              HasSubstr("not the certificate's"));
  EXPECT_THAT(wrong(tls_file("ecdsa.pem"), tls_file("rsa.key")), HasSubstr("key"));
  EXPECT_THAT(wrong(tls_file("ecdsa.key"), tls_file("ecdsa.pem")), HasSubstr("chain"));
  EXPECT_NE(wrong(tls_file("ed25519.pem"), tls_file("ed25519.key")), "nothing");
  const std::string chain = tls_file("ecdsa.pem");
  EXPECT_NE(wrong(chain.substr(0, chain.size() / 4), tls_file("ecdsa.key")), "nothing");
}

}  // namespace
}  // namespace mailrace::net
