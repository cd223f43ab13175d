// SPDX-License-Identifier: GPL-3.0-or-later
// The first result is what all others are held against.
#include "tools/load/comparison.h"

#include "tools/lib/formatted.h"
#include "tools/lib/json.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

namespace mailrace::tools {
namespace {

constexpr size_t kTitleColumns = 17;
constexpr size_t kColumnColumns = 26;
// Flags that change what is shown or looked at, not what is done.
constexpr std::string_view kIrrelevant[] = {"--target",     "--json",   "--quiet",
                                            "--csv",        "--html",   "--ids",
                                            "--server-pid", "--repeat", "--allow-generator-limit"};

bool is_change_for_worse(const LoadFigure& figure, double percent) {
  return figure.is_more_better ? percent < 0 : percent > 0;
}

// Padded at the left to a column's width, in octets; cut paths keep their end, which differs.
std::string column(std::string text) {
  constexpr size_t kRoom = kColumnColumns - 2;
  if (text.size() > kRoom) text = "..." + text.substr(text.size() - (kRoom - 3));
  return std::string(kColumnColumns - text.size(), ' ') + text;
}

std::string change_text(const LoadChange& change) {
  switch (change.verdict) {
    case LoadVerdict::same:
      return "~";
    case LoadVerdict::unknown:
      return "?";
    case LoadVerdict::better:
    case LoadVerdict::worse:
      return formatted("%+.1f %%", change.percent);
  }
  return {};
}

std::string cell(std::span<const LoadResult> results, size_t index, size_t figure) {
  const LoadResult& result = results[index];
  if (!result.figures[figure]) return column("-");
  std::string text = formatted("%.5g", *result.figures[figure]);
  const auto noise = result.noise_percent[figure];
  text += noise ? formatted(" +-%.1f%%", *noise) : "";
  if (index > 0)
    text += formatted(" %8s", change_text(change_of(results[0], result, figure)).c_str());
  return column(text);
}

std::string setting_of(const LoadResult& result, const std::string& name) {
  const auto found = result.setting.find(name);
  return found == result.setting.end() ? "(unknown)" : found->second;
}

// Names of flags, and of properties of the machine, that are not the same in all results.
std::vector<std::string> differences(std::span<const LoadResult> results) {
  std::set<std::string> names;
  for (const LoadResult& result : results) {
    for (const auto& [name, value] : result.setting) names.insert(name);
  }
  std::vector<std::string> different;
  for (const std::string& name : names) {
    if (std::ranges::find(kIrrelevant, name) != std::end(kIrrelevant)) continue;
    const std::string first = setting_of(results[0], name);
    const bool is_same = std::ranges::all_of(
        results, [&](const LoadResult& result) { return setting_of(result, name) == first; });
    if (!is_same) different.push_back(name);
  }
  return different;
}

template <class Get>
std::string array_json(std::span<const LoadResult> results, Get&& get) {
  std::string text = "[";
  for (const LoadResult& result : results) text += (text.size() > 1 ? "," : "") + get(result);
  return text + "]";
}

std::string string_json(std::string_view text) {
  std::string json;
  add_json_string(json, text);
  return json;
}

std::string strings_json(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const std::string& text : texts) json += (json.size() > 1 ? "," : "") + string_json(text);
  return json + "]";
}

std::string number_json(std::optional<double> number) {
  return number ? formatted("%.9g", *number) : "null";
}

std::string figure_json(std::span<const LoadResult> results, size_t figure) {
  const auto change_in = [&](const LoadResult& result) {
    return change_of(results[0], result, figure);
  };
  return json_object([&](JsonLine& line) {
    line.raw("values", array_json(results,
                                  [&](const LoadResult& result) {
                                    return number_json(result.figures[figure]);
                                  }))
        .raw("noise_percent", array_json(results,
                                         [&](const LoadResult& result) {
                                           return number_json(result.noise_percent[figure]);
                                         }))
        .raw("change_percent", array_json(results,
                                          [&](const LoadResult& result) {
                                            const LoadChange change = change_in(result);
                                            const bool is_known =
                                                change.verdict != LoadVerdict::unknown;
                                            return is_known ? number_json(change.percent) : "null";
                                          }))
        .raw("verdict", array_json(results, [&](const LoadResult& result) {
               return string_json(name_of(change_in(result).verdict));
             }));
  });
}

}  // namespace

const char* name_of(LoadVerdict verdict) noexcept {
  static constexpr const char* kNames[] = {"same", "better", "worse", "unknown"};
  return kNames[size_t(verdict)];
}

LoadChange change_of(const LoadResult& first, const LoadResult& other, size_t figure) {
  LoadChange change;
  const auto from = first.figures[figure];
  const auto to = other.figures[figure];
  if (!from || !to || *from <= 0) return change;
  change.percent = 100 * (*to - *from) / *from;
  // That of the other is of its own median, and so in percent of the first.
  change.noise_percent = first.noise_percent[figure].value_or(0) +
                         other.noise_percent[figure].value_or(0) * *to / *from;
  if (std::abs(change.percent) <= change.noise_percent) {
    change.verdict = LoadVerdict::same;
  } else {
    const bool is_worse = is_change_for_worse(kLoadFigures[figure], change.percent);
    change.verdict = is_worse ? LoadVerdict::worse : LoadVerdict::better;
  }
  return change;
}

std::vector<std::string> setbacks(std::span<const LoadResult> results, double percent) {
  std::vector<std::string> lines;
  for (const LoadResult& other : results.subspan(1)) {
    for (size_t figure = 0; figure < kLoadFigureCount; ++figure) {
      const LoadChange change = change_of(results[0], other, figure);
      const bool is_setback = kLoadFigures[figure].is_judged &&
                              change.verdict == LoadVerdict::worse &&
                              std::abs(change.percent) > percent + change.noise_percent;
      if (!is_setback) continue;
      lines.push_back(
          other.path + ": " + kLoadFigures[figure].title +
          formatted(": %+.1f %%, with noise of %.1f %%", change.percent, change.noise_percent));
    }
  }
  return lines;
}

std::vector<std::string> reservations(std::span<const LoadResult> results) {
  std::vector<std::string> lines;
  std::string different;
  for (const std::string& name : differences(results)) {
    different += (different.empty() ? "" : "; ") + name + ": ";
    for (size_t index = 0; index < results.size(); ++index) {
      different += (index > 0 ? " | " : "") + setting_of(results[index], name);
    }
  }
  if (!different.empty()) lines.push_back("not the same scenario: " + different);
  for (const LoadResult& result : results) {
    if (result.errors == 0) continue;
    lines.push_back(result.path + ": " + std::to_string(result.errors) +
                    " errors, so its figures are none");
  }
  for (const LoadResult& result : results) {
    if (result.repeats < 2) lines.push_back(result.path + ": no repeats: noise unknown");
  }
  return lines;
}

std::string comparison_text(std::span<const LoadResult> results) {
  std::string text(kTitleColumns, ' ');
  for (const LoadResult& result : results) text += column(result.path);
  text += '\n';
  for (size_t figure = 0; figure < kLoadFigureCount; ++figure) {
    text += formatted("%-*s", int(kTitleColumns), kLoadFigures[figure].title);
    for (size_t index = 0; index < results.size(); ++index) text += cell(results, index, figure);
    text += '\n';
  }
  return text;
}

std::string comparison_json(std::span<const LoadResult> results,
                            const std::optional<std::vector<std::string>>& setbacks) {
  std::string text;
  JsonLine line(text);
  line.raw("files",
           array_json(results, [](const LoadResult& result) { return string_json(result.path); }))
      .raw("repeats", array_json(results, [](const LoadResult& result) {
             return std::to_string(result.repeats);
           }));
  line.raw("figures", json_object([&](JsonLine& figures) {
             for (size_t figure = 0; figure < kLoadFigureCount; ++figure) {
               figures.raw(kLoadFigures[figure].name, figure_json(results, figure));
             }
           }));
  line.raw("reservations", strings_json(reservations(results)))
      .raw("setbacks", setbacks ? strings_json(*setbacks) : "null");
  line.end();
  return text;
}

}  // namespace mailrace::tools
