// SPDX-License-Identifier: GPL-3.0-or-later
// Octets are kept as long as they are needed, and count for what they take up.
#include "net/tls_stash.h"

#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::net {
namespace {

constexpr size_t kFree = core::kTlsStashFreeBytes;

TEST(TlsStashTest, TakesWhatIsMissingAndNoMore) {
  size_t kept = 0;
  TlsStash stash(kept);
  const std::string text = "EHLOQUIT";
  core::Octets from = core::as_octets(text);
  stash.fill(from, 3);
  stash.fill(from, 2);
  EXPECT_EQ(core::as_text(stash.front()), "EHL");
  stash.consume(1);
  stash.fill(from, 3);
  EXPECT_EQ(core::as_text(stash.front()), "HLO");
  stash.fill(from, 100);
  EXPECT_EQ(core::as_text(stash.front()), "HLOQUIT");
  EXPECT_TRUE(from.empty());
  stash.consume(7);
  EXPECT_TRUE(stash.empty());
}

TEST(TlsStashTest, CountsWhatItTakesUpButForAFreePart) {
  size_t kept = 0;
  {
    TlsStash stash(kept);
    const std::string octets(10 * kFree, 'x');
    core::Octets from = core::as_octets(octets);
    stash.fill(from, kFree);
    ASSERT_TRUE(stash.keep(/*is_owed=*/false));
    EXPECT_EQ(kept, 0u);
    stash.fill(from, kFree + 7);  // twice of what was there would be more than is wanted
    ASSERT_TRUE(stash.keep(/*is_owed=*/false));
    EXPECT_EQ(kept, 7u);
    stash.consume(kFree + 7);
    EXPECT_EQ(kept, 0u);
    stash.fill(from, 3 * kFree);
    ASSERT_TRUE(stash.keep(/*is_owed=*/false));
    EXPECT_EQ(kept, 2 * kFree);
  }
  EXPECT_EQ(kept, 0u);
}

TEST(TlsStashTest, HasABoundForAllOfAWorker) {
  size_t kept = core::kTlsKeptBytesPerWorkerMax - 4;
  const std::string octets(2 * kFree, 'x');
  {
    core::Octets from = core::as_octets(octets);
    TlsStash stash(kept);
    stash.fill(from, kFree + 4);
    EXPECT_TRUE(stash.keep(/*is_owed=*/false));
    EXPECT_TRUE(stash.keep(/*is_owed=*/false)) << "it has that already";
    TlsStash other(kept);
    other.fill(from, kFree);
    EXPECT_TRUE(other.keep(/*is_owed=*/false));
    from = core::as_octets(octets);
    other.fill(from, kFree + 1);
    EXPECT_FALSE(other.keep(/*is_owed=*/false));
    EXPECT_TRUE(other.keep(/*is_owed=*/true)) << "what is being received is not dropped";
  }
  EXPECT_EQ(kept, core::kTlsKeptBytesPerWorkerMax - 4);
}

}  // namespace
}  // namespace mailrace::net
