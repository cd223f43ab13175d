// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/load/compare.h"

#include "core/base/limits.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_values.h"
#include "tools/load/comparison.h"

#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr double kPercentMax = 1000.0;

std::optional<double> parse_percent(std::string_view text) {
  double percent = 0.0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  // Not NaN either.
  if (error != std::errc{} || behind != end || !(percent >= 0.0 && percent <= kPercentMax)) {
    return std::nullopt;
  }
  return percent;
}

int complain(const std::string& what, int exit_code) {
  std::fprintf(stderr, "mailrace load compare: %s\n", what.c_str());
  return exit_code;
}

}  // namespace

std::vector<Flag> load_compare_flags(LoadCompareOptions& options) {
  const TextRule percent{"a number from 0 to 1000", [](std::string_view text) {
                           return text.empty() || parse_percent(text).has_value();
                         }};
  return {
      required(positional(list_flag("FILE", &options.files, "FILE",
                                    "result of `mailrace load --json`; all are compared with the "
                                    "first",
                                    {"2 to " + std::to_string(core::kLoadResultsMax), {}}))),
      text_flag("fail-over", &options.fail_over, "PERCENT",
                "exit with 1 if messages/s fell, or p99 or CPU per message rose, by more than that "
                "beyond the noise of both: half the span of --repeat, by the median",
                percent),
      switch_flag("json", &options.json, "print one JSON object"),
  };
}

int main_load_compare(int argc, char** argv) {
  LoadCompareOptions options;
  const std::vector<Flag> flags = load_compare_flags(options);
  const ParseOutcome outcome =
      parse_flags("load compare", "says what is better and what is worse than in the first result",
                  flags, argc, argv);
  if (!outcome.proceed) return outcome.exit_code;
  if (options.files.size() < 2 || options.files.size() > core::kLoadResultsMax) {
    return complain("FILE: " + std::to_string(options.files.size()) + " given (allowed: 2 to " +
                        std::to_string(core::kLoadResultsMax) + ")",
                    kExitUsage);
  }
  std::vector<LoadResult> results;
  for (const std::string& file : options.files) {
    auto result = read_load_result(file);
    if (!result) return complain(result.error(), kExitUsage);
    results.push_back(*std::move(result));
  }
  std::optional<std::vector<std::string>> worse;
  if (const auto percent = parse_percent(options.fail_over)) worse = setbacks(results, *percent);
  if (options.json) {
    std::fputs(comparison_json(results, worse).c_str(), stdout);
  } else {
    std::fputs(comparison_text(results).c_str(), stdout);
    for (const std::string& line : reservations(results)) std::printf("note: %s\n", line.c_str());
    if (worse) {
      for (const std::string& line : *worse) std::printf("worse: %s\n", line.c_str());
    }
  }
  return worse && !worse->empty() ? kExitFailure : kExitOk;
}

}  // namespace mailrace::tools
