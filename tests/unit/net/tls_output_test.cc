// SPDX-License-Identifier: GPL-3.0-or-later
// A block is held while something is pending, and what is pending stays where it is.
#include "net/tls_output.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::net {
namespace {

TEST(TlsOutputTest, HoldsABlockOnlyWhileSomethingIsPending) {
  core::BlockPool blocks(core::kTlsOutputBytes, 1);
  TlsOutput output(blocks);
  EXPECT_EQ(blocks.free_count(), 1u);
  EXPECT_EQ(output.add(core::as_octets("first")), 5u);
  EXPECT_EQ(blocks.free_count(), 0u);
  const std::byte* const at = output.pending().data();
  EXPECT_EQ(output.add(core::as_octets("second")), 6u);
  EXPECT_EQ(output.pending().data(), at);
  output.consume(5);
  EXPECT_EQ(core::as_text(output.pending()), "second");
  output.consume(6);
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(blocks.free_count(), 1u);
}

TEST(TlsOutputTest, TakesWhatThereIsRoomFor) {
  core::BlockPool blocks(core::kTlsOutputBytes, 1);
  TlsOutput output(blocks);
  const std::string much(core::kTlsOutputBytes + 1, 'x');
  EXPECT_EQ(output.add(core::as_octets(much)), core::kTlsOutputBytes);
  EXPECT_EQ(output.room(), 0u);
  EXPECT_EQ(output.add(core::as_octets("x")), 0u);
  TlsOutput without_block(blocks);
  EXPECT_EQ(without_block.add(core::as_octets("x")), 0u);
}

TEST(TlsOutputTest, GivesItsBlockBackWhenItGoes) {
  core::BlockPool blocks(core::kTlsOutputBytes, 1);
  { TlsOutput(blocks).add(core::as_octets("x")); }
  EXPECT_EQ(blocks.free_count(), 1u);
}

}  // namespace
}  // namespace mailrace::net
