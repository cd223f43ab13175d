// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/tls_date.h"

#include <gtest/gtest.h>

namespace mailrace::net {
namespace {

TEST(TlsDateTest, ReadsBothForms) {
  constexpr int64_t kSecondNs = 1'000'000'000;
  EXPECT_EQ(read_asn_date("700101000001Z").ns, kSecondNs);
  EXPECT_EQ(read_asn_date("19700101000001Z").ns, kSecondNs);
  EXPECT_EQ(read_asn_date("20501231235959Z").ns, 2'556'143'999 * kSecondNs);
  EXPECT_LT(read_asn_date("500101000000Z").ns, 0);
  EXPECT_GT(read_asn_date("490101000000Z").ns, 0);
}

TEST(TlsDateTest, TakesNothingElse) {
  for (const char* text : {"", "Z", "7001010000Z", "700101000001+0000", "7001010x0001Z"}) {
    EXPECT_EQ(read_asn_date(text), core::WallTime{}) << text;
  }
}

}  // namespace
}  // namespace mailrace::net
