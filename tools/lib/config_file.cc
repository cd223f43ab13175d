// SPDX-License-Identifier: GPL-3.0-or-later
// The only file that includes toml++: it takes seconds to compile.
#include "tools/lib/config_file.h"

#include "core/base/limits.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace mailrace::tools {
namespace {

ConfigPosition position_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

ConfigValue value_of(const toml::node& node) {
  ConfigValue value;
  value.position = position_of(node.source());
  if (const auto* text = node.as_string()) {
    value.type = ConfigType::text;
    value.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.type = ConfigType::integer;
    value.text = std::to_string(integer->get());
  } else if (const auto* boolean = node.as_boolean()) {
    value.type = ConfigType::boolean;
    value.text = boolean->get() ? "true" : "false";
  } else {
    std::ostringstream stream;
    node.visit([&](const auto& concrete) { stream << concrete; });
    value.text = stream.str();
  }
  return value;
}

ConfigEntry entry_of(const toml::key& key, const toml::node& node) {
  ConfigEntry entry;
  entry.key = key.str();
  entry.position = position_of(key.source());
  entry.is_table = node.is_table() || node.is_array_of_tables();
  if (entry.is_table) return entry;
  if (const auto* array = node.as_array()) {
    entry.is_array = true;
    for (const toml::node& element : *array) entry.values.push_back(value_of(element));
  } else {
    entry.values.push_back(value_of(node));
  }
  return entry;
}

// toml++ keeps tables sorted by key; mistakes are to be reported in the order of the file.
void append_sorted(std::vector<ConfigEntry>& entries, std::vector<ConfigEntry> more) {
  std::sort(more.begin(), more.end(), [](const ConfigEntry& a, const ConfigEntry& b) {
    return std::pair(a.position.line, a.position.column) <
           std::pair(b.position.line, b.position.column);
  });
  std::move(more.begin(), more.end(), std::back_inserter(entries));
}

tl::expected<std::string, std::string> read_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return tl::unexpected(path + ": no such file");
  }
  if (error) return tl::unexpected(path + ": " + error.message());
  // A pipe or a device could block the start for ever.
  if (!std::filesystem::is_regular_file(status)) {
    return tl::unexpected(path + ": not a regular file");
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return tl::unexpected(path + ": " + std::strerror(errno));
  std::string text;
  constexpr std::streamsize kPieceBytes = 64 << 10;
  std::vector<char> piece(kPieceBytes);
  while (text.size() <= core::kConfigFileBytesMax && stream.read(piece.data(), kPieceBytes)) {
    text.append(piece.data(), piece.size());
  }
  if (stream.bad()) return tl::unexpected(path + ": " + std::strerror(errno));
  if (!stream) text.append(piece.data(), static_cast<size_t>(stream.gcount()));
  if (text.size() > core::kConfigFileBytesMax) {
    return tl::unexpected(path + ": longer than " + std::to_string(core::kConfigFileBytesMax) +
                          " octets");
  }
  return text;
}

// toml++ shows the offending text, line ends included; a message is one line.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

}  // namespace

std::string at_position(const std::string& path, ConfigPosition position) {
  return path + ":" + std::to_string(position.line) + ":" + std::to_string(position.column);
}

tl::expected<std::vector<ConfigEntry>, std::string> read_config_file(
    const std::string& path, std::span<const std::string_view> tables, std::string_view table) {
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());

  toml::table root;
  try {
    root = toml::parse(*text, path);
  } catch (const toml::parse_error& error) {
    return tl::unexpected(at_position(path, position_of(error.source())) + ": " +
                          one_line(error.description()));
  }

  std::vector<ConfigEntry> entries;
  std::vector<ConfigEntry> top;
  std::vector<ConfigEntry> own;
  for (const auto& [key, node] : root) {
    const auto* inner = node.as_table();
    const bool known = std::find(tables.begin(), tables.end(), key.str()) != tables.end();
    if (inner == nullptr || !known) {
      top.push_back(entry_of(key, node));
    } else if (key.str() == table) {
      for (const auto& [inner_key, inner_node] : *inner) {
        own.push_back(entry_of(inner_key, inner_node));
      }
    }
  }
  append_sorted(entries, std::move(top));
  append_sorted(entries, std::move(own));
  return entries;
}

}  // namespace mailrace::tools
