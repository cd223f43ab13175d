// SPDX-License-Identifier: GPL-3.0-or-later
// The directories of a spool, and the lock that says whose they are.
#pragma once

#include "net/fd.h"
#include "tools/lib/file_lock.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace mailrace::tools {

/// What a server makes before it writes to a spool, and makes again if somebody takes it away. Each
/// step fails with one line that says what is wrong; a name that was made is stable when it ends.
class SpoolDirectories {
 public:
  /// spool   path of the spool's directory
  explicit SpoolDirectories(std::string spool) : spool_(std::move(spool)) {}

  /// Makes the spool's directory if it is missing, and takes the lock in it.
  std::optional<std::string> take();
  /// The same, for a server that starts. If the spool has been in use, but its lock is gone, waits
  /// until a server that runs there all the same has noticed, and writes no more.
  std::optional<std::string> take_at_start();
  /// Instead: with the lock of a server that still has it, see takeover.h. fd   becomes ours
  void share(int fd) { lock_.adopt(fd); }
  /// Says in the lock who has it.
  std::optional<std::string> sign() const;
  int lock_descriptor() const { return lock_.descriptor(); }
  /// Whether the lock is held, and is the one that another server would find.
  bool is_taken() const { return lock_.is_named(lock_path()); }
  /// Makes the directory of a worker if it is missing, and takes it: as long as this lives, nobody
  /// else writes to it, or recovers it. Requires: is_taken().
  std::optional<std::string> make_worker(uint32_t worker);
  /// Lets others have the directories of our workers: ours write no more.
  void give_back_workers() { workers_.clear(); }
  /// Takes the directory of a worker that is not ours, for as long as the descriptor is open.
  /// returns   not open: another process has it, or it is not there
  net::Fd borrow_worker(uint32_t worker) const;

 private:
  std::string lock_path() const { return spool_ + "/lock"; }
  bool lacks_lock() const;

  std::string spool_;
  FileLock lock_;
  std::map<uint32_t, net::Fd> workers_;  // directories that are locked
};

}  // namespace mailrace::tools
