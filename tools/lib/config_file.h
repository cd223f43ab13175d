// SPDX-License-Identifier: GPL-3.0-or-later
// A TOML file as a list of keys with values and positions; knows no flags.
#pragma once

#include <tl/expected.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

enum class ConfigType : uint8_t { text, integer, boolean, other };

/// Where in the file, counted from 1.
struct ConfigPosition {
  uint32_t line = 0;
  uint32_t column = 0;
};

struct ConfigValue {
  ConfigType type = ConfigType::other;
  std::string text;  // the text itself, decimal, "true" or "false", or how TOML writes it
  ConfigPosition position;
};

struct ConfigEntry {
  std::string key;
  ConfigPosition position;
  bool is_table = false;  // a table that is not a subcommand's: values is empty
  bool is_array = false;
  std::vector<ConfigValue> values;  // one if not an array
};

/// Reads a config file.
///
/// path         as given by the user; begins every message
/// tables       names that may be tables of keys; only the one called `table` is read
/// returns      keys at the top in file order, then those of the table, which are to replace them
/// fails        one line, "path: why" or "path:line:column: why": not readable, not a regular file,
///              longer than kConfigFileBytesMax, not TOML
tl::expected<std::vector<ConfigEntry>, std::string> read_config_file(
    const std::string& path, std::span<const std::string_view> tables, std::string_view table);

/// "path:line:column".
std::string at_position(const std::string& path, ConfigPosition position);

}  // namespace mailrace::tools
