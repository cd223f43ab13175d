// SPDX-License-Identifier: GPL-3.0-or-later
// Names of one domain come out the same, and what is no domain comes out as nothing.
#include "core/base/idna.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

std::string a_labels(std::string_view domain) {
  DomainBuffer buffer;
  const auto name = to_a_labels(domain, buffer);
  return name ? std::string(*name) : "none";
}

TEST(IdnaTest, NamesOfOneDomainAreOne) {
  for (const std::string_view name : {
           "b\xc3\xbc"
           "cher.example",  // as it should be
           "B\xc3\x9c"
           "CHER.Example",  // upper case
           "bu\xcc\x88"
           "cher.example",           // decomposed
           "xn--bcher-kva.example",  // as DNS has it
           "XN--BCHER-KVA.EXAMPLE",  //
           "b\xc3\xbc"
           "cher\xe3\x80\x82"
           "example",  // ideographic full stop
       }) {
    EXPECT_EQ(a_labels(name), "xn--bcher-kva.example") << name;
  }
}

TEST(IdnaTest, KnowsOtherScripts) {
  EXPECT_EQ(a_labels("\xe4\xbe\x8b\xe5\xad\x90.\xe6\xb5\x8b\xe8\xaf\x95"),
            "xn--fsqu00a.xn--0zwm56d");
  EXPECT_EQ(a_labels("stra\xc3\x9f"
                     "e.example"),
            "xn--strae-oqa.example");  // not transitional
  EXPECT_EQ(a_labels("Example.ORG"), "example.org");
}

TEST(IdnaTest, RefusesWhatIsNoDomain) {
  for (const std::string_view name : {
           "\xff.example",                    // no UTF-8
           "ex\xe2\x91\xb4\x61mple.example",  // must not become example.example
           "\xc2\xad.example",                // a soft hyphen alone: maps to nothing
           "\xe2\x91\xb4.example",            // maps to "(1)"
           "\xe2\x80\x8d\xc3\xbc.example",    // a joiner with nothing to join
           "a..\xc3\xbc",
           "xn--a\xc3\xbc.example",
       }) {
    EXPECT_EQ(a_labels(name), "none") << name;
  }
}

TEST(IdnaTest, LabelsAndDomainsHaveTheLimitsOfDns) {
  std::string label;
  for (int i = 0; i < 40; ++i) label += "\xc3\xbc";
  EXPECT_NE(a_labels(label), "none");
  for (int i = 0; i < 60; ++i) label += "\xc3\xbc";
  EXPECT_EQ(a_labels(label), "none");
  std::string domain = "\xc3\xbc";
  while (domain.size() + 3 <= kDomainBytesMax) domain += ".\xc3\xbc";
  EXPECT_EQ(a_labels(domain), "none");
}

}  // namespace
}  // namespace mailrace::core
