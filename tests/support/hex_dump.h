// SPDX-License-Identifier: GPL-3.0-or-later
// The worked example of spool/FORMAT.md: the mail in it, and its hex dump as code and as document.
#pragma once

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "tests/support/segment_builder.h"

#include <cstdio>
#include <fstream>
#include <string>

namespace mailrace::tests {

/// Mail 1 of the example: received at 0, data "hello".
inline TestMail worked_example_mail() {
  return {.mail_id = 1,
          .reverse_path = "a@example.org",
          .forward_paths = {"b@example.com", "c@example.com"},
          .data = "hello",
          .received_at_ns = 0};
}

/// Of the example's spool.
inline constexpr uint64_t kWorkedExampleSalt = 0x0123456789abcdef;

/// As `hexdump -C` writes it: 16 octets a line; lines that repeat the one before become one `*`;
/// the size at the end.
inline std::string hex_dump(core::Octets octets) {
  std::string dump;
  bool starred = false;
  for (size_t at = 0; at < octets.size(); at += 16) {
    const core::Octets line = octets.subspan(at, std::min<size_t>(16, octets.size() - at));
    const bool repeats = at >= 16 && line.size() == 16 &&
                         core::as_text(line) == core::as_text(octets.subspan(at - 16, 16));
    if (repeats) {
      if (!starred) dump += "*\n";
      starred = true;
      continue;
    }
    starred = false;
    char text[32];
    std::snprintf(text, sizeof text, "%08zx ", at);
    dump += text;
    std::string printable;
    for (size_t i = 0; i < 16; ++i) {
      if (i == 8) dump += ' ';
      if (i >= line.size()) {
        dump += "   ";
        continue;
      }
      std::snprintf(text, sizeof text, " %02x", unsigned(line[i]));
      dump += text;
      const char c = char(line[i]);
      printable += c >= ' ' && c <= '~' ? c : '.';
    }
    dump += "  |" + printable + "|\n";
  }
  char text[32];
  std::snprintf(text, sizeof text, "%08zx\n", octets.size());
  return dump + text;
}

/// The text between the ``` lines of the section "Worked example".
inline std::string format_md_dump() {
  std::ifstream file(MAILRACE_SOURCE_DIR "/spool/FORMAT.md");
  MAILRACE_CHECK(file.is_open());
  std::string dump;
  std::string line;
  bool in_section = false;
  bool in_dump = false;
  while (std::getline(file, line)) {
    if (line.starts_with("## ")) in_section = line == "## Worked example";
    if (!in_section) continue;
    if (line.starts_with("```")) {
      if (in_dump) break;
      in_dump = true;
    } else if (in_dump) {
      dump += line + "\n";
    }
  }
  return dump;
}

}  // namespace mailrace::tests
