// SPDX-License-Identifier: GPL-3.0-or-later
// Results beside each other: what has changed, and what of it is more than noise.
#pragma once

#include "tools/load/result_file.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mailrace::tools {

enum class LoadVerdict : uint8_t {
  same,  // within the noise of both
  better,
  worse,
  unknown,  // one of them lacks the figure, or the first one is 0
};
/// As in JSON: "better".
const char* name_of(LoadVerdict verdict) noexcept;

/// Of one figure against that of the first result.
struct LoadChange {
  double percent = 0.0;        // above zero: it is more
  double noise_percent = 0.0;  // of both; what is unknown counts as none
  LoadVerdict verdict = LoadVerdict::unknown;
};

/// figure   index into kLoadFigures
LoadChange change_of(const LoadResult& first, const LoadResult& other, size_t figure);

/// What is worse than in the first result by more than `percent` and the noise of both, of figures
/// that are judged: a line for each, without its end.
std::vector<std::string> setbacks(std::span<const LoadResult> results, double percent);

/// What makes the results hard to compare: other flags, another machine, errors, no repeats; a line
/// for each, without its end.
std::vector<std::string> reservations(std::span<const LoadResult> results);

/// A table for people.
std::string comparison_text(std::span<const LoadResult> results);

/// One JSON object and a line end.
///
/// setbacks   as setbacks() says; nothing: nobody asked
std::string comparison_json(std::span<const LoadResult> results,
                            const std::optional<std::vector<std::string>>& setbacks);

}  // namespace mailrace::tools
