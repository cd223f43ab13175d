// SPDX-License-Identifier: GPL-3.0-or-later
// Recipients come back as they were put in, and one list takes no more than its share of the pool.
#include "core/smtp/recipient_list.h"

#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace mailrace::core {
namespace {

std::vector<std::string> described(const RecipientList& list) {
  std::vector<std::string> all;
  list.for_each([&](const Recipient& recipient) {
    all.push_back(std::string(recipient.forward_path) + ' ' +
                  std::to_string(int(recipient.notify)) + ' ' +
                  std::string(recipient.original_recipient));
    return true;
  });
  return all;
}

TEST(RecipientListTest, GivesBackWhatWasPutIn) {
  BlockPool pool(kSessionBlockBytes, 2);
  RecipientList list(pool, 2);
  ASSERT_TRUE(list.append({.forward_path = "a@b"}));
  const auto copy = list.append({"c@d", NotifySet::success | NotifySet::delay, "rfc822;c@d"});
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->forward_path, "c@d");
  EXPECT_EQ(copy->notify, NotifySet::success | NotifySet::delay);
  EXPECT_EQ(copy->original_recipient, "rfc822;c@d");
  ASSERT_TRUE(list.append({.forward_path = "Postmaster", .original_recipient = "x;y"}));
  EXPECT_EQ(list.count(), 3u);
  EXPECT_EQ(described(list),
            (std::vector<std::string>{"a@b 0 ", "c@d 10 rfc822;c@d", "Postmaster 0 x;y"}));
}

TEST(RecipientListTest, DropsTheLastWithAllThatWasSaidOfIt) {
  BlockPool pool(kSessionBlockBytes, 1);
  RecipientList list(pool, 1);
  ASSERT_TRUE(list.append({.forward_path = "a@b"}));
  ASSERT_TRUE(list.append({"c@d", NotifySet::never, "rfc822;c@d"}));
  list.drop_last();
  ASSERT_TRUE(list.append({.forward_path = "e@f"}));
  EXPECT_EQ(described(list), (std::vector<std::string>{"a@b 0 ", "e@f 0 "}));
  const RecipientList moved = std::move(list);
  EXPECT_EQ(moved.count(), 2u);
}

TEST(RecipientListTest, HoldsTheLongestRecipients) {
  const std::string path(kPathBytesMax - 2, 'p');
  const std::string original(kOriginalRecipientBytesMax, 'o');
  for (const uint32_t recipients : {kRecipientsFloor, kRecipientsDefault, kRecipientsMax}) {
    const size_t share = transaction_blocks_max(recipients);
    BlockPool pool(kSessionBlockBytes, share + 1);
    {
      RecipientList list(pool, share);
      for (uint32_t i = 0; i < recipients; ++i) {
        ASSERT_TRUE(list.append({.forward_path = path})) << i;
      }
    }
    RecipientList list(pool, share);
    uint32_t taken = 0;
    while (list.append({path, NotifySet::never, original})) ++taken;
    EXPECT_GE(taken, kRecipientsFloor);
    EXPECT_EQ(pool.free_count(), 1u);  // its share is used up, not the pool
  }
}

}  // namespace
}  // namespace mailrace::core
