// SPDX-License-Identifier: GPL-3.0-or-later
// Where a subcommand writes: stdout or a file, buffered, with the first failure remembered.
#pragma once

#include <cstdint>
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
  /// Opens a regular file of lines, made if it is missing, to add to it; what stands behind the
  /// last line end is cut off. A failure shows in error().
  static Output append_lines(const std::string& path);

  Output(Output&& other) noexcept;
  Output& operator=(Output&&) = delete;
  Output(const Output&) = delete;
  ~Output();

  void write(std::string_view text);
  void flush();
  /// Starts to bring what was written to the disk, so that many files that are synced later share
  /// the disk's time and the file system's journal. Promises nothing.
  void begin_sync();
  /// Makes what was written stable (fsync).
  void sync();
  void close();
  /// Octets of the file, with what was written here. Of append_lines() only.
  uint64_t size() const { return file_bytes_ + buffer_.size(); }
  /// Takes back what was written behind so many octets of the file; a failure, if somebody else has
  /// cut it meanwhile. Of append_lines() only.
  void cut(uint64_t bytes);
  /// Whether the file is shorter than what was written. Of append_lines() only.
  bool was_cut() const;
  /// Goes on from where the file ends now, whoever cut it. Of append_lines() only, with nothing
  /// written that is wanted still.
  void note_end();
  /// Adds what the other file has from `begin` on; both of append_lines().
  void append_from(Output& other, uint64_t begin);

  /// errno of the first failure; 0: none.
  int error() const noexcept { return error_; }
  bool is_terminal() const;

 private:
  Output(int fd, bool owned) : fd_(fd), owned_(owned) {}
  void write_all(std::string_view text);

  int fd_;
  bool owned_;
  int error_ = 0;
  uint64_t file_bytes_ = 0;  // written
  std::string buffer_;
};

/// Prints `mailrace spool: what` as one line on stderr.
void complain(std::string_view what);
/// complain() with the text of an errno behind a colon.
void complain_errno(std::string_view what, int error);

}  // namespace mailrace::tools
