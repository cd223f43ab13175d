// SPDX-License-Identifier: GPL-3.0-or-later
// JSON objects on one line, always valid, whatever octets are put in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::tools {

/// Appends `text` as a JSON string with its quotes. Octets that are not UTF-8 become U+FFFD, one
/// each: the line stays valid, and what was sent is in the spool.
void add_json_string(std::string& target, std::string_view text);

/// Builds one object, member by member, onto a string that is reused from line to line.
class JsonLine {
 public:
  /// target   the object is appended to it; borrowed for the builder's life
  explicit JsonLine(std::string& target) : target_(target) { target_ += '{'; }
  JsonLine(const JsonLine&) = delete;
  JsonLine& operator=(const JsonLine&) = delete;

  JsonLine& text(std::string_view name, std::string_view value);
  JsonLine& number(std::string_view name, int64_t value);
  JsonLine& number(std::string_view name, uint64_t value);
  /// Appends what is JSON already.
  JsonLine& raw(std::string_view name, std::string_view json);
  /// Closes the object and the line.
  void end() { target_ += "}\n"; }

 private:
  void name(std::string_view name);

  std::string& target_;
  bool first_ = true;
};

/// One object without a line end, to stand in another one.
/// add_members   is called with its JsonLine
template <class AddMembers>
std::string json_object(AddMembers&& add_members) {
  std::string text;
  JsonLine line(text);
  add_members(line);
  line.end();
  text.pop_back();
  return text;
}

}  // namespace mailrace::tools
