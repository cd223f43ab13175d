// SPDX-License-Identifier: GPL-3.0-or-later
// Who holds terms keeps them, and newer parts take the place of older ones.
#include "net/settings.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

namespace mailrace::net {
namespace {

std::shared_ptr<Settings> named(const char* hostname) {
  return std::make_shared<Settings>(
      Settings{.session = core::SessionConfig({.hostname = hostname})});
}

TEST(TermsHoldTest, TheLastHolderFreesThem) {
  auto settings = named("old.test");
  const std::weak_ptr<Settings> old = settings;
  std::optional<TermsHold> current(Terms{.settings = std::move(settings)});
  std::optional<TermsHold> first(*current);
  const TermsHold second(*first);
  *current = TermsHold(Terms{.settings = named("new.test")});
  EXPECT_EQ((*current)->settings->session.hostname, "new.test");
  EXPECT_EQ((*first)->settings->session.hostname, "old.test");
  first.reset();
  EXPECT_FALSE(old.expired());
  {
    TermsHold third(second);
    third = *current;
    EXPECT_EQ((*third).settings->session.hostname, "new.test");
  }
  EXPECT_EQ(second->settings->session.hostname, "old.test");
  current.reset();
  EXPECT_FALSE(old.expired());
}

TEST(TermsHoldTest, NobodyHoldsThemForEver) {
  auto settings = named("old.test");
  const std::weak_ptr<Settings> old = settings;
  std::optional<TermsHold> hold(Terms{.settings = std::move(settings)});
  std::optional<TermsHold> other(*hold);
  hold.reset();
  other.reset();
  EXPECT_TRUE(old.expired());
}

TEST(RenewalTest, LeavesWhatItDoesNotName) {
  const auto lists = std::make_shared<const core::ClientLists>();
  const Terms before{.settings = named("old.test"), .lists = lists};
  const Terms same = Renewal{}.applied_to(before);
  EXPECT_EQ(same.settings, before.settings);
  EXPECT_EQ(same.lists, lists);
  const Terms without = Renewal{.lists = nullptr}.applied_to(before);
  EXPECT_EQ(without.settings, before.settings);
  EXPECT_EQ(without.lists, nullptr) << "there are none any more";
}

TEST(RenewalTest, ANewerOneTakesFromAnOlderOneWhatItLacks) {
  const auto lists = std::make_shared<const core::ClientLists>();
  Renewal older{.settings = named("older.test"), .lists = lists};
  Renewal newer{.settings = named("newer.test"), .tls = nullptr};
  newer.complete(std::move(older));
  EXPECT_EQ(newer.settings->session.hostname, "newer.test");
  EXPECT_EQ(newer.lists, lists);
  ASSERT_TRUE(newer.tls.has_value());
  EXPECT_EQ(*newer.tls, nullptr);
}

}  // namespace
}  // namespace mailrace::net
