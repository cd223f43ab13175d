// SPDX-License-Identifier: GPL-3.0-or-later
// The seed of a property test: fixed unless MAILRACE_TEST_SEED says otherwise, printed on failure.
#pragma once

#include "core/base/check.h"
#include "core/base/text.h"

#include <cstdint>
#include <cstdlib>

namespace mailrace::tests {

/// The seed for this run. A run is repeated with MAILRACE_TEST_SEED=<decimal>; put the seed into a
/// SCOPED_TRACE so that a failure names it.
inline uint64_t test_seed() {
  const char* const text = std::getenv("MAILRACE_TEST_SEED");
  if (text == nullptr) return 20250101;
  const auto seed = core::parse_decimal(text);
  MAILRACE_CHECK(seed.has_value());
  return *seed;
}

}  // namespace mailrace::tests
