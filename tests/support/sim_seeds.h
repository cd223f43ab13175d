// SPDX-License-Identifier: GPL-3.0-or-later
// Which seeds a simulation runs with.
#pragma once

#include "core/base/check.h"
#include "core/base/text.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace mailrace::tests {

/// Seeds first, first + 1, ...; in all `count` of them.
struct SimSeeds {
  uint64_t first = 1;
  uint64_t count = 1;
  bool chosen = false;  // by whoever runs the test, not by the test

  uint64_t end() const { return first + count; }
};

/// MAILRACE_SIM_SEED=n is one seed; MAILRACE_SIM_SEEDS=FROM:COUNT many; else those of the test.
inline SimSeeds sim_seeds(uint64_t first, uint64_t count) {
  const char* const one = std::getenv("MAILRACE_SIM_SEED");
  if (one != nullptr) {
    const auto seed = core::parse_decimal(one);
    MAILRACE_CHECK(seed.has_value());
    return {*seed, 1, true};
  }
  const char* const range = std::getenv("MAILRACE_SIM_SEEDS");
  if (range == nullptr) return {first, count, false};
  const std::string_view text = range;
  const size_t colon = text.find(':');
  MAILRACE_CHECK(colon != std::string_view::npos);
  const auto from = core::parse_decimal(text.substr(0, colon));
  const auto number = core::parse_decimal(text.substr(colon + 1));
  MAILRACE_CHECK(from.has_value());
  MAILRACE_CHECK(number.has_value());
  return {*from, *number, true};
}

}  // namespace mailrace::tests
