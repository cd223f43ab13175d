// SPDX-License-Identifier: GPL-3.0-or-later
// The only file that includes nlohmann/json: it is slow to compile. Its exceptions end here.
#include "tools/load/result_file.h"

#include "core/base/limits.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

using nlohmann::json;

/// Why a file is no result, without its name.
struct NoResult {
  std::string why;
};

[[noreturn]] void refuse(std::string why) { throw NoResult{std::move(why)}; }

std::string read_all(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) refuse(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) refuse("not a regular file");
  if (uint64_t(status.st_size) > core::kLoadResultBytesMax) {
    refuse("longer than " + std::to_string(core::kLoadResultBytesMax) + " octets");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(std::strerror(errno));
  std::string text(size_t(status.st_size), '\0');
  file.read(text.data(), std::streamsize(text.size()));
  text.resize(size_t(file.gcount()));
  return text;
}

json parse(const std::string& text) {
  // Called with the depth of what ends or begins; what is refused here is never put together.
  const json::parser_callback_t look = [](int depth, json::parse_event_t, json&) {
    if (size_t(depth) > core::kLoadResultDepthMax) {
      refuse("nested more than " + std::to_string(core::kLoadResultDepthMax) + " deep");
    }
    return true;
  };
  try {
    return json::parse(text, look);
  } catch (const json::parse_error& error) {
    refuse("octet " + std::to_string(error.byte) + ": not JSON");
  } catch (const json::exception&) {  // a number that no double holds
    refuse("not JSON that fits into memory");
  }
}

const json& object_at(const json& result, const std::string& key) {
  const auto found = result.find(key);
  if (found == result.end() || !found->is_object()) refuse(key + ": an object is needed");
  return *found;
}

std::optional<double> figure_of(const json& result, const LoadFigure& figure) {
  const bool is_inner = figure.inner != nullptr;
  const json& object = is_inner ? object_at(result, figure.key) : result;
  const std::string name =
      is_inner ? std::string(figure.key) + "." + figure.inner : std::string(figure.key);
  const auto found = object.find(is_inner ? figure.inner : figure.key);
  if (figure.is_optional && (found == object.end() || found->is_null())) return std::nullopt;
  if (found == object.end() || !found->is_number()) refuse(name + ": a number is needed");
  const auto value = found->get<double>();
  if (!std::isfinite(value) || value < 0) refuse(name + ": it is below zero");
  return value;
}

// nothing: the figure is 0, or not in all of them
std::optional<double> noise_percent(const json& repeats, const LoadFigure& figure,
                                    std::optional<double> median) {
  std::vector<double> values;
  for (const json& repeat : repeats) {
    const auto value = figure_of(repeat, figure);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  if (!median || *median <= 0 || values.size() < 2) return std::nullopt;
  const auto [least, most] = std::ranges::minmax(values);
  return 100 * (most - least) / 2 / *median;
}

const json& repeats_of(const json& result) {
  static const json kNone = json::array();
  const auto found = result.find("repeats");
  if (found == result.end()) return kNone;
  if (!found->is_array() || found->empty() || found->size() > core::kLoadRepeatsMax) {
    refuse("repeats: an array of up to " + std::to_string(core::kLoadRepeatsMax) + " is needed");
  }
  for (const json& repeat : *found) {
    if (!repeat.is_object()) refuse("repeats: objects are needed in it");
  }
  return *found;
}

uint64_t errors_of(const json& result) {
  uint64_t sum = 0;
  for (const auto& [kind, count] : object_at(result, "errors").items()) {
    if (!count.is_number_unsigned()) refuse("errors." + kind + ": a number is needed");
    sum += count.get<uint64_t>();
  }
  return sum;
}

void add_setting(std::map<std::string, std::string>& setting, const json& result,
                 const std::string& key, const std::string& prefix) {
  for (const auto& [name, value] : object_at(result, key).items()) {
    if (!value.is_string()) refuse(key + "." + name + ": a text is needed");
    setting[prefix + name] = value.get<std::string>();
  }
}

LoadResult result_of(const std::string& path) {
  const json parsed = parse(read_all(path));
  if (!parsed.is_object()) refuse("octet 1: an object is needed");
  LoadResult result;
  result.path = path;
  const json& repeats = repeats_of(parsed);
  result.repeats = std::max<uint64_t>(repeats.size(), 1);
  for (size_t index = 0; index < kLoadFigureCount; ++index) {
    const LoadFigure& figure = kLoadFigures[index];
    result.figures[index] = figure_of(parsed, figure);
    result.noise_percent[index] = noise_percent(repeats, figure, result.figures[index]);
  }
  result.errors = errors_of(parsed);
  add_setting(result.setting, parsed, "flags", "--");
  add_setting(result.setting, parsed, "machine", "");
  return result;
}

}  // namespace

tl::expected<LoadResult, std::string> read_load_result(const std::string& path) {
  try {
    return result_of(path);
  } catch (const NoResult& no_result) {
    return tl::unexpected(path + ": " + no_result.why);
  }
}

}  // namespace mailrace::tools
