// SPDX-License-Identifier: GPL-3.0-or-later
// What is lent is used or copied, and what is copied is counted.
#include "net/tls_plaintext.h"

#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::net {
namespace {

TEST(TlsPlaintextTest, KeepsWhatIsLeft) {
  size_t kept = 0;
  TlsPlaintext plaintext(kept);
  std::string lent = "QUITEHLO";
  plaintext.lend(core::as_octets(lent));
  EXPECT_TRUE(plaintext.is_lent());
  plaintext.consume(4);
  ASSERT_TRUE(plaintext.keep(/*is_owed=*/false));
  EXPECT_FALSE(plaintext.is_lent());
  lent.assign(lent.size(), 'x');
  EXPECT_EQ(core::as_text(plaintext.front()), "EHLO");
  EXPECT_EQ(kept, 4u);
  plaintext.consume(1);
  EXPECT_EQ(core::as_text(plaintext.front()), "HLO");
  plaintext.consume(3);
  EXPECT_TRUE(plaintext.empty());
  EXPECT_EQ(kept, 0u);
}

TEST(TlsPlaintextTest, CopiesNothingThatIsUsedAtOnce) {
  size_t kept = 0;
  TlsPlaintext plaintext(kept);
  plaintext.lend(core::as_octets("QUIT"));
  plaintext.consume(4);
  EXPECT_TRUE(plaintext.keep(/*is_owed=*/false));
  EXPECT_EQ(kept, 0u);
}

TEST(TlsPlaintextTest, HasABoundForAllOfAWorker) {
  size_t kept = core::kTlsKeptBytesPerWorkerMax - 4;
  {
    TlsPlaintext plaintext(kept);
    plaintext.lend(core::as_octets("RSET\r"));
    EXPECT_FALSE(plaintext.keep(/*is_owed=*/false));
    TlsPlaintext of_a_mail(kept);
    of_a_mail.lend(core::as_octets("RSET\r"));
    EXPECT_TRUE(of_a_mail.keep(/*is_owed=*/true)) << "what is being received is not dropped";
    of_a_mail.clear();
    plaintext.consume(1);
    EXPECT_TRUE(plaintext.keep(/*is_owed=*/false));
  }
  EXPECT_EQ(kept, core::kTlsKeptBytesPerWorkerMax - 4);
}

}  // namespace
}  // namespace mailrace::net
