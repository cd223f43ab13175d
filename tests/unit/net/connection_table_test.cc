// SPDX-License-Identifier: GPL-3.0-or-later
// A token of a slot's last tenant does not find the next one.
#include "net/connection_table.h"

#include <gtest/gtest.h>

namespace mailrace::net {
namespace {

struct Tenant {
  Tenant(Token token, int number) : self(token), value(number) { ++alive; }
  ~Tenant() { --alive; }
  Tenant(const Tenant&) = delete;
  Tenant& operator=(const Tenant&) = delete;

  Token self;
  int value;
  inline static int alive = 0;
};

TEST(ConnectionTableTest, FindsATenantByItsTokenOnly) {
  ConnectionTable<Tenant> table(2);
  const Token first = table.emplace(1).self;
  ASSERT_NE(table.find(first.slot, first.generation), nullptr);
  EXPECT_EQ(table.find(first.slot, first.generation)->value, 1);
  EXPECT_EQ(table.find(first.slot, first.generation + 1), nullptr);
  table.erase(first.slot);
  EXPECT_EQ(table.find(first.slot, first.generation), nullptr);
  const Token second = table.emplace(2).self;
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_EQ(table.find(first.slot, first.generation), nullptr);
  EXPECT_EQ(table.find(second.slot, second.generation)->value, 2);
}

TEST(ConnectionTableTest, IsFullWhenAllSlotsAreTaken) {
  ConnectionTable<Tenant> table(2);
  EXPECT_FALSE(table.full());
  table.emplace(1);
  table.emplace(2);
  EXPECT_TRUE(table.full());
  EXPECT_EQ(table.size(), 2u);
  table.erase(0);
  EXPECT_FALSE(table.full());
}

TEST(ConnectionTableTest, TakesTenantsDownAtItsEnd) {
  {
    ConnectionTable<Tenant> table(3);
    table.emplace(1);
    table.emplace(2);
    EXPECT_EQ(Tenant::alive, 2);
  }
  EXPECT_EQ(Tenant::alive, 0);
}

TEST(ConnectionTableTest, TokensSurviveTheirPacking) {
  const Token token{Op::send, 0xabcdef, 0x12345678};
  const Token read = Token::unpack(token.pack());
  EXPECT_EQ(read.op, Op::send);
  EXPECT_EQ(read.generation, 0xabcdefu);
  EXPECT_EQ(read.slot, 0x12345678u);
}

}  // namespace
}  // namespace mailrace::net
