// SPDX-License-Identifier: GPL-3.0-or-later
// Where a subcommand writes: stdout or a file, buffered, with the first failure remembered.
#pragma once

#include <string>
#include <string_view>

namespace mailrace::tools {

/// A file descriptor to write to. After a failure everything is dropped; ask error() at the end.
class Output {
 public:
  /// stdout; it is not closed.
  static Output standard() { return Output(1, false); }
  /// Creates the file, or empties it; no symbolic link is followed. A failure shows in error().
  static Output create(const std::string& path);

  Output(Output&& other) noexcept;
  Output& operator=(Output&&) = delete;
  Output(const Output&) = delete;
  ~Output();

  void write(std::string_view text);
  void flush();
  /// Makes what was written stable (fsync).
  void sync();
  void close();

  /// errno of the first failure; 0: none.
  int error() const noexcept { return error_; }
  bool is_terminal() const;

 private:
  Output(int fd, bool owned) : fd_(fd), owned_(owned) {}
  void write_all(std::string_view text);

  int fd_;
  bool owned_;
  int error_ = 0;
  std::string buffer_;
};

/// Prints `mailrace spool: what` as one line on stderr.
void complain(std::string_view what);
/// complain() with the text of an errno behind a colon.
void complain_errno(std::string_view what, int error);

}  // namespace mailrace::tools
