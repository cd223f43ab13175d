// SPDX-License-Identifier: GPL-3.0-or-later
// The files that a server needs once it runs, and no others.
#pragma once

#include "tools/serve/lockdown.h"

#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

/// What is left of the file system.
struct FileAccess {
  std::vector<std::string> written;  // directories, with all that is in them
  std::vector<std::string> read;     // directories or files, likewise
};

/// Where a file is found, now or once another one takes its place: its directory, and if it is a
/// symbolic link the one that it leads to. The root directory is never among them, but files in it
/// are.
/// file   with all of its path
std::vector<std::string> places_of(const std::string& file);

/// For the calling thread and all that it starts from then on: files elsewhere cannot be opened,
/// made, renamed or removed, and no TCP connection made nor port bound, whoever asks, a ring
/// included. What is not there is left out. Does nothing without options.landlock, and on a kernel
/// that has no Landlock. Requires: forbid_new_privileges().
/// fails    with one line
/// source   landlock(7)
std::optional<std::string> forbid_other_files(const LockdownOptions& options,
                                              const FileAccess& access);

/// What holds, for the log: with the version that the kernel has.
std::string file_access_word(const LockdownOptions& options);

}  // namespace mailrace::tools
