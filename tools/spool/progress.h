// SPDX-License-Identifier: GPL-3.0-or-later
// The line on stderr that moves while a long walk lasts.
#pragma once

#include <cstdint>

namespace mailrace::tools {

/// Shows how far a walk is, from its second second on, and only if somebody sits there: stderr is a
/// terminal, and the results do not go to the same one.
class Progress {
 public:
  /// quiet   the results are shown on the terminal as they come
  explicit Progress(bool quiet);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Wipes the line.
  ~Progress() { clear(); }

  void add_bytes(uint64_t bytes);
  void add_mail() { ++mails_; }
  /// Wipes the line, so that something else can be printed.
  void clear();

 private:
  bool enabled_;
  bool shown_ = false;
  uint64_t bytes_ = 0;
  uint64_t mails_ = 0;
  uint64_t next_ms_ = 0;
};

}  // namespace mailrace::tools
