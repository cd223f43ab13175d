// SPDX-License-Identifier: GPL-3.0-or-later
// What `mailrace load --json` printed, read again.
#pragma once

#include <tl/expected.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace mailrace::tools {

/// A figure that results are compared by.
struct LoadFigure {
  const char* title;  // with its unit
  const char* name;   // in the JSON of a comparison
  const char* key;    // in a result; or
  const char* inner;  // within the object `key`; nullptr: it is no object
  bool is_more_better;
  bool is_judged;    // by --fail-over
  bool is_optional;  // a result may lack it
};
inline constexpr LoadFigure kLoadFigures[] = {
    {"messages/s", "messages_per_second", "messages_per_second", nullptr, true, true, false},
    {"MB/s", "megabytes_per_second", "megabytes_per_second", nullptr, true, false, false},
    {"p50 ms", "p50", "latency_ms", "p50", false, false, false},
    {"p90 ms", "p90", "latency_ms", "p90", false, false, false},
    {"p99 ms", "p99", "latency_ms", "p99", false, true, false},
    {"p99.9 ms", "p99_9", "latency_ms", "p99_9", false, false, false},
    {"max ms", "max", "latency_ms", "max", false, false, false},
    {"generator CPU ms", "generator_cpu_ms_per_message", "generator_cpu_ms_per_message", nullptr,
     false, true, false},
    {"server CPU ms", "server_cpu_ms_per_message", "server_cpu_ms_per_message", nullptr, false,
     true, true},
};
inline constexpr size_t kLoadFigureCount = std::size(kLoadFigures);

struct LoadResult {
  std::string path;
  std::array<std::optional<double>, kLoadFigureCount> figures;  // by kLoadFigures; not negative
  /// Half of the span of the repeats, in percent of the figure; nothing without repeats.
  std::array<std::optional<double>, kLoadFigureCount> noise_percent;
  uint64_t repeats = 1;
  uint64_t errors = 0;
  std::map<std::string, std::string> setting;  // flags and machine, by name
};

/// Reads a file of up to kLoadResultBytesMax octets.
///
/// returns   a result, or what is wrong: one line with the file and an offset in it, or a key
tl::expected<LoadResult, std::string> read_load_result(const std::string& path);

}  // namespace mailrace::tools
