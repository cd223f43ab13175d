// SPDX-License-Identifier: GPL-3.0-or-later
// Every dot scan kernel that runs here answers as the scalar one does, and reads nothing else.
#include "core/base/prng.h"
#include "core/scan/dot_scan.h"
#include "tests/support/guard_page.h"
#include "tests/support/seed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

namespace mailrace::core {
namespace {

constexpr size_t kAlignments = 64;
constexpr size_t kLengthMax = 200;
// Several blocks of the widest kernel (256 octets), and what is left over after them.
constexpr size_t kLongLengthMax = 1100;

constexpr uint16_t kPreviousOfInterest[] = {
    '\r' << 8 | '\n', 'a' << 8 | 'a',  'a' << 8 | '\r', 'a' << 8 | '\n',  '\r' << 8 | '\r',
    '\n' << 8 | '\n', '\n' << 8 | '.', '\r' << 8 | 'a', '\n' << 8 | '\r', 0,
    0x8d8a,
};

const DotScanKernel& scalar() { return dot_scan_kernels().back(); }

std::vector<DotScanKernel> kernels_to_compare() {
  std::vector<DotScanKernel> kernels;
  for (const DotScanKernel& kernel : dot_scan_kernels().first(dot_scan_kernels().size() - 1)) {
    if (kernel.runs_here()) kernels.push_back(kernel);
  }
  return kernels;
}

// Fills `target` with lines of 'a'. One place in `flaw_odds` gets an octet of {CR, LF, '.', 'a'}
// or a CRLF '.' instead, so small odds leave long clean runs and 1 leaves none.
void make_text(MutableOctets target, uint64_t flaw_odds, Prng& prng) {
  constexpr std::string_view kAlphabet = "\r\n.a";
  constexpr std::string_view kLineThenDot = "\r\n.";
  for (size_t i = 0; i < target.size();) {
    std::string_view piece = "a";
    if (prng.below(flaw_odds) == 0) {
      piece = prng.below(5) == 0 ? kLineThenDot : kAlphabet.substr(prng.below(4), 1);
    } else if (prng.below(10) == 0) {
      piece = "\r\n";
    }
    for (size_t j = 0; j < piece.size() && i < target.size(); ++j, ++i) {
      target[i] = std::byte(piece[j]);
    }
  }
}

testing::AssertionResult agree(const std::vector<DotScanKernel>& kernels, Octets data,
                               uint16_t previous) {
  const size_t expected = scalar().scan(data, previous);
  for (const DotScanKernel& kernel : kernels) {
    const size_t got = kernel.scan(data, previous);
    if (got == expected) continue;
    return testing::AssertionFailure()
           << kernel.name << " says " << got << ", scalar " << expected << "; previous " << previous
           << ", " << data.size() << " octets:\n"
           << testing::PrintToString(std::string(as_text(data)));
  }
  return testing::AssertionSuccess();
}

class KernelsAgreeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (kernels_.empty()) GTEST_SKIP() << "only scalar runs here";
  }

  const uint64_t seed_ = tests::test_seed();
  const testing::ScopedTrace trace_{__FILE__, __LINE__,
                                    "MAILRACE_TEST_SEED=" + std::to_string(seed_)};
  Prng prng_{seed_};
  const std::vector<DotScanKernel> kernels_ = kernels_to_compare();
};

constexpr uint64_t kFlawOdds[] = {1, 3, 20, 200};

TEST_F(KernelsAgreeTest, AtEveryAlignmentAndLength) {
  std::vector<std::byte> room(kAlignments + kLengthMax);
  for (size_t length = 0; length <= kLengthMax; ++length) {
    for (size_t alignment = 0; alignment < kAlignments; ++alignment) {
      const MutableOctets data = MutableOctets(room).subspan(alignment, length);
      make_text(room, kFlawOdds[(length + alignment) % std::size(kFlawOdds)], prng_);
      for (const uint16_t previous : kPreviousOfInterest) {
        ASSERT_TRUE(agree(kernels_, data, previous)) << "alignment " << alignment;
      }
    }
  }
}

TEST_F(KernelsAgreeTest, BetweenUnmappedPages) {
  const tests::GuardedPages pages(kLongLengthMax);
  for (size_t length = 0; length <= kLongLengthMax; ++length) {
    for (const uint64_t flaw_odds : {uint64_t{3}, uint64_t{200}, UINT64_MAX}) {
      for (const MutableOctets data : {pages.at_start(length), pages.at_end(length)}) {
        make_text(data, flaw_odds, prng_);
        for (const uint16_t previous : kPreviousOfInterest) {
          ASSERT_TRUE(agree(kernels_, data, previous));
        }
      }
    }
  }
}

// One flaw in clean mail, at every place of several blocks.
TEST_F(KernelsAgreeTest, WhereverTheOnlyFlawIs) {
  std::vector<std::byte> clean(kLongLengthMax, std::byte('a'));
  for (size_t i = 70; i + 1 < clean.size(); i += 78) {
    clean[i] = std::byte('\r');
    clean[i + 1] = std::byte('\n');
  }
  ASSERT_EQ(scalar().scan(clean, kDotScanStart), clean.size());
  for (const std::string_view flaw : {"\r", "\n", ".", "\r\n.", "\n\r", "\r\r\n"}) {
    for (size_t place = 0; place + flaw.size() <= clean.size(); ++place) {
      std::vector<std::byte> data = clean;
      std::copy_n(as_octets(flaw).begin(), flaw.size(), data.begin() + ptrdiff_t(place));
      ASSERT_TRUE(agree(kernels_, data, kDotScanStart)) << "flaw at " << place;
    }
  }
}

// However the mail is split, the scan stops at the same octet; only a bare CR that ends a piece is
// reported at the octet after it.
TEST_F(KernelsAgreeTest, WhereverTheMailIsSplit) {
  std::vector<std::byte> mail(kLengthMax);
  for (int round = 0; round < 20'000; ++round) {
    make_text(mail, kFlawOdds[size_t(round) % std::size(kFlawOdds)], prng_);
    const size_t whole = scalar().scan(mail, kDotScanStart);
    const size_t split = size_t(prng_.below(mail.size() + 1));
    const Octets first = Octets(mail).first(split);
    const Octets second = Octets(mail).subspan(split);
    const bool cr_waits = whole + 1 == split && mail[whole] == std::byte('\r');
    const size_t expected = cr_waits ? split : whole;
    for (const DotScanKernel& kernel : dot_scan_kernels()) {
      if (!kernel.runs_here()) continue;
      size_t hit = kernel.scan(first, kDotScanStart);
      if (hit == first.size()) {
        hit += kernel.scan(second, dot_scan_previous(first, kDotScanStart));
      }
      ASSERT_EQ(hit, expected) << kernel.name << ", split at " << split;
    }
  }
}

}  // namespace
}  // namespace mailrace::core
