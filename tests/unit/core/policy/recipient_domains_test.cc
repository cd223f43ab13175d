// SPDX-License-Identifier: GPL-3.0-or-later
// Our domains are ours in every spelling, and others in none.
#include "core/policy/recipient_domains.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

constexpr std::string_view kUnicode =
    "b\xc3\xbc"
    "cher.example";
constexpr std::string_view kAscii = "xn--bcher-kva.example";

TEST(RecipientDomainsTest, AreOursInEverySpelling) {
  for (const std::string_view configured : {kUnicode, kAscii}) {
    RecipientDomains domains;
    domains.add(configured);
    for (const std::string_view domain : {kUnicode, kAscii,
                                          std::string_view("B\xc3\x9c"
                                                           "CHER.EXAMPLE"),
                                          std::string_view("XN--bcher-KVA.example")}) {
      EXPECT_TRUE(domains.judge(domain).accepted) << configured << ' ' << domain;
    }
  }
}

TEST(RecipientDomainsTest, OthersAreNot) {
  RecipientDomains domains;
  domains.add(kUnicode);
  domains.add("example.com");
  EXPECT_TRUE(domains.judge("Example.COM").accepted);
  EXPECT_TRUE(domains.judge("").accepted);  // <Postmaster>
  for (const std::string_view domain :
       {"bucher.example",
        "b\xc3\xa4"
        "cher.example",
        "a.b\xc3\xbc"
        "cher.example",
        "\xff", "b\xc3", "[192.0.2.1]", "xn--bcher-kvb.example", "\xe2\x91\xb4.example"}) {
    const Verdict verdict = domains.judge(domain);
    EXPECT_FALSE(verdict.accepted) << domain;
    EXPECT_EQ(verdict.refusal, ReplyId::relay_denied);
  }
}

TEST(RecipientDomainsTest, KnowsWhatCanBeADomain) {
  EXPECT_TRUE(RecipientDomains::is_recipient_domain("example.com"));
  EXPECT_TRUE(RecipientDomains::is_recipient_domain(kUnicode));
  for (const std::string_view name :
       {"", "a b", "[192.0.2.1]", "a_b", "\xff", "\xc3\xbc.", "\xe2\x91\xb4.example"}) {
    EXPECT_FALSE(RecipientDomains::is_recipient_domain(name)) << name;
  }
  const std::string label(kLabelBytesMax, 'a');
  EXPECT_TRUE(RecipientDomains::is_recipient_domain(label + ".\xc3\xbc"));
  EXPECT_TRUE(RecipientDomains::is_recipient_domain(label));
  EXPECT_FALSE(RecipientDomains::is_recipient_domain(label + "a.\xc3\xbc"));
  EXPECT_FALSE(RecipientDomains::is_recipient_domain(label + 'a'));
}

}  // namespace
}  // namespace mailrace::core
